"""By when a chain is to have succeeded: which deadline is the latest, which run meets it, and who is late.

Times in and out are UTC. A deadline's window begins at the same local time one day before, unless the chains file
gives its length: a run that succeeded for an earlier time says nothing about this morning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from shared.core.definition import Deadline, Schedule
from shared.core.due import due_times, next_times
from shared.core.run import FINAL_STEP, Run, RunStatus


@dataclass(frozen=True, slots=True)
class Late:
    """A chain that has missed its deadline, and has not succeeded since.

    `since`: the first deadline missed in a row.
    """

    due_at: datetime
    begins_at: datetime  # of the latest missed deadline's window
    since: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a chain stands with its deadline. All deadlines up to `judged_until` have been judged.

    `made_up_by`: the run that made up for the last missed one, and does not count for the next.
    `told`: how many events there have been of it. `absent_since`: from when on no chain of that name has declared
    a deadline.
    """

    deadline: Deadline
    judged_until: datetime
    late: Late | None = None
    made_up_by: str | None = None
    told: int = 0
    absent_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """What a deadline asks for: a run for a time in [begins_at, due_at] that has succeeded by `due_at`."""

    begins_at: datetime
    due_at: datetime


def next_window(deadline: Deadline, now: datetime) -> Window | None:
    """Of the first deadline after `now`; None when none will ever come."""
    times = next_times(_times(deadline), now, 1)
    return window_of(deadline, times[0]) if times else None


def latest_window(deadline: Deadline, after: datetime, now: datetime) -> Window | None:
    """Of the latest deadline in (after, now]: after downtime the earlier ones are no news any more."""
    times = due_times(_times(deadline), after, now)
    return window_of(deadline, times[-1]) if times else None


def window_of(deadline: Deadline, due_at: datetime) -> Window:
    if deadline.window_seconds is not None:
        return Window(due_at - timedelta(seconds=deadline.window_seconds), due_at)
    local = due_at.astimezone(ZoneInfo(deadline.time_zone))
    return Window((local - timedelta(days=1)).astimezone(UTC), due_at)  # by the wall clock: 23, 24 or 25 hours


def missed(standing: Standing, window: Window) -> Late:
    """The chain is late for this window; longer already if it was."""
    return Late(window.due_at, window.begins_at, standing.late.since if standing.late else window.due_at)


def meets(run: Run, begins_at: datetime) -> bool:
    """Whether the run is a success for a time since then. A rerun stands for the time of its first run."""
    return run.status is RunStatus.SUCCEEDED and logical_time(run) >= begins_at


def logical_time(run: Run) -> datetime:
    """The time that a run is for, as its templates see it."""
    return run.trigger.first_time or run.trigger.time


def usual_left_seconds(run: Run, usual: Mapping[str, Sequence[float]], now: datetime) -> float | None:
    """How long the run usually still takes, along its longest way. `usual`: past durations by step, in seconds.

    None when nothing is known of a step that is still to end.
    """
    left: dict[str, float] = {}
    for definition in run.definition.steps:
        step = run.step(definition.name)
        if step.status in FINAL_STEP:
            left[definition.name] = 0.0
            continue
        known = usual.get(definition.name)
        if not known:
            return None
        age = (now - step.started_at).total_seconds() if step.job and step.started_at else 0.0
        left[definition.name] = max(0.0, median(known) - age)
    ways: dict[str, float] = {}
    return max((_way(run, name, left, ways) for name in left), default=0.0)


def _way(run: Run, name: str, left: Mapping[str, float], ways: dict[str, float]) -> float:
    """Until the step has ended, with all before it. `ways`: those known already."""
    if name not in ways:
        before = (_way(run, other, left, ways) for other in run.step_definition(name).after)
        ways[name] = left[name] + max(before, default=0.0)
    return ways[name]


def _times(deadline: Deadline) -> Schedule:
    hour, minute = deadline.by.split(":")
    cron = f"{int(minute)} {int(hour)} * * {deadline.days}"
    return Schedule(cron=cron, time_zone=deadline.time_zone)
