"""One case in this process: `python -m bench.peers.case TOOL RUNS MINUTES` prints what it measured as JSON.

`python -m bench.peers.case TOOL RUNS MINUTES --faults` plays every misfortune instead, and prints a list.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from bench.peers.books import Verdicts, delays, verdicts
from bench.peers.faults import MISFORTUNES, Misfortune, OncePerRun, once_per_run
from bench.peers.network import Network
from bench.peers.stage import Case, Stage
from bench.peers.tools import TOOLS
from bench.peers.virtual_time import VirtualTime

SETTLE_SECONDS = 86_400.0  # after the last run has ended for its tool: what was left running ends, too


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """`calls`: by operation. `delay_…`: from a pipeline's end to its refresh's start; None of a refresh alone.
    `start_mb`: with everything imported, before the first run. `storage`: Baton's own storage operations.
    """

    tool: str
    runs: int
    minutes: int
    calls: dict[str, int]
    delay_median: float | None
    delay_95: float | None
    cpu_seconds: float
    start_mb: float
    peak_mb: float
    wall_seconds: float
    storage: int | None
    outcomes: dict[str, int]


def measure(case: Case) -> Measured:
    """Plays it here and now. This process is of no other use afterwards: its clock and its network are gone."""
    stage = _stage(case)
    entry = TOOLS[case.tool]
    entry.prepare(stage)
    tool = entry.make(stage)
    for number, at in stage.starts():
        stage.time.at(at, lambda number=number: tool.begin(number))  # type: ignore[misc]
    start_mb = _peak_mb()
    began, wall, own = time.process_time(), time.perf_counter(), stage.network.own_seconds
    stage.time.run(stage.ended)
    cpu_seconds = time.process_time() - began - (stage.network.own_seconds - own)
    cpu_seconds -= getattr(tool, "checking_seconds", 0.0)
    wall_seconds = time.perf_counter() - wall
    outcomes = list(stage.outcomes.values())
    waited = [] if case.kind == "refresh" else delays(stage)
    return Measured(
        tool=case.tool,
        runs=case.runs,
        minutes=case.minutes,
        calls=dict(stage.azure.calls),
        delay_median=median(waited) if waited else None,
        delay_95=quantiles(waited, n=20, method="inclusive")[18] if len(waited) > 1 else None,
        cpu_seconds=cpu_seconds,
        start_mb=start_mb,
        peak_mb=_peak_mb(),
        wall_seconds=wall_seconds,
        storage=getattr(tool, "storage_operations", None),
        outcomes={outcome: outcomes.count(outcome) for outcome in set(outcomes)},
    )


def play_faults(case: Case) -> list[tuple[str, Verdicts]]:
    """Every misfortune, each over all runs of the case, one run at a time."""
    clock, network = None, None
    found = []
    for misfortune in MISFORTUNES:
        wanted = Case(
            tool=case.tool, kind=case.kind, runs=case.runs, minutes=case.minutes, misfortune=misfortune.name
        )
        stage = _stage(wanted, clock, network)
        clock, network = stage.time, stage.network
        found.append((misfortune.name, _struck(stage, misfortune)))
    return found


def _struck(stage: Stage, misfortune: Misfortune) -> Verdicts:
    entry = TOOLS[stage.case.tool]
    entry.prepare(stage)
    tool = entry.make(stage)
    faults = once_per_run(misfortune, stage.case, lambda: stage.time.seconds)
    stage.azure.faults = faults
    first = stage.time.seconds

    def begin(number: int) -> None:
        faults.arm()
        tool.begin(number)

    for number, at in stage.starts():
        stage.time.at(first + at, lambda number=number: begin(number))  # type: ignore[misc]
    stage.time.run(stage.ended)
    stage.time.seconds += SETTLE_SECONDS
    _all_were_struck(stage, faults)
    return verdicts(stage)


def _all_were_struck(stage: Stage, faults: OncePerRun) -> None:
    """A run that met no misfortune would make the tool look better than it is."""
    if faults.struck < stage.case.runs:
        raise RuntimeError(f"{stage.case}: only {faults.struck} runs met their misfortune")


def _stage(case: Case, clock: VirtualTime | None = None, network: Network | None = None) -> Stage:
    """A new simulated Azure; clock and network are installed once in a process."""
    if clock is not None and network is not None:
        return Stage(case, clock, network)
    clock = VirtualTime()
    stage = Stage(case, clock, Network.__new__(Network))
    stage.network = network = Network(stage.azure)
    network.install(coroutines=TOOLS[case.tool].coroutines)
    clock.install()
    return stage


def _peak_mb() -> float:
    """The most memory that this process has had; its parent's is not in it, as it is in getrusage's figure."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    line = next(each for each in status.read_text().splitlines() if each.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tool", choices=sorted(TOOLS))
    parser.add_argument("runs", type=int)
    parser.add_argument("minutes", type=int)
    parser.add_argument("--faults", action="store_true")
    told = parser.parse_args(arguments)
    answer = _quiet_output()
    logging.basicConfig(level=logging.INFO)
    logging.getLogger("azure").setLevel(logging.WARNING)
    case = Case(tool=told.tool, kind=TOOLS[told.tool].kind, runs=told.runs, minutes=told.minutes)
    result: Any
    if told.faults:
        result = [{"misfortune": name, **asdict(each)} for name, each in play_faults(case)]
    else:
        result = asdict(measure(case))
    os.write(answer, json.dumps(result).encode())
    return 0


def _quiet_output() -> int:
    """Tools log each look, as they do by default; it goes nowhere. What is returned is the real output."""
    answer = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    if "BENCH_LOUD" not in os.environ:
        os.dup2(nowhere, 2)
    return answer


if __name__ == "__main__":
    sys.exit(main())
