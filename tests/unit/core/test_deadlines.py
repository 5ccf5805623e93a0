"""Which deadline counts, what meets it, and how long a run usually still takes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.core.deadlines import latest_window, meets, next_window, usual_left_seconds
from shared.core.definition import Deadline
from shared.core.run import Job, Run, RunStatus, StepStatus, Trigger, new_run
from tests.unit.relay.small_world import a_chain, a_step

BERLIN = Deadline(by="07:00", time_zone="Europe/Berlin")
WORKDAYS = replace(BERLIN, days="MON-FRI")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("now", "due", "begins"),
    [
        (utc(2026, 3, 28, 12), utc(2026, 3, 28, 6), utc(2026, 3, 27, 6)),
        (utc(2026, 3, 29, 12), utc(2026, 3, 29, 5), utc(2026, 3, 28, 6)),  # 23 hours: the clock went forward
        (utc(2026, 10, 25, 12), utc(2026, 10, 25, 6), utc(2026, 10, 24, 5)),  # 25 hours: it went back
    ],
)
def test_a_window_is_a_day_by_the_clock_on_the_wall(now: datetime, due: datetime, begins: datetime) -> None:
    window = latest_window(BERLIN, now - timedelta(days=2), now)
    assert window is not None
    assert (window.due_at, window.begins_at) == (due, begins)


def test_a_time_that_the_clock_skips_is_still_a_deadline() -> None:
    window = next_window(replace(BERLIN, by="02:30"), utc(2026, 3, 28, 12))
    assert window is not None
    assert window.due_at == utc(2026, 3, 29, 1)


def test_on_workdays_nothing_is_due_on_sunday_and_mondays_window_is_of_one_day() -> None:
    friday, sunday, monday = utc(2026, 11, 20, 7), utc(2026, 11, 22, 12), utc(2026, 11, 23, 12)
    assert latest_window(WORKDAYS, friday, sunday) is None
    window = latest_window(WORKDAYS, friday, monday)
    assert window is not None
    assert (window.begins_at, window.due_at) == (utc(2026, 11, 22, 6), utc(2026, 11, 23, 6))


def test_a_window_may_be_longer() -> None:
    window = latest_window(replace(WORKDAYS, window_seconds=3 * 86_400), utc(2026, 11, 20), utc(2026, 11, 23, 12))
    assert window is not None
    assert window.begins_at == utc(2026, 11, 20, 6)


def test_after_downtime_only_the_latest_deadline_is_judged() -> None:
    window = latest_window(BERLIN, utc(2026, 11, 1), utc(2026, 11, 21, 12))
    assert window is not None
    assert window.due_at == utc(2026, 11, 21, 6)


def a_run(status: RunStatus, trigger: Trigger) -> Run:
    made = new_run(
        id="x", definition=a_chain(), trigger=trigger, parameters={}, now=utc(2026, 11, 21, 5), queued=False
    )
    return replace(made, status=status)


def test_only_a_success_for_a_time_since_then_meets_it() -> None:
    today, yesterday = utc(2026, 11, 21, 5), utc(2026, 11, 20, 5)
    begins_at = utc(2026, 11, 20, 6)
    assert meets(a_run(RunStatus.SUCCEEDED, Trigger(type="http", time=today)), begins_at)
    assert not meets(a_run(RunStatus.FAILED, Trigger(type="http", time=today)), begins_at)
    again = Trigger(type="rerun", time=today, first_time=yesterday)
    assert not meets(a_run(RunStatus.SUCCEEDED, again), begins_at)


def test_what_is_left_follows_the_longest_way() -> None:
    now = utc(2026, 11, 21, 6)
    chain = a_chain(
        a_step("load"), a_step("short", "load"), a_step("long", "load"), a_step("end", "short", "long")
    )
    trigger = Trigger(type="http", time=now)
    run = new_run(id="x", definition=chain, trigger=trigger, parameters={}, now=now, queued=False)
    loading = replace(
        run.step("load"),
        status=StepStatus.RUNNING,
        job=Job(id="j", status="InProgress", link=""),
        started_at=now - timedelta(seconds=40),
    )
    run = run.with_step(loading)
    usual = {"load": [100.0, 100.0, 500.0], "short": [5.0], "long": [50.0], "end": [10.0]}
    assert usual_left_seconds(run, usual, now) == 60 + 50 + 10
    assert usual_left_seconds(run, {**usual, "end": []}, now) is None
    done = run.with_step(replace(loading, status=StepStatus.SUCCEEDED))
    assert usual_left_seconds(done, usual, now) == 60
