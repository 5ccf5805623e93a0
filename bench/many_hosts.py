"""Many chains on hosts that are killed and frozen, over an Azurite that restarts and services that fail.

`python -m bench.many_hosts [--chains 300] [--hosts 3] [--seconds 150] [--seed 1]`
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.end_to_end.trouble.many_hosts import Outcome, Plan, play

_SECONDS_FOR_EACH = {"kills": 4, "freezes": 18, "restarts": 30}  # of trouble, one of its kind in so many seconds


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.many_hosts", description=__doc__)
    parser.add_argument("--chains", type=int, default=300)
    parser.add_argument("--hosts", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=150, help="how long things break")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--logs", type=Path, help="a folder that keeps the hosts' logs and the storage")
    said = parser.parse_args()
    plan = Plan(
        seed=said.seed,
        hosts=said.hosts,
        chains=said.chains,
        flows=max(12, said.chains // 8),
        seconds=said.seconds,
        end_seconds=600,
        revive_seconds=5,
        **{kind: max(1, int(said.seconds / each)) for kind, each in _SECONDS_FOR_EACH.items()},
    )
    if said.logs is not None:
        said.logs.mkdir(parents=True, exist_ok=True)
        outcome = play(plan, said.logs)
    else:
        with tempfile.TemporaryDirectory() as folder:
            outcome = play(plan, Path(folder))
    print(report(plan, outcome))
    for violation in outcome.violations:
        print(f"{violation.kind}: {violation.what}", file=sys.stderr)
    return 1 if outcome.violations else 0


def report(plan: Plan, outcome: Outcome) -> str:
    """A table of two columns."""
    lines = {
        "seed": plan.seed,
        "chains": plan.chains,
        "calls of start": outcome.calls,
        "kills": outcome.trouble["kill"],
        "freezes": outcome.trouble["freeze"],
        "Azurite restarts": outcome.trouble["restart"],
        "jobs at the services": outcome.jobs,
        "starts of unclear outcome": outcome.actions["start_unclear"],
        "adopted after such": outcome.actions["job_adopted"],
        "second jobs, cancelled": outcome.disowned,
        "doubled": outcome.count("doubled"),
        "forgotten": outcome.count("forgotten", "poison"),
        "stale, untrue, cancelled": outcome.count("stale", "untrue", "cancelled"),
        "watched for nothing": outcome.leftovers,
        "seconds": f"{outcome.seconds:.0f}",
        "chains/s": f"{plan.chains / outcome.seconds:.2f}",
    }
    return "\n".join(f"{name:<26}{told:>8}" for name, told in lines.items())


if __name__ == "__main__":
    sys.exit(main())
