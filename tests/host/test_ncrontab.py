"""NCRONTAB: which times match."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.host.ncrontab import Schedule, ScheduleError, next_after, parse

NOON = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)  # a Saturday


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 * * * * *", "2026-11-21 12:01:00"),
        ("* * * * *", "2026-11-21 12:01:00"),
        ("* * * * * *", "2026-11-21 12:00:01"),
        ("0 0 12 * * *", "2026-11-22 12:00:00"),
        ("30 5 * * MON-FRI", "2026-11-23 05:30:00"),
        ("0 30 5 * * mon", "2026-11-23 05:30:00"),
        ("0 0 0 1 janu *", "2027-01-01 00:00:00"),
        ("0 0 0 1 J *", "2027-01-01 00:00:00"),
        ("0 0 0 * * S", "2026-11-22 00:00:00"),
        ("0 0 0 * * 0", "2026-11-22 00:00:00"),
        ("0 */15 * * * *", "2026-11-21 12:15:00"),
        ("0 50/3 * * * *", "2026-11-21 12:50:00"),
        ("0 5-25/10 * * * *", "2026-11-21 12:05:00"),
        ("0 7,3 * * * *", "2026-11-21 12:03:00"),
        ("0 0 9 * * FRI-MON", "2026-11-23 09:00:00"),
        ("0 0 0 31 * *", "2026-12-31 00:00:00"),
        ("0 0 0 29 2 *", "2028-02-29 00:00:00"),
        ("0 0 0 29 2 MON", "2044-02-29 00:00:00"),
        ("59 59 23 31 12 *", "2026-12-31 23:59:59"),
    ],
)
def test_the_next_occurrence_is_the_first_strictly_after(expression: str, expected: str) -> None:
    assert next_after(expression, NOON) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_day_of_month_and_day_of_week_must_both_match() -> None:
    friday_13th = next_after("0 0 0 13 * FRI", NOON)
    assert friday_13th == datetime(2027, 8, 13, tzinfo=UTC)


def test_a_date_that_never_comes_has_no_next_occurrence() -> None:
    assert next_after("0 0 0 30 2 *", NOON) is None


def test_a_leap_day_on_a_weekday_is_found_across_a_century_that_has_none() -> None:
    assert next_after("0 0 0 29 2 MON", datetime(2072, 3, 1, tzinfo=UTC)) == datetime(2112, 2, 29, tzinfo=UTC)


def test_fractions_of_a_second_do_not_hide_the_coming_second() -> None:
    assert next_after("* * * * * *", NOON - timedelta(milliseconds=500)) == NOON


def test_days_are_utc_days_whatever_zone_the_moment_is_in() -> None:
    half_past_midnight = datetime(2026, 11, 22, 0, 30, tzinfo=timezone(timedelta(hours=2)))
    assert next_after("0 0 0 * * *", half_past_midnight) == datetime(2026, 11, 22, tzinfo=UTC)


def test_an_hour_that_summer_time_skips_elsewhere_comes_every_day() -> None:
    assert next_after("0 30 2 * * *", datetime(2026, 3, 29, tzinfo=UTC)) == datetime(
        2026, 3, 29, 2, 30, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("0 0 0 * * 7", "day-of-week: 7 is not from 0 to 6"),
        ("60 * * * * *", "second: 60 is not from 0 to 59"),
        ("0 0 24 * * *", "hour: 24"),
        ("0 0 0 0 * *", "day: 0"),
        ("0 0 0 * 13 *", "month: 13"),
        ("0 0 0 L * *", "day: 'L'"),
        ("0 0 0 ? * *", "day: '?'"),
        ("0 0 0 * * MON#2", "day-of-week: 'MON#2'"),
        ("0 0 0 * * 5L", "day-of-week: '5L'"),
        ("0 0 0 15W * *", "day: '15W'"),
        ("0 0 0 * * noday", "day-of-week: 'noday'"),
        ("0 */0 * * * *", "minute: '*/0'"),
        ("0 */x * * * *", "minute: '*/x'"),
        ("0 1, * * * *", "minute: a value is missing"),
        ("0 -1 * * * *", "minute: a value is missing"),
        ("* * * *", "has 4 fields"),
        ("* * * * * * *", "has 7 fields"),
        ("", "has 0 fields"),
        ("00:05:00", "has 1 fields"),
    ],
)
def test_what_is_not_ncrontab_is_refused_with_field_and_value(expression: str, words: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        parse(expression)
    assert words in str(caught.value)


def _numbers(low: int, high: int, count: int) -> st.SearchStrategy[tuple[int, ...]]:
    return st.sets(st.integers(low, high), min_size=1, max_size=count).map(lambda values: tuple(sorted(values)))


_SCHEDULES = st.builds(
    Schedule,
    seconds=_numbers(0, 59, 3),
    minutes=_numbers(0, 59, 4),
    hours=_numbers(0, 23, 4),
    days=_numbers(1, 31, 31),
    months=_numbers(1, 12, 12),
    weekdays=_numbers(0, 6, 7),
)
_MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2032, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


def _matches(schedule: Schedule, moment: datetime) -> bool:
    return (
        moment.second in schedule.seconds
        and moment.minute in schedule.minutes
        and moment.hour in schedule.hours
        and moment.day in schedule.days
        and moment.month in schedule.months
        and moment.isoweekday() % 7 in schedule.weekdays
    )


@settings(deadline=None)
@given(_SCHEDULES, _MOMENTS)
def test_the_next_occurrence_is_later_and_matches_every_field(schedule: Schedule, moment: datetime) -> None:
    found = next_after(schedule, moment)
    if found is not None:
        assert found > moment
        assert _matches(schedule, found)


@settings(deadline=None)
@given(_SCHEDULES, _MOMENTS)
def test_no_matching_minute_lies_before_the_next_occurrence(schedule: Schedule, moment: datetime) -> None:
    found = next_after(schedule, moment)
    horizon = moment + timedelta(days=2)
    first_minute = moment.replace(second=0, microsecond=0)
    for minutes in range(2 * 1_440 + 1):
        minute = first_minute + timedelta(minutes=minutes)
        times = [minute.replace(second=second) for second in schedule.seconds]
        earlier = [time for time in times if moment < time <= horizon and _matches(schedule, time)]
        if earlier:
            assert found == earlier[0]
            return
    assert found is None or found > horizon - timedelta(minutes=1)


@settings(deadline=None)
@given(_SCHEDULES, _MOMENTS)
def test_no_matching_day_lies_before_the_next_occurrence(schedule: Schedule, moment: datetime) -> None:
    found = next_after(schedule, moment)
    day = moment.replace(
        hour=schedule.hours[0], minute=schedule.minutes[0], second=schedule.seconds[0], microsecond=0
    )
    for _ in range(800):
        day += timedelta(days=1)
        if _matches(schedule, day):
            assert found is not None
            assert found <= day
            return


def test_the_same_values_come_from_text() -> None:
    assert parse("0,30 */20 8-10 1,15 feb MON-WED") == Schedule(
        seconds=(0, 30), minutes=(0, 20, 40), hours=(8, 9, 10), days=(1, 15), months=(2,), weekdays=(1, 2, 3)
    )
