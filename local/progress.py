"""A run's progress in a terminal: redrawn in place where there is one, a line for each change elsewhere."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median
from typing import Any, TextIO

from local.terminal.paint import Paint, one_line, shortened, width_of_terminal

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
_CELLS = 16  # of a bar

Run = Mapping[str, Any]
StepView = Mapping[str, Any]


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Progress:
    """Shows one run after the other state of it. `show` may be called as often as one likes.

    `usual_seconds`: how long each step usually takes, where that is known.
    """

    out: TextIO = field(default_factory=lambda: sys.stdout)
    usual_seconds: Mapping[str, float] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    now: Callable[[], datetime] = _utc_now
    _shown: dict[str, str] = field(default_factory=dict)
    _drawn: int = 0

    def show(self, run: Run, elapsed_seconds: float) -> None:
        """Draws the run as it is now."""
        paint = Paint.of(self.out, self.environment)
        if paint.live:
            self._redraw(run, elapsed_seconds, paint)
        else:
            self._append(run, elapsed_seconds)

    def _redraw(self, run: Run, elapsed_seconds: float, paint: Paint) -> None:
        width = width_of_terminal() - 1
        lines = [(run["status"], f"  {run['chain']} {run['status']} after {span(elapsed_seconds)}")]
        lines += [(step["status"], f"  {_mark(step)} {self._live_line(step)}") for step in run["steps"]]
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        drawn = (f"\x1b[2K{paint.status(status, shortened(line, width))}\n" for status, line in lines)
        self.out.write(up + "".join(drawn))
        self.out.flush()
        self._drawn = len(lines)

    def _live_line(self, step: StepView) -> str:
        if step["status"] != "running" or not step["started_at"]:
            return step_line(step)
        elapsed = max((self.now() - datetime.fromisoformat(step["started_at"])).total_seconds(), 0.0)
        return f"{step_line(step)} {bar(elapsed, self.usual_seconds.get(step['name']))}"

    def _append(self, run: Run, elapsed_seconds: float) -> None:
        for step in run["steps"]:
            line = step_line(step)
            if self._shown.get(step["name"]) != line:
                self._shown[step["name"]] = line
                self.out.write(f"  {elapsed_seconds:5.1f} s  {_mark(step)} {line}\n")
        self.out.flush()


def step_line(step: StepView) -> str:
    """One step in one line: its state, the service's word for its job, what it gave or why it failed."""
    job = step["job"]
    parts = [f"{step['name']:<12} {step['status']:<10}", f"{job['status']:<11}" if job else ""]
    if step["output"] is not None:
        parts.append(shortened(json.dumps(step["output"]), _MOST_OUTPUT + 1))
    if step["error"]:
        parts.append(f"{step['error']['code']}: {one_line(step['error']['message'])}")
    return " ".join(part for part in parts if part).rstrip()


def bar(elapsed_seconds: float, usual_seconds: float | None) -> str:
    """`████······ 12 s of about 30 s`; without a past only the time."""
    if not usual_seconds:
        return span(elapsed_seconds)
    full = min(int(_CELLS * elapsed_seconds / usual_seconds), _CELLS)
    return f"{'█' * full}{'·' * (_CELLS - full)} {span(elapsed_seconds)} of about {span(usual_seconds)}"


def span(seconds: float) -> str:
    """`8 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3_600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3_600} h {whole // 60 % 60} min"


def usual_seconds_of(runs: Iterable[Run]) -> dict[str, float]:
    """By step, the median of what it took in these runs."""
    took: dict[str, list[float]] = {}
    for run in runs:
        for step in run["steps"]:
            seconds = took_seconds(step)
            if step["status"] == "succeeded" and seconds is not None:
                took.setdefault(step["name"], []).append(seconds)
    return {name: median(each) for name, each in took.items()}


def took_seconds(step: StepView) -> float | None:
    """How long the step's job took; None while it has not ended."""
    if not step["started_at"] or not step["finished_at"]:
        return None
    began, ended = (datetime.fromisoformat(step[name]) for name in ("started_at", "finished_at"))
    return (ended - began).total_seconds()


def _mark(step: StepView) -> str:
    return _MARKS.get(step["status"], "?")
