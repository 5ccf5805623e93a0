"""`python -m tests.simulation SEEDS [FIRST]`: plays so many seeds, and prints the history of one that fails."""

from __future__ import annotations

import logging
import sys
import time

from tests.simulation.invariants import violations
from tests.simulation.simulation import Simulation


def main(count: int, first: int) -> int:
    logging.disable(logging.CRITICAL)
    began = time.perf_counter()
    failed = 0
    effects = 0
    for seed in range(first, first + count):
        simulation = Simulation(seed)
        simulation.run()
        effects += simulation.scheduler.effects
        found = violations(simulation)
        if found:
            failed += 1
            print(f"seed {seed}: {len(found)} violations; replay with: python -m tests.simulation 1 {seed}")
            print("\n".join(f"  {text}" for text in found[:10]))
            if count == 1:
                print("\n".join(simulation.scheduler.history[-400:]))
    seconds = time.perf_counter() - began
    print(
        f"{count} seeds, {failed} failed, {count / seconds:.1f} seeds a second, {effects // count} effects a seed"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    sys.exit(main(*(numbers + [100, 1][len(numbers) :])))
