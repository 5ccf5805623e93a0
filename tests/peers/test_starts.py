"""Starts whose answers are lost, late, wrong or never come: one job for each intent, whatever happens."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import requests

from shared.core.run import RunStatus, StepStatus
from tests.peers.story import CANCEL_RUN, CREATE, HISTORY, HOUR, QUERY, REFRESH, Story, load, refresh

UNCLEAR: list[dict[str, Any]] = [
    *({"status": status} for status in (500, 502, 503, 504, 408)),
    *({"status": status, "retry_after": "1"} for status in (500, 502, 503, 504, 408)),
    {"lost": True},
]
THROTTLED: list[dict[str, Any]] = [{"status": 429}, {"status": 429, "retry_after": "1"}]
GRACE_SECONDS = 120


def named(fault: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in fault.items())


def one_job_of_each(story: Story, run_id: str) -> None:
    """The run has succeeded; the service made one pipeline run and one refresh, and saw no cancel."""
    run = story.run(run_id)
    assert run.status is RunStatus.SUCCEEDED, run.error
    assert {step.attempt for step in run.steps} == {1}
    assert [each.id for each in story.pipeline_runs] == [story.job_id(run_id)]
    assert [each.id for each in story.model.refreshes] == [story.job_id(run_id, "refresh")]
    assert story.calls(CANCEL_RUN) == []


def one_post_for_each_intent(story: Story, run_id: str) -> None:
    assert story.calls(CREATE) == story.intents(run_id)
    assert story.calls(REFRESH) == story.intents(run_id, "refresh")


@pytest.mark.parametrize("fault", UNCLEAR, ids=named)
def test_a_start_that_happened_and_was_not_answered_well_is_adopted(story: Story, fault: dict[str, Any]) -> None:
    for operation in (CREATE, REFRESH):
        story.goes_wrong(operation, when="after", times=1, **fault)
    run_id = story.start(load(), refresh())
    story.until_over(run_id, within=HOUR)
    one_job_of_each(story, run_id)
    one_post_for_each_intent(story, run_id)
    assert len(story.calls(CREATE)) == len(story.calls(REFRESH)) == 1


@pytest.mark.parametrize("fault", UNCLEAR, ids=named)
def test_a_start_that_did_not_happen_is_made_again_only_after_the_grace_period(
    story: Story, fault: dict[str, Any]
) -> None:
    for operation in (CREATE, REFRESH):
        story.goes_wrong(operation, when="before", times=1, **fault)
    run_id = story.start(load(), refresh())
    story.until_over(run_id, within=HOUR)
    one_job_of_each(story, run_id)
    one_post_for_each_intent(story, run_id)
    for operation in (CREATE, REFRESH):
        first, second = story.calls(operation)
        assert (second - first).total_seconds() >= GRACE_SECONDS


@pytest.mark.parametrize("fault", THROTTLED, ids=named)
def test_a_throttled_start_is_one_post_and_another_one_later(story: Story, fault: dict[str, Any]) -> None:
    for operation in (CREATE, REFRESH):
        story.goes_wrong(operation, times=1, **fault)
    run_id = story.start(load(), refresh())
    story.until_over(run_id, within=HOUR)
    one_job_of_each(story, run_id)
    one_post_for_each_intent(story, run_id)
    assert len(story.calls(CREATE)) == len(story.calls(REFRESH)) == 2


@pytest.mark.parametrize(
    ("when", "fault"),
    [
        *(("before", fault) for fault in [*UNCLEAR, *THROTTLED]),
        *(("after", fault) for fault in UNCLEAR),
    ],
    ids=lambda value: value if isinstance(value, str) else named(value),
)
def test_a_service_in_trouble_for_an_hour_gets_one_post_for_each_intent(
    story: Story, when: str, fault: dict[str, Any]
) -> None:
    trouble = story.goes_wrong(CREATE, when=when, **fault)
    run_id = story.start(load())
    story.wait(HOUR)
    story.mends(trouble)
    story.until_over(run_id, within=HOUR)
    assert story.run(run_id).status is RunStatus.SUCCEEDED
    assert story.calls(CREATE) == story.intents(run_id)
    assert len(story.pipeline_runs) == 1


def test_the_session_that_production_uses_sends_nothing_twice_by_itself() -> None:
    for scheme in ("https://", "http://"):
        retries = requests.Session().get_adapter(scheme).max_retries  # type: ignore[attr-defined]
        assert (retries.total, retries.read) == (0, False)


def test_a_lost_start_that_the_lists_show_late_is_still_adopted(story: Story) -> None:
    for operation in (CREATE, REFRESH):
        story.goes_wrong(operation, hide_seconds=100)
        story.goes_wrong(operation, when="after", lost=True, times=1)
    run_id = story.start(load(), refresh())
    story.until_over(run_id, within=HOUR)
    one_job_of_each(story, run_id)


def test_of_two_runs_that_were_given_the_same_id_only_one_takes_it(story: Story) -> None:
    first = story.start(load())
    story.goes_wrong(CREATE, same_id=True, times=1)
    second = story.start(load())
    assert story.step(second).status is StepStatus.STARTING
    assert story.error(second).code == "known_job"
    assert story.until_over(first).status is story.until_over(second).status is RunStatus.SUCCEEDED
    assert {story.job_id(first), story.job_id(second)} == {run.id for run in story.pipeline_runs}
    assert len(story.pipeline_runs) == 2


def test_a_run_that_was_made_and_answered_with_the_id_of_another_is_found(story: Story) -> None:
    first = story.start(load())
    theirs = story.job_id(first)
    story.wait(60)
    story.goes_wrong(CREATE, when="after", status=200, body=f'{{"runId": "{theirs}"}}', times=1)
    second = story.start(load())
    story.until_over(second)
    assert story.job_id(first) == theirs != story.job_id(second)
    assert len(story.pipeline_runs) == len(story.calls(CREATE)) == 2


def test_a_retry_after_of_an_hour_puts_that_start_off_and_no_other(story: Story) -> None:
    story.add_factory("adf-2")
    story.goes_wrong(CREATE, status=429, retry_after="3392", times=1)
    throttled = story.start(load())
    fine = story.start(load(factory="adf-2"))
    assert story.seconds() == 0
    story.until_over(fine, within=700)
    story.until_over(throttled, within=4_200)
    first, second = (call.at for call in story.log if call.operation == CREATE and "/adf/" in call.path)
    assert (second - first).total_seconds() == pytest.approx(3_392, abs=1)


@pytest.mark.parametrize("operation", [CREATE, REFRESH])
def test_a_worker_that_dies_between_the_start_and_its_record_leaves_a_job_that_is_found(
    story: Story, operation: str
) -> None:
    story.dies_after(operation)
    run_id = story.start(load(), refresh())
    story.until_over(run_id, within=HOUR)
    one_job_of_each(story, run_id)
    one_post_for_each_intent(story, run_id)


@pytest.mark.parametrize("operation", [QUERY, HISTORY])
@pytest.mark.parametrize("deaths", [1, 5])
def test_a_worker_that_dies_while_waiting_starts_and_cancels_nothing(
    story: Story, operation: str, deaths: int
) -> None:
    for _ in range(deaths):
        story.dies_after(operation)
    run_id = story.start(load(), refresh())
    story.until_over(run_id, within=2 * HOUR)
    assert story.deaths == []
    one_job_of_each(story, run_id)
    one_post_for_each_intent(story, run_id)


def test_messages_that_come_many_times_start_nothing_twice(story: Story) -> None:
    run_id = story.start(load(), refresh())
    for _ in range(30):
        story.wait(30)
        bodies = story.post.waiting()
        for body in bodies * 2:
            story.post.send(body)
    story.until_over(run_id, within=HOUR)
    one_job_of_each(story, run_id)


def test_the_same_event_starts_one_run_and_one_job(story: Story) -> None:
    assert len({story.start(load(), cause="event blob-1") for _ in range(3)}) == 1
    assert len(story.pipeline_runs) == 1


def test_runs_of_a_singleton_wait_for_each_other_however_many_there_are(story: Story) -> None:
    story.pipeline.seconds = 60
    run_ids = [story.start(load(), max_running=1) for _ in range(120)]
    story.wait(4 * HOUR)
    assert {story.run(run_id).status for run_id in run_ids} == {RunStatus.SUCCEEDED}
    runs = sorted(story.pipeline_runs, key=lambda run: run.created_at)
    assert len(runs) == 120
    assert all(later.created_at >= earlier.ends_at for earlier, later in pairwise(runs))


@pytest.mark.parametrize("operation", [QUERY, HISTORY])
@pytest.mark.parametrize(
    "fault", [{"status": 503}, {"status": 403}, {"lost": True}, {"status": 200, "body": "{}"}]
)
def test_a_start_of_unknown_outcome_is_not_repeated_while_the_service_cannot_be_read(
    story: Story, operation: str, fault: dict[str, Any]
) -> None:
    start, step = (CREATE, load()) if operation == QUERY else (REFRESH, refresh())
    story.goes_wrong(start, when="after", lost=True, times=1)
    blind = story.goes_wrong(operation, **fault)
    run_id = story.start(step)
    story.wait(5 * HOUR)
    assert story.step(run_id, step.name).status is StepStatus.STARTING
    story.mends(blind)
    assert story.until_over(run_id, within=HOUR).status is RunStatus.SUCCEEDED
    assert len(story.calls(start)) == 1


@pytest.mark.parametrize("wish", ["3392", "99999999999", "inf", "1e300", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_start_that_is_put_off_beyond_its_timeout_fails_at_its_timeout_and_says_why(
    story: Story, wish: str
) -> None:
    story.goes_wrong(CREATE, status=429, retry_after=wish)
    run_id = story.start(load(timeout_seconds=1_800))
    assert story.until_over(run_id, within=1_801).status is RunStatus.FAILED
    error = story.error(run_id)
    assert error.code == "timeout"
    assert "HTTP 429" in error.message
    assert story.pipeline_runs == []


def test_several_runs_that_want_the_same_model_refreshed_get_one_refresh_each_in_turn(story: Story) -> None:
    run_ids = [story.start(refresh()) for _ in range(5)]
    story.wait(HOUR)
    assert {story.run(run_id).status for run_id in run_ids} == {RunStatus.SUCCEEDED}
    refreshes = sorted(story.model.refreshes, key=lambda each: each.started_at)
    assert sorted(story.job_id(run_id, "refresh") for run_id in run_ids) == sorted(each.id for each in refreshes)
    assert all(later.started_at >= earlier.ends_at for earlier, later in pairwise(refreshes))


def test_a_token_that_expires_just_before_a_start_puts_it_off_for_seconds(story: Story) -> None:
    for operation in (CREATE, REFRESH):
        story.goes_wrong(operation, status=401, times=1)
    run_id = story.start(load(), refresh())
    story.until_over(run_id, within=HOUR)
    one_job_of_each(story, run_id)
    for operation in (CREATE, REFRESH):
        first, second = story.calls(operation)
        assert (second - first).total_seconds() <= 15
