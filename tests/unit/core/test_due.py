"""When schedules fire, daylight-saving changes included."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.core.definition import Schedule
from shared.core.due import MOST_MISSED, due_times, next_times

BERLIN = Schedule(cron="30 2 * * *", time_zone="Europe/Berlin")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


def test_a_time_that_the_clock_skips_in_spring_fires_once_all_the_same() -> None:
    assert due_times(BERLIN, utc(2026, 3, 28, 12), utc(2026, 3, 30)) == [utc(2026, 3, 29, 1)]


def test_a_time_that_comes_twice_in_autumn_fires_once() -> None:
    assert due_times(BERLIN, utc(2026, 10, 24, 12), utc(2026, 10, 26)) == [utc(2026, 10, 25, 0, 30)]


def test_weekdays_are_those_of_the_zone() -> None:
    schedule = Schedule(cron="30 0 * * MON", time_zone="Pacific/Auckland")
    assert next_times(schedule, utc(2026, 11, 20), 1) == [utc(2026, 11, 22, 11, 30)]


def test_after_a_long_downtime_the_latest_times_are_kept() -> None:
    times = due_times(Schedule(cron="* * * * *"), utc(2026, 11, 1), utc(2026, 11, 2))
    assert len(times) == MOST_MISSED
    assert times[-1] == utc(2026, 11, 2)


@settings(deadline=None)
@given(st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1)), st.integers(1, 5_000), st.integers(1, 5_000))  # noqa: DTZ001
def test_however_the_time_is_cut_no_fire_time_is_lost_or_doubled(start: datetime, one: int, two: int) -> None:
    schedule = Schedule(cron="*/37 1-4 * * *", time_zone="America/New_York")
    begin = start.replace(tzinfo=UTC)
    middle, end = begin + timedelta(minutes=one), begin + timedelta(minutes=one + two)
    parts = due_times(schedule, begin, middle) + due_times(schedule, middle, end)
    assert parts[-MOST_MISSED:] == due_times(schedule, begin, end)
