"""When schedules fire: cron in a time zone, daylight-saving changes included. Times in and out are UTC."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from shared.core.definition import Schedule

MOST_MISSED = 100
FARTHEST_BACK = timedelta(days=366)


def fire_times(schedule: Schedule, after: datetime) -> Iterator[datetime]:
    """All times strictly after `after`, in order, without end unless the schedule has one."""
    from cronsim import CronSim

    local = after.astimezone(ZoneInfo(schedule.time_zone))
    return (time.astimezone(UTC) for time in CronSim(schedule.cron, local))


def next_times(schedule: Schedule, after: datetime, count: int) -> list[datetime]:
    """The next `count` times after `after`."""
    return list(islice(fire_times(schedule, after), count))


def scheduled_cause(time: datetime) -> str:
    """One run for one scheduled time, whether the timer or a backfill starts it."""
    return f"schedule {time:%Y%m%dT%H%M%SZ}"


def due_times(schedule: Schedule, after: datetime, until: datetime) -> list[datetime]:
    """The times in (after, until], the latest MOST_MISSED of them when there are more."""
    times = takewhile(lambda time: time <= until, fire_times(schedule, max(after, until - FARTHEST_BACK)))
    return list(deque(times, maxlen=MOST_MISSED))
