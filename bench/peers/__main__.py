"""Measures every tool in every case, each case in a process of its own, and writes docs/benchmarks.md.

`python -m bench.peers` needs the environments that `make bench` makes. `--quick` plays small cases only, and
writes no page. `--page` writes the page anew from what was measured last. What each process told is kept in
KEPT unless it is quick, and `--resume` does not measure it again: for a run that was interrupted.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.peers import in_readme, page
from bench.peers.claims import claims
from bench.peers.results import Results, measured, read
from bench.peers.stage import Kind
from bench.peers.tools import TOOLS, Environment, of_kind

ROOT = Path(__file__).resolve().parent.parent.parent
RAW = ROOT / "docs" / "benchmarks" / "peers.json"
KEPT = ROOT / ".bench"
SIZES, QUICK_SIZES = (1, 10, 100, 1_000), (1, 10)
MINUTES: Mapping[Kind, Sequence[int]] = {"adf": (10, 60), "fabric": (10, 60), "refresh": (4, 10)}
FAULT_MINUTES: Mapping[Kind, int] = {"adf": 10, "fabric": 10, "refresh": 4}
FAULT_RUNS, QUICK_FAULT_RUNS = 20, 2
CASE_SECONDS = 3_600
PACKAGES = {
    "bench": (
        "apache-airflow",
        "apache-airflow-providers-microsoft-azure",
        "dagster",
        "dagster-powerbi",
        "azure-mgmt-datafactory",
        "azure-core",
        "requests",
    ),
    "bench-fabric": (
        "apache-airflow",
        "apache-airflow-microsoft-fabric-plugin",
        "apache-airflow-providers-microsoft-azure",
    ),
}


@dataclass(frozen=True, slots=True)
class Work:
    """One process. `faults`: all misfortunes in place of the measurement."""

    tool: str
    runs: int
    minutes: int
    faults: bool

    def __str__(self) -> str:
        return f"{self.tool} {self.runs} x {'faults' if self.faults else f'{self.minutes} min'}"

    @property
    def size(self) -> int:
        return self.runs * self.minutes

    @property
    def kept(self) -> Path:
        """What its process told."""
        return KEPT / f"{self.tool}-{self.runs}-{'faults' if self.faults else self.minutes}.json"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--page", action="store_true")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes at a time")
    parser.add_argument("--bench", default=".venv-bench/bin/python", help="the Python that has the peers")
    parser.add_argument("--bench-fabric", default=".venv-bench-fabric/bin/python", help="and the Fabric plugin")
    told = parser.parse_args()
    if told.page:
        results = read(RAW)
    else:
        pythons: dict[Environment, str] = {"bench": told.bench, "bench-fabric": told.bench_fabric}
        results = _measured(pythons, told.workers, quick=told.quick, resume=told.resume)
    if not told.quick:
        results.written(RAW)
        page.written(results)
        in_readme.written(results)
    print(page.in_short(results))
    return 1 if not told.page and any(claim.held is False for claim in claims(results)) else 0


def _measured(pythons: Mapping[Environment, str], workers: int, *, quick: bool, resume: bool) -> Results:
    began, machine = time.monotonic(), _machine()
    KEPT.mkdir(exist_ok=True)
    if not quick and not resume:
        for old in KEPT.glob("*.json"):
            old.unlink()  # a later --resume is to go on with this run, not with an older one
    work = sorted(_work(quick=quick), key=lambda each: -each.size)
    with ThreadPoolExecutor(workers) as pool:
        told = list(pool.map(lambda each: _played(each, pythons, keep=not quick, resume=resume), work))
    if missing := [str(each) for each, answer in zip(work, told, strict=True) if answer is None]:
        raise SystemExit(f"Not measured, see above; RESUME=1 goes on: {', '.join(missing)}")
    cases, faults = [], {}
    for each, answer in zip(work, told, strict=True):
        if each.faults:
            faults[each.tool] = {one.pop("misfortune"): one for one in answer}
        else:
            cases.append(measured(answer))
    cases.sort(key=lambda case: (list(TOOLS).index(case.tool), case.minutes, case.runs))
    about = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": machine,
        "versions": {name: _versions(python, PACKAGES[name]) for name, python in pythons.items()},
        "took": "in parts" if resume else f"in {round((time.monotonic() - began) / 60)} minutes",
        "fault_runs": QUICK_FAULT_RUNS if quick else FAULT_RUNS,
    }
    return Results(cases, faults, about)


def _work(*, quick: bool) -> Iterator[Work]:
    for kind, lengths in MINUTES.items():
        for tool in of_kind(kind, faults=False):
            for minutes in lengths[:1] if quick else lengths:
                for runs in QUICK_SIZES if quick else SIZES:
                    yield Work(tool, runs, minutes, faults=False)
        for tool in of_kind(kind, faults=True):
            yield Work(tool, QUICK_FAULT_RUNS if quick else FAULT_RUNS, FAULT_MINUTES[kind], faults=True)


def _played(work: Work, pythons: Mapping[Environment, str], *, keep: bool, resume: bool) -> Any:
    """What the process printed; None when it has failed, with its complaint on our own error output."""
    if resume and work.kept.exists():
        return json.loads(work.kept.read_text())
    began = time.monotonic()
    python = str(ROOT / pythons[TOOLS[work.tool].environment])
    command = [python, "-m", "bench.peers.case", work.tool, str(work.runs), str(work.minutes)]
    command += ["--faults"] if work.faults else []
    told = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=CASE_SECONDS)
    if told.returncode:
        print(f"{work} ended with {told.returncode}:\n{told.stderr[-4_000:]}", file=sys.stderr, flush=True)
        return None
    print(f"{work!s:<48}{time.monotonic() - began:>6.0f} s", file=sys.stderr, flush=True)
    if keep:
        work.kept.write_text(told.stdout)
    return json.loads(told.stdout)


def _machine() -> str:
    system = (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    )
    return f"{system}, load average {os.getloadavg()[0]:.0f} at the beginning"


def _versions(python: str, packages: Sequence[str]) -> dict[str, str]:
    code = (
        f"import importlib.metadata as m, json; print(json.dumps({{n: m.version(n) for n in {list(packages)!r}}}))"
    )
    told = subprocess.run([str(ROOT / python), "-c", code], check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, str] = json.loads(told.stdout)
    return found


if __name__ == "__main__":
    sys.exit(main())
