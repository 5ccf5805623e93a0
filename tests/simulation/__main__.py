"""`python -m tests.simulation SEEDS [FIRST]`: plays seeds on all cores; tells of one that fails, shrunk."""

from __future__ import annotations

import logging
import sys
import time

from tests.simulation.many import play, workers
from tests.simulation.shrink import story

REPORTED = 10_000  # where nobody watches, a line for each so many seeds


def main(count: int, first: int) -> int:
    """0 when no seed broke a rule."""
    logging.disable(logging.CRITICAL)
    began = time.perf_counter()
    played, failed = 0, []
    for block in play(first, count):
        played += block.seeds
        failed += block.failed
        for seed, found in block.failed:
            print(f"seed {seed}: {found[0]}; replay with: python -m tests.simulation 1 {seed}", flush=True)
        so_far = f"{played:,} seeds, {len(failed)} failed, {played / (time.perf_counter() - began):.0f} a second"
        if sys.stderr.isatty():
            print(f"\r{so_far} ", end="", file=sys.stderr)
        elif played % REPORTED == 0:
            print(so_far, flush=True)
    seconds, cores = time.perf_counter() - began, workers(count)
    if failed:
        print(story(failed[0][0]))
    rate = f"{played / seconds:.0f} a second, {played / seconds / cores:.0f} on each of {cores} cores"
    print(f"{played:,} seeds, {len(failed)} failed, in {seconds:.0f} s: {rate}")
    return 1 if failed else 0


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    sys.exit(main(*(numbers + [1_000, 1][len(numbers) :])))
