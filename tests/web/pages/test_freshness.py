"""When data counts as fresh, late or failed."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from shared.core.deadlines import Late
from shared.core.definition import Schedule
from shared.core.ids import run_id
from shared.core.past import Past, Pasts, RunLine, Why, empty_past
from shared.core.run import RunStatus
from shared.web.pages.freshness import freshness
from tests.unit.relay.small_world import T0, a_chain

S, F, C = RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED
DAILY = a_chain(schedule=Schedule(cron="0 5 * * *"))  # half an hour before T0


def line(status: RunStatus, ago: timedelta, minutes: float = 20, now: datetime = T0) -> RunLine:
    began = now - ago
    run = run_id("sales", began, 7)
    return RunLine(run_id=run, status=status, finished_at=began + timedelta(minutes=minutes))


def past(*lines: RunLine) -> Past:
    made = empty_past("sales")
    for each in lines:
        made = made.with_line(each)
    return made


def test_a_success_after_the_last_scheduled_time_is_fresh() -> None:
    assert freshness(DAILY, past(line(S, timedelta(minutes=30))), T0).word == "fresh"


def test_a_success_of_yesterday_is_fresh_while_todays_run_may_still_come() -> None:
    yesterday = past(line(S, timedelta(days=1, minutes=30)))
    assert freshness(DAILY, yesterday, T0 - timedelta(minutes=5)).word == "fresh"
    late = freshness(DAILY, yesterday, T0 + timedelta(minutes=5))
    assert (late.word, late.since) == ("late", T0 - timedelta(minutes=30))


def test_without_a_schedule_nothing_is_promised() -> None:
    assert freshness(a_chain(), past(line(S, timedelta(days=90))), T0).word == "succeeded"


def test_failing_since_is_the_first_failure_in_a_row() -> None:
    runs = past(*(line(status, timedelta(days=days)) for days, status in enumerate([F, F, S, F], start=1)))
    state = freshness(DAILY, runs, T0)
    assert (state.word, state.at_least) == ("failed", False)
    assert state.since == line(F, timedelta(days=2)).finished_at
    assert state.last_success == line(S, timedelta(days=3))


def test_a_cancelled_run_says_nothing_of_the_data() -> None:
    assert (
        freshness(DAILY, past(line(S, timedelta(minutes=30)), line(C, timedelta(minutes=5))), T0).word == "fresh"
    )
    assert freshness(DAILY, past(line(C, timedelta(minutes=5))), T0).word == "never"


def test_a_chain_that_only_ever_failed_has_never_succeeded() -> None:
    assert freshness(DAILY, past(line(F, timedelta(minutes=30))), T0).word == "never"
    assert freshness(DAILY, empty_past("sales"), T0).word == "none"


def test_lines_may_come_in_any_order_and_twice() -> None:
    lines = [line(status, timedelta(days=days)) for days, status in enumerate([S, F, S, C, S], start=1)]
    assert past(*lines) == past(*reversed(lines)) == past(*lines, *lines)


def test_the_last_success_outlives_the_lines() -> None:
    runs = past(*(line(F if days else S, timedelta(days=40 - days)) for days in range(40)))
    assert len(runs.lines) == 24
    assert runs.success == line(S, timedelta(days=40))
    assert freshness(DAILY, runs, T0).at_least


def test_only_the_newest_run_tells_why() -> None:
    why = Why(step="load", code="job_failed", message="no")
    failed = empty_past("sales").with_line(line(F, timedelta(days=1)), why)
    assert failed.why == why
    assert failed.with_line(line(S, timedelta(days=2))).why == why
    assert failed.with_line(line(S, timedelta(hours=1))).why is None


@pytest.mark.parametrize("status", [RunStatus.RUNNING])
def test_what_still_runs_is_no_past(status: RunStatus) -> None:
    pasts = Pasts()
    pasts.add(RunLine(run_id=run_id("sales", T0, 7), status=status))
    assert pasts.of("sales") == empty_past("sales")


def test_a_missed_deadline_makes_late_what_its_schedule_calls_fresh() -> None:
    done = past(line(S, timedelta(minutes=30)))
    missed = Late(due_at=T0, begins_at=T0 - timedelta(days=1), since=T0 - timedelta(days=2))
    state = freshness(DAILY, done, T0, missed)
    assert (state.word, state.since) == ("late", missed.since)
    assert freshness(DAILY, past(line(F, timedelta(minutes=30))), T0, missed).word == "never"
