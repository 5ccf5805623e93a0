"""A run's progress in a terminal: redrawn in place where there is one, a line for each change elsewhere."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TextIO

_MARKS = {
    "waiting": "·",
    "starting": "…",
    "running": "▸",
    "succeeded": "✓",
    "failed": "✗",
    "cancelled": "■",
    "skipped": "-",
}
_MOST_OUTPUT = 60

Run = Mapping[str, Any]
StepView = Mapping[str, Any]


@dataclass(slots=True)
class Progress:
    """Shows one run after the other state of it. `show` may be called as often as one likes."""

    out: TextIO = field(default_factory=lambda: sys.stdout)
    _shown: dict[str, str] = field(default_factory=dict)
    _drawn: int = 0

    def show(self, run: Run, elapsed_seconds: float) -> None:
        """Draws the run as it is now."""
        if self.out.isatty():
            self._redraw(run, elapsed_seconds)
        else:
            self._append(run, elapsed_seconds)

    def _redraw(self, run: Run, elapsed_seconds: float) -> None:
        lines = [f"  {run['chain']} {run['status']} after {elapsed_seconds:.0f} s"]
        lines += [f"  {_MARKS.get(step['status'], '?')} {step_line(step)}" for step in run["steps"]]
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        self.out.write(up + "".join(f"\x1b[2K{line}\n" for line in lines))
        self.out.flush()
        self._drawn = len(lines)

    def _append(self, run: Run, elapsed_seconds: float) -> None:
        for step in run["steps"]:
            line = step_line(step)
            if self._shown.get(step["name"]) != line:
                self._shown[step["name"]] = line
                self.out.write(f"  {elapsed_seconds:5.1f} s  {_MARKS.get(step['status'], '?')} {line}\n")
        self.out.flush()


def step_line(step: StepView) -> str:
    """One step in one line: its state, the service's word for its job, what it gave or why it failed."""
    job = step["job"]
    parts = [f"{step['name']:<12} {step['status']:<10}", f"{job['status']:<11}" if job else ""]
    if step["output"] is not None:
        text = json.dumps(step["output"])
        parts.append(text if len(text) <= _MOST_OUTPUT else text[:_MOST_OUTPUT] + "…")
    if step["error"]:
        parts.append(f"{step['error']['code']}: {step['error']['message']}")
    return " ".join(part for part in parts if part).rstrip()


def took_seconds(step: StepView) -> float | None:
    """How long the step's job took; None while it has not ended."""
    if not step["started_at"] or not step["finished_at"]:
        return None
    began, ended = (datetime.fromisoformat(step[name]) for name in ("started_at", "finished_at"))
    return (ended - began).total_seconds()
