"""Where the bars of a run's timeline go. Horizontal places are in percent, so that the picture fits any width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.core.run import FINAL_STEP, Run, Step, StepStatus
from shared.web.pages.attempts import Attempt
from shared.web.pages.words import duration

ROW_HEIGHT = 52
BAR_TOP, BAR_HEIGHT = 29, 13
LEAST_WIDTH = 0.6  # percent: what is shorter can still be seen
MOST_LINKS = 300
_LETTER = {"succeeded": "s", "failed": "f", "cancelled": "c", "running": "r", "starting": "r", "put off": "w"}
_TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200, 86_400)
_DAY = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A bar. `letter` says what it stands for, as in `charts`; `u` is the rest of a usual duration."""

    x: str
    width: str
    y: int
    letter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A straight piece of an arrow from a step to one after it."""

    x1: str
    y1: int
    x2: str
    y2: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A moment on the axis, by the time since the run began."""

    x: str
    label: str
    anchor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gantt:
    """The whole picture: one row for each step, in the given order."""

    height: int
    bar_height: int
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    ticks: tuple[Tick, ...]


def in_order(run: Run) -> tuple[Step, ...]:
    """The steps, each behind those that it comes after, else as the chains file has them."""
    placed: list[Step] = []
    names: set[str] = set()
    left = list(run.steps)
    while left:
        ready = [step for step in left if set(run.step_definition(step.name).after) <= names]
        for step in ready or left:
            placed.append(step)
            names.add(step.name)
        left = [step for step in left if step.name not in names]
    return tuple(placed)


def gantt(
    run: Run,
    steps: Sequence[Step],
    tries: Mapping[str, Sequence[Attempt]],
    usual: Mapping[str, float],
    now: datetime,
) -> Gantt | None:
    """None when nothing of the run has begun. `usual`: usual seconds of the steps that run now."""
    begun = [attempt for step in steps for attempt in tries.get(step.name, ())]
    if not begun:
        return None
    scale = _scale(run, steps, tries, usual, now)
    rows = {step.name: row for row, step in enumerate(steps)}
    boxes = [box for step in steps for box in _boxes(step, tries.get(step.name, ()), rows, usual, scale, now)]
    return Gantt(
        height=len(steps) * ROW_HEIGHT,
        bar_height=BAR_HEIGHT,
        boxes=tuple(boxes),
        lines=tuple(_links(run, steps, tries, rows, scale))[:MOST_LINKS],
        ticks=tuple(_ticks(scale)),
    )


@dataclass(frozen=True, slots=True)
class _Scale:
    begin: datetime
    seconds: float

    def x(self, time: datetime) -> float:
        share = (time - self.begin).total_seconds() / self.seconds
        return 100 * min(1.0, max(0.0, share))


def _scale(
    run: Run,
    steps: Sequence[Step],
    tries: Mapping[str, Sequence[Attempt]],
    usual: Mapping[str, float],
    now: datetime,
) -> _Scale:
    """From the run's beginning to its end; of one under way, to when its steps usually end."""
    ends = [run.finished_at or now]
    for step in steps:
        of_step = tries.get(step.name, ())
        if step.status is StepStatus.RUNNING and of_step and step.name in usual:
            ends.append(of_step[-1].began_at + timedelta(seconds=usual[step.name]))
    return _Scale(run.created_at, max(1.0, (max(ends) - run.created_at).total_seconds()))


def _boxes(
    step: Step,
    of_step: Sequence[Attempt],
    rows: Mapping[str, int],
    usual: Mapping[str, float],
    scale: _Scale,
    now: datetime,
) -> list[Box]:
    y = rows[step.name] * ROW_HEIGHT + BAR_TOP
    found = []
    for attempt in of_step:
        left = scale.x(attempt.began_at)
        right = scale.x(attempt.ended_at or now)
        under_way = attempt.ended_at is None and step.status not in FINAL_STEP
        if under_way and step.name in usual:
            right_usual = scale.x(attempt.began_at + timedelta(seconds=usual[step.name]))
            found.append(_box(left, max(right, right_usual), y, "u"))
        found.append(_box(left, right, y, _LETTER.get(attempt.status, "w")))
    return found


def _box(left: float, right: float, y: int, letter: str) -> Box:
    left = min(left, 100 - LEAST_WIDTH)
    return Box(x=f"{left:.2f}%", width=f"{max(right - left, LEAST_WIDTH):.2f}%", y=y, letter=letter)


def _links(
    run: Run,
    steps: Sequence[Step],
    tries: Mapping[str, Sequence[Attempt]],
    rows: Mapping[str, int],
    scale: _Scale,
) -> list[Line]:
    """From the end of each step down to where the steps after it begin."""
    found = []
    for step in steps:
        own = tries.get(step.name, ())
        for before in run.step_definition(step.name).after:
            earlier = tries.get(before, ())
            if not own or not earlier or earlier[-1].ended_at is None:
                continue
            x = scale.x(earlier[-1].ended_at)
            target = scale.x(own[0].began_at)
            top = rows[before] * ROW_HEIGHT + BAR_TOP + BAR_HEIGHT
            middle = rows[step.name] * ROW_HEIGHT + BAR_TOP + BAR_HEIGHT // 2
            found.append(Line(x1=f"{x:.2f}%", y1=top, x2=f"{x:.2f}%", y2=middle))
            if target - x > 0.01:
                found.append(Line(x1=f"{x:.2f}%", y1=middle, x2=f"{target:.2f}%", y2=middle))
    return found


def _ticks(scale: _Scale) -> list[Tick]:
    """Up to five round times since the run began."""
    step = next((size for size in _TICKS if scale.seconds / size <= 4), None)
    step = step or _DAY * -(-int(scale.seconds) // (4 * _DAY))
    found = []
    for number in range(int(scale.seconds // step) + 1):
        place = 100 * number * step / scale.seconds
        anchor = "start" if place < 5 else "end" if place > 95 else "middle"
        label = "0" if number == 0 else duration(number * step)
        found.append(Tick(x=f"{place:.2f}%", label=label, anchor=anchor))
    return found
