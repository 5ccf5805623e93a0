"""Thousands of starts at once, over Azurite with two hosts and over SQLite with one.

`python -m bench.burst [--starts NUMBER] [--callers 500] [--storage azurite|sqlite]`
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import median, quantiles

from tests.end_to_end.trouble.burst import BurstOutcome, BurstPlan, burst

_HOSTS = {"sqlite": 1, "azurite": 2}
_STARTS = {
    "sqlite": 5_000,
    "azurite": 1_000,
}  # Azurite slows down with the rows that it holds


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.burst", description=__doc__)
    parser.add_argument("--starts", type=int, help="5,000 over SQLite, 1,000 over Azurite by default")
    parser.add_argument("--callers", type=int, default=500, help="how many call at the same time")
    parser.add_argument("--storage", choices=sorted(_HOSTS), action="append", help="both by default")
    said = parser.parse_args()
    wrong = False
    for storage in said.storage or sorted(_HOSTS):
        plan = BurstPlan(
            storage=storage,
            starts=said.starts or _STARTS[storage],
            hosts=_HOSTS[storage],
            callers=said.callers,
            revive_seconds=60,
            end_seconds=1_800,
        )
        with tempfile.TemporaryDirectory() as folder:
            outcome = burst(plan, Path(folder))
        print(report(plan, outcome), flush=True)
        for violation in outcome.violations[:20]:
            print(f"{violation.kind}: {violation.what}", file=sys.stderr)
        wrong = wrong or bool(outcome.violations)
    return 1 if wrong else 0


def report(plan: BurstPlan, outcome: BurstOutcome) -> str:
    """A table of two columns."""
    answers = outcome.answers
    lines = {
        "storage, hosts, callers": f"{plan.storage}, {plan.hosts}, {plan.callers}",
        "starts": plan.starts,
        "202 at the first call": answers[202],
        "429 at the first call": answers[429],
        "503 at the first call": answers[503],
        "any other answer, or none": plan.starts - answers[202] - answers[429] - answers[503],
        "seconds for these calls": f"{outcome.seconds:.1f}",
        "accepted per second": f"{answers[202] / outcome.seconds:.1f}",
        "median latency, seconds": f"{median(outcome.waits):.2f}",
        "99th percentile, seconds": f"{quantiles(outcome.waits, n=100)[98]:.2f}",
        "seconds until all had ended": f"{outcome.all_seconds:.0f}",
        "most memory of a host, MB": f"{outcome.peak_megabytes:.0f}",
        "violations": len(outcome.violations),
    }
    return "\n".join(f"{name:<28}{told:>20}" for name, told in lines.items()) + "\n"


if __name__ == "__main__":
    sys.exit(main())
