"""Looks at healthy jobs that go wrong: nothing is cancelled, failed or started again because of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from shared.core.run import RunStatus
from tests.peers.story import (
    CANCEL_REFRESH,
    CANCEL_RUN,
    CREATE,
    GET_REFRESH,
    GET_RUN,
    HISTORY,
    HOUR,
    QUERY,
    REFRESH,
    Story,
    load,
    refresh,
)

BAD_READS: list[dict[str, Any]] = [
    {"status": 401},
    {"status": 403},
    {"status": 429},
    {"status": 429, "body": '{"message": "RequestBlocked: blocked by the upstream service until ..."}'},
    {"status": 429, "body": ""},
    {"status": 404},
    {"status": 500},
    {"status": 503},
    {"status": 200, "body": "{}"},
    {"status": 200, "body": "<html>gateway</html>"},
    {"status": 200, "body": '{"value": [{}]}'},
    {"status": 302, "body": ""},
    {"lost": True},
    {"no_status": True},
]


def named(fault: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in fault.items()) or "none"


def untouched(story: Story, run_id: str) -> None:
    """The run has succeeded at its first attempt, and the service saw one start of each and no cancel."""
    run = story.run(run_id)
    assert run.status is RunStatus.SUCCEEDED, run.error
    assert {step.attempt for step in run.steps} == {1}
    assert len(story.calls(CREATE)) == len(story.calls(REFRESH)) == 1
    assert story.calls(CANCEL_RUN) == story.calls(CANCEL_REFRESH) == []


@pytest.mark.parametrize("fault", BAD_READS, ids=named)
def test_one_bad_read_neither_cancels_nor_fails_nor_repeats_a_healthy_job(
    story: Story, fault: dict[str, Any]
) -> None:
    run_id = story.start(load(), refresh())
    for operation in (QUERY, HISTORY):
        story.goes_wrong(operation, times=1, **fault)
    story.until_over(run_id)
    untouched(story, run_id)


@pytest.mark.parametrize("fault", BAD_READS, ids=named)
def test_reads_that_fail_for_hours_give_no_verdict(story: Story, fault: dict[str, Any]) -> None:
    faults = [story.goes_wrong(operation, **fault) for operation in (QUERY, HISTORY, GET_REFRESH, GET_RUN)]
    run_id = story.start(load(), refresh())
    story.wait(5 * HOUR)
    assert story.run(run_id).status is RunStatus.RUNNING
    assert story.step(run_id).attempt == 1
    story.mends(*faults)
    story.until_over(run_id, within=HOUR)
    untouched(story, run_id)


@pytest.mark.parametrize("hidden", [60, 840])
def test_a_job_that_is_not_listed_for_minutes_after_its_start_is_waited_for(story: Story, hidden: float) -> None:
    for operation in (CREATE, REFRESH):
        story.goes_wrong(operation, hide_seconds=hidden)
    run_id = story.start(load(), refresh())
    story.until_over(run_id)
    untouched(story, run_id)


def test_a_job_that_drops_out_of_the_lists_for_minutes_in_its_middle_is_waited_for(story: Story) -> None:
    story.pipeline.seconds = 4 * HOUR
    run_id = story.start(load(retries=1), refresh())
    for _ in range(3):
        story.wait(HOUR)
        [run] = story.pipeline_runs
        run.visible_at = story.now + timedelta(minutes=12)
    story.until_over(run_id)
    untouched(story, run_id)


@pytest.mark.parametrize("word", ["Canceling", "Queued", "Paused", "Succeeding"])
def test_a_status_that_is_not_final_or_not_known_is_shown_and_looked_at_again(story: Story, word: str) -> None:
    run_id = story.start(load(), refresh())
    [run] = story.pipeline_runs
    run.ends_at, run.outcome = story.now + timedelta(seconds=30), word
    story.wait(6 * HOUR)
    job = story.step(run_id).job
    assert job is not None
    assert job.status == word
    run.ends_at, run.outcome = story.now, "Succeeded"
    story.until_over(run_id, within=HOUR)
    untouched(story, run_id)


@pytest.mark.parametrize("word", ["Cancelled", "Canceled", "Failed"])
def test_a_final_status_of_a_pipeline_ends_the_wait_within_a_minute(story: Story, word: str) -> None:
    run_id = story.start(load(), refresh())
    [run] = story.pipeline_runs
    run.outcome = word
    assert story.until_over(run_id, within=660).status is RunStatus.FAILED
    assert story.error(run_id).code == ("job_failed" if word == "Failed" else "job_cancelled")
    assert story.calls(REFRESH) == []


@pytest.mark.parametrize("word", ["Cancelled", "TimedOut", "Disabled", "Failed"])
@pytest.mark.parametrize("standard", [False, True])
def test_a_final_status_of_a_refresh_ends_the_wait_within_a_minute(
    story: Story, word: str, *, standard: bool
) -> None:
    run_id = story.start(refresh(standard=standard))
    story.model.refreshes[0].outcome = word
    assert story.until_over(run_id, within=360).status is RunStatus.FAILED
    assert story.error(run_id, "refresh").code == ("job_cancelled" if word == "Cancelled" else "job_failed")
    assert len(story.calls(REFRESH)) == 1


@pytest.mark.parametrize("word", ["Cancelling", "Paused"])
def test_a_refresh_with_a_status_that_nobody_knows_is_looked_at_again(story: Story, word: str) -> None:
    run_id = story.start(load(), refresh())
    story.until(lambda: story.calls(REFRESH) != [])
    [ours] = story.model.refreshes
    ours.outcome, ours.ends_at = word, story.now
    story.wait(6 * HOUR)
    assert story.run(run_id).status is RunStatus.RUNNING
    ours.outcome, ours.ends_at = "Completed", story.now
    story.until_over(run_id, within=HOUR)
    untouched(story, run_id)


def test_a_retry_after_of_an_hour_is_obeyed_by_nobody_sleeping_and_by_that_place_alone(story: Story) -> None:
    other = story.add_factory("adf-2")
    story.goes_wrong(QUERY, status=429, retry_after="3392", times=1)
    throttled = story.start(load())
    story.wait(10)
    fine = story.start(load(factory="adf-2"))
    story.until_over(fine, within=700)
    story.until_over(throttled, within=3_500)
    at_throttled = [call.at for call in story.log if call.operation == QUERY and "/adf/" in call.path]
    assert (at_throttled[1] - at_throttled[0]).total_seconds() == pytest.approx(3_392, abs=1)
    assert len(other.runs) == len(story.factory.runs) == 1


def test_a_throttled_history_does_not_hold_up_a_factory(story: Story) -> None:
    story.goes_wrong(HISTORY, status=429, retry_after="3392")
    refreshing, loading = story.start(refresh()), story.start(load())
    story.until_over(loading, within=700)
    assert story.run(refreshing).status is RunStatus.RUNNING
    assert len(story.calls(HISTORY)) == 1


def test_a_run_that_outlives_six_tokens_meets_no_refusal(story: Story) -> None:
    story.pipeline.seconds = story.model.seconds = 6 * HOUR
    run_id = story.start(load(), refresh())
    story.until_over(run_id)
    untouched(story, run_id)
    assert len(story.login.issued) >= 12
    assert not [call for call in story.log if call.status == 401]


@pytest.mark.parametrize("times", [1, 20])
def test_a_token_that_expires_early_costs_a_look_and_no_more(story: Story, times: int) -> None:
    run_id = story.start(load(), refresh())
    story.wait(30)
    for operation in (QUERY, HISTORY):
        story.goes_wrong(operation, status=401, times=times)
    story.until_over(run_id)
    untouched(story, run_id)


def test_a_pipeline_that_its_concurrency_keeps_queued_for_hours_is_waited_for(story: Story) -> None:
    story.pipeline.queued_seconds = 5 * HOUR
    run_id = story.start(load(), refresh())
    story.wait(4 * HOUR)
    job = story.step(run_id).job
    assert job is not None
    assert job.status == "Queued"
    story.until_over(run_id)
    untouched(story, run_id)


def test_a_job_that_is_over_at_the_first_look_costs_no_further_wait(story: Story) -> None:
    story.pipeline.seconds = story.model.seconds = 1
    run_id = story.start(load(), refresh())
    story.until_over(run_id, within=15)
    untouched(story, run_id)


def test_a_long_job_is_waited_for_as_long_as_its_timeout_allows(story: Story) -> None:
    story.model.seconds = 23 * HOUR
    run_id = story.start(load(), refresh())
    story.until_over(run_id)
    untouched(story, run_id)


def test_250_runs_of_a_factory_are_watched_with_pages_not_with_a_get_each(story: Story) -> None:
    run_ids = [story.start(load()) for _ in range(250)]
    story.wait(HOUR)
    assert {story.run(run_id).status for run_id in run_ids} == {RunStatus.SUCCEEDED}
    assert len(story.factory.runs) == 250
    assert story.calls(GET_RUN) == []
    assert len(story.calls(QUERY)) < 250


def test_a_run_that_was_left_running_by_dead_messages_is_reconciled_with_the_service(story: Story) -> None:
    run_id = story.start(load(), refresh())
    while story.post.next_due() < story.now + timedelta(days=1):
        story.post.take()
    story.until_over(run_id, within=2_000)
    untouched(story, run_id)


@pytest.mark.parametrize("wish", ["0", "-5", "nan", "inf", "1e300", "soon", "99999999999"])
def test_a_retry_after_that_makes_no_sense_breaks_nothing(story: Story, wish: str) -> None:
    story.goes_wrong(QUERY, status=429, retry_after=wish, times=1)
    run_id = story.start(load(), refresh())
    story.until_over(run_id, within=25 * HOUR)
    untouched(story, run_id)


def test_new_jobs_at_a_throttled_place_bring_no_look_before_the_time_that_the_service_named(story: Story) -> None:
    story.goes_wrong(QUERY, status=429, retry_after="3392", times=1)
    run_ids = [story.start(load())]
    story.wait(10)
    for _ in range(10):
        run_ids.append(story.start(load()))
        story.wait(60)
    story.wait(HOUR)
    first, second, *_ = story.calls(QUERY)
    assert (second - first).total_seconds() == pytest.approx(3_392, abs=1)
    assert {story.run(run_id).status for run_id in run_ids} == {RunStatus.SUCCEEDED}


def test_a_job_that_is_never_listed_fails_and_gets_no_second_beside_it(story: Story) -> None:
    story.goes_wrong(CREATE, hide_seconds=5 * HOUR)
    story.pipeline.seconds = 4 * HOUR
    run_id = story.start(load(retries=3))
    assert story.until_over(run_id, within=HOUR).status is RunStatus.FAILED
    assert story.error(run_id).code == "job_missing"
    story.wait(HOUR)
    assert len(story.factory.runs) == 1
