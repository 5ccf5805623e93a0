"""NCRONTAB: the schedules of timer triggers, with the meaning that Azure Functions gives them.

Six fields `second minute hour day month day-of-week`; five fields mean second 0. A time must match the day of the
month AND the day of the week (other crons: either). Days of the week are 0 to 6 from Sunday; 7 is invalid.
Names are English, in any case, and any prefix of one will do. `a/n` is a to the maximum in steps of n, and a
reversed range is turned round: FRI-MON means MON-FRI. Times are UTC.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

# 29 February on a given day of the week can be 40 years away (across a year such as 2100).
_HORIZON_YEARS = 40


class ScheduleError(ValueError):
    """The expression is not NCRONTAB. The message names the field and the value."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The values that each field allows, ascending."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Field:
    title: str
    low: int
    high: int
    names: tuple[str, ...] = ()


_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day-of-week", 0, 6, _WEEKDAYS),
)


def parse(expression: str) -> Schedule:
    """Raises ScheduleError."""
    tokens = [token for token in expression.split(" ") if token]
    if len(tokens) == len(_FIELDS) - 1:
        tokens.insert(0, "0")
    if len(tokens) != len(_FIELDS):
        raise ScheduleError(f"{expression!r} has {len(tokens)} fields; an NCRONTAB expression has six (or five)")
    return Schedule(*(_values(field, token) for field, token in zip(_FIELDS, tokens, strict=True)))


def next_after(expression: str | Schedule, moment: datetime) -> datetime | None:
    """The first matching whole second strictly after `moment` (aware), or None when there is none in 40 years."""
    schedule = parse(expression) if isinstance(expression, str) else expression
    start = moment.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
    for day in _days_from(schedule, start.date()):
        found = _first_time(schedule, start.time() if day == start.date() else time.min)
        if found is not None:
            return datetime.combine(day, found, UTC)
    return None


def _days_from(schedule: Schedule, start: date) -> Iterator[date]:
    for year in range(start.year, min(start.year + _HORIZON_YEARS, date.max.year) + 1):
        for month in schedule.months:
            last = calendar.monthrange(year, month)[1]
            for number in schedule.days:
                if number > last:
                    break
                day = date(year, month, number)
                if day >= start and day.isoweekday() % 7 in schedule.weekdays:
                    yield day


def _first_time(schedule: Schedule, earliest: time) -> time | None:
    for hour in (hour for hour in schedule.hours if hour >= earliest.hour):
        if hour > earliest.hour:
            return time(hour, schedule.minutes[0], schedule.seconds[0])
        for minute in (minute for minute in schedule.minutes if minute >= earliest.minute):
            if minute > earliest.minute:
                return time(hour, minute, schedule.seconds[0])
            second = next((second for second in schedule.seconds if second >= earliest.second), None)
            if second is not None:
                return time(hour, minute, second)
    return None


def _values(field: _Field, token: str) -> tuple[int, ...]:
    values: set[int] = set()
    for item in token.split(","):
        values.update(_item(field, item))
    return tuple(sorted(values))


def _item(field: _Field, item: str) -> range:
    body, slash, step_text = item.partition("/")
    step = _step(field, item, step_text) if slash else 1
    if body == "*":
        return range(field.low, field.high + 1, step)
    first_text, dash, last_text = body.partition("-")
    first = _value(field, first_text)
    if dash:
        first, last = sorted((first, _value(field, last_text)))
    else:
        last = field.high if slash else first
    return range(first, last + 1, step)


def _step(field: _Field, item: str, text: str) -> int:
    # The real parser silently reads a step of 0 as 1; that is never what was meant.
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ScheduleError(f"{field.title}: {item!r} needs a whole number above 0 after the slash")
    return int(text)


def _value(field: _Field, text: str) -> int:
    if not text:
        raise ScheduleError(f"{field.title}: a value is missing")
    if text.isascii() and text.isdigit():
        number = int(text)
        if field.low <= number <= field.high:
            return number
        raise ScheduleError(f"{field.title}: {text} is not from {field.low} to {field.high}")
    for index, name in enumerate(field.names):
        if name.lower().startswith(text.lower()):
            return field.low + index
    raise ScheduleError(f"{field.title}: {text!r} is not a value that NCRONTAB knows")
