"""Everything that one `make bench` has measured, and what tables ask of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.peers.stage import Kind
from bench.peers.tools import REFERENCE, TOOLS

PIPELINE_LOOKS = ("data_factory.get_run", "data_factory.query_runs")
FABRIC_LOOKS = ("fabric.instance", "fabric.list", "fabric.notebook_instance")
REFRESH_LOOKS = ("power_bi.history", "power_bi.get_refresh")

# What a call is for, by the operations that are for it.
PURPOSES: Mapping[str, Sequence[str]] = {
    "starts a job": ("data_factory.create_run", "fabric.run"),
    "looks at it": (*PIPELINE_LOOKS, *FABRIC_LOOKS),
    "starts a refresh": ("power_bi.refresh",),
    "looks at it again": REFRESH_LOOKS,
    "asks Entra": ("identity.token", "identity.discovery", "identity.instances"),
}


@dataclass(frozen=True, slots=True)
class Measured:
    """One case, as its process has told it (bench/peers/case.py)."""

    tool: str
    runs: int
    minutes: int
    told: Mapping[str, Any]

    def calls(self, operations: Iterable[str] | None = None) -> float:
        """Service calls for each run: of these operations, or all."""
        counted: Mapping[str, int] = self.told["calls"]
        names = counted if operations is None else operations
        return sum(counted.get(name, 0) for name in names) / self.runs

    def number(self, name: str) -> float | None:
        """A figure by its name; None where the tool has none."""
        return None if self.told[name] is None else float(self.told[name])

    @property
    def cpu_milliseconds(self) -> float:
        """Of one run."""
        return float(self.told["cpu_seconds"]) / self.runs * 1_000

    @property
    def succeeded(self) -> int:
        """Runs that their tool calls a success."""
        return int(self.told["outcomes"].get("succeeded", 0))


@dataclass(frozen=True, slots=True)
class Results:
    """`faults`: by tool, then by misfortune, the verdicts of the books."""

    cases: Sequence[Measured]
    faults: Mapping[str, Mapping[str, Mapping[str, int]]]
    about: Mapping[str, Any]

    def case(self, tool: str, runs: int, minutes: int) -> Measured | None:
        return next((c for c in self.cases if (c.tool, c.runs, c.minutes) == (tool, runs, minutes)), None)

    def reference(self, case: Measured) -> Measured | None:
        """Baton in the same case, without past runs."""
        return self.case(REFERENCE[TOOLS[case.tool].kind], case.runs, case.minutes)

    def sizes(self, kind: Kind) -> list[int]:
        return sorted({case.runs for case in self.cases if TOOLS[case.tool].kind == kind})

    def lengths(self, kind: Kind) -> list[int]:
        """Minutes."""
        return sorted({case.minutes for case in self.cases if TOOLS[case.tool].kind == kind})

    def tools(self, kind: Kind) -> list[str]:
        measured = {case.tool for case in self.cases}
        return [name for name, entry in TOOLS.items() if entry.kind == kind and name in measured]

    def written(self, path: Path) -> None:
        cases = [dict(case.told) for case in self.cases]
        told = {"about": dict(self.about), "cases": cases, "faults": self.faults}
        path.write_text(json.dumps(told, indent=1, sort_keys=True) + "\n")


def read(path: Path) -> Results:
    """What `written` wrote."""
    told = json.loads(path.read_text())
    faults = {tool: told["faults"][tool] for tool in TOOLS if tool in told["faults"]}
    return Results([measured(each) for each in told["cases"]], faults, told["about"])


def measured(told: Mapping[str, Any]) -> Measured:
    return Measured(told["tool"], told["runs"], told["minutes"], told)
