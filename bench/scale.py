"""What one run costs when 10, 100, 1,000, 10,000 are under way at once in one factory.

`python -m bench.scale` plays each load at each size in a process of its own, prints ratios to the smallest size,
and writes docs/benchmarks/scale.md. It exits 1 when a run costs over LIMIT times as much at the largest size as at
100 runs, in storage operations or in service calls. `--most N` leaves larger sizes out (and writes no page).
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from bench.loads import LOADS
from bench.page import written
from bench.table import GROUPS, table
from bench.virtual import VirtualBaton

SIZES: dict[str, Sequence[int]] = {
    "pipelines-short": (10, 100, 1_000, 10_000),
    "chains-short": (10, 100, 1_000, 10_000),
    "pipelines-hour": (10, 100, 1_000, 10_000),
    "chains-hour": (10, 100, 1_000, 10_000),
    "one-at-a-time": (10, 100, 1_000),
    "one-model": (10, 30, 100),
}
HELD = ("pipelines-short", "chains-short", "pipelines-hour", "chains-hour", "one-at-a-time")
LIMIT = 1.5
BASE = 100


@dataclass(frozen=True, slots=True)
class Measured:
    """One load at one size. `counts`: in all, by name; `most_queries`: of the factory, in one virtual minute."""

    runs: int
    most_active: int
    minutes: float
    counts: dict[str, int]
    most_queries: int
    cpu_seconds: float
    resident_mb: float

    def each(self, names: Sequence[str]) -> float:
        """So many for each run."""
        return sum(self.counts.get(name, 0) for name in names) / self.runs


def measure(load: str, runs: int) -> Measured:
    """Plays it here and now."""
    baton = VirtualBaton()
    wanted = LOADS[load](baton, runs)
    before_mb = _resident_mb()
    began = time.process_time()
    baton.play(wanted)
    cpu_seconds = time.process_time() - began - baton.simulation.seconds
    return Measured(
        runs=runs,
        most_active=baton.most_active,
        minutes=baton.minutes,
        counts=dict(baton.counts + baton.azure.calls),
        most_queries=baton.most_queries,
        cpu_seconds=cpu_seconds,
        resident_mb=_resident_mb() - before_mb,
    )


def too_much(load: str, measured: Sequence[Measured]) -> list[str]:
    """What grew with the number of runs, in words."""
    base = next((each for each in measured if each.runs == BASE), measured[-1])
    last = measured[-1]
    return [
        f"{load}: {group} for each run are {last.each(names) / base.each(names):.2f} times as many"
        f" with {last.runs:,} runs as with {BASE}"
        for group, names in GROUPS.items()
        if last.each(names) > LIMIT * base.each(names)
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", nargs=2, metavar=("LOAD", "RUNS"), help="play one, and print it as JSON")
    parser.add_argument("--most", type=int, default=10_000)
    told = parser.parse_args()
    if told.one:
        logging.getLogger("baton").setLevel(logging.CRITICAL)
        print(json.dumps(asdict(measure(told.one[0], int(told.one[1])))))
        return 0
    tables, faults = [], []
    for load, sizes in SIZES.items():
        measured = [_apart(load, runs) for runs in sizes if runs <= told.most]
        tables.append(table(load, measured))
        print(f"\n{tables[-1]}", flush=True)
        faults += too_much(load, measured) if load in HELD else []
    print("\n".join(faults) or f"\nNo run costs over {LIMIT} times what it costs with {BASE} under way.")
    if told.most >= max(SIZES["chains-short"]):
        written(tables, faults, LIMIT, BASE)
    return 1 if faults else 0


def _apart(load: str, runs: int) -> Measured:
    """In a process of its own, so that memory is its own."""
    command = [sys.executable, "-m", "bench.scale", "--one", load, str(runs)]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Measured(**json.loads(told.stdout))


def _resident_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main())
