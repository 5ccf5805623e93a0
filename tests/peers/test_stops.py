"""Jobs are cancelled on request or by their own timeout, are seen to stop, and by nothing else."""

from __future__ import annotations

import pytest

from shared.core.run import RunStatus, StepStatus
from shared.relay.cancel import FinishedError
from tests.peers.story import (
    CANCEL_REFRESH,
    CANCEL_RUN,
    CREATE,
    GET_RUN,
    HOUR,
    QUERY,
    REFRESH,
    Story,
    load,
    refresh,
)


def test_a_timeout_cancels_the_pipeline_at_its_service_and_says_so(story: Story) -> None:
    story.pipeline.seconds = 5 * HOUR
    run_id = story.start(load(timeout_seconds=HOUR), refresh())
    run = story.until_over(run_id, within=HOUR + 120)
    [job] = story.pipeline_runs
    assert job.status(story.now) == "Cancelled"
    assert run.status is RunStatus.FAILED
    error = story.error(run_id)
    assert error.code == "timeout"
    assert error.message == "The job did not end within its timeout of 3600 seconds and was cancelled."
    assert story.calls(REFRESH) == []


def test_a_timeout_cancels_the_refresh_at_its_service_and_says_so(story: Story) -> None:
    story.model.seconds = 5 * HOUR
    run_id = story.start(refresh(timeout_seconds=HOUR))
    story.until_over(run_id, within=HOUR + 120)
    assert story.model.refreshes[0].status(story.now) == "Cancelled"
    assert story.error(run_id, "refresh").code == "timeout"


def test_the_next_attempt_after_a_timeout_begins_when_the_job_before_has_stopped(story: Story) -> None:
    story.pipeline.seconds = 5 * HOUR
    run_id = story.start(load(timeout_seconds=HOUR, retries=1))
    story.until(lambda: len(story.pipeline_runs) == 2, within=2 * HOUR)
    first, second = story.pipeline_runs
    assert first.status(story.now) == "Cancelled"
    assert second.created_at >= first.ended_at()
    assert story.step(run_id).attempt == 2


@pytest.mark.parametrize("status", [403, 429, 500, 503])
def test_a_cancel_that_the_service_refuses_for_a_while_is_asked_for_again(story: Story, status: int) -> None:
    story.pipeline.seconds = 5 * HOUR
    story.goes_wrong(CANCEL_RUN, status=status, times=4)
    run_id = story.start(load(timeout_seconds=HOUR))
    story.until_over(run_id, within=HOUR + 1_000)
    assert story.pipeline_runs[0].status(story.now) == "Cancelled"
    assert len(story.calls(CANCEL_RUN)) == 5
    assert story.error(run_id).code == "timeout"


@pytest.mark.parametrize("fault", [{"status": 403}, {"status": 200, "body": "{}"}], ids=["refused", "not done"])
def test_a_job_that_cannot_be_stopped_is_reported_as_perhaps_running_and_gets_no_second_beside_it(
    story: Story, fault: dict[str, object]
) -> None:
    story.pipeline.seconds = 20 * HOUR
    story.goes_wrong(CANCEL_RUN, **fault)
    run_id = story.start(load(timeout_seconds=HOUR, retries=3))
    assert story.until_over(run_id, within=2 * HOUR).status is RunStatus.FAILED
    error = story.error(run_id)
    assert error.code == "timeout"
    assert "may still be running" in error.message
    story.wait(5 * HOUR)
    assert len(story.pipeline_runs) == 1


def test_a_cancel_by_a_caller_stops_the_jobs_under_way_and_starts_nothing_more(story: Story) -> None:
    run_id = story.start(load(), refresh())
    story.wait(60)
    story.cancel(run_id)
    run = story.until_over(run_id, within=60)
    assert run.status is RunStatus.CANCELLED
    assert [step.status for step in run.steps] == [StepStatus.CANCELLED, StepStatus.CANCELLED]
    assert story.pipeline_runs[0].status(story.now) == "Cancelled"
    story.wait(2 * HOUR)
    assert len(story.calls(CREATE)) == 1
    assert story.calls(REFRESH) == []


def test_a_cancel_by_a_caller_stops_a_refresh(story: Story) -> None:
    run_id = story.start(refresh())
    story.wait(60)
    story.cancel(run_id)
    assert story.until_over(run_id, within=60).status is RunStatus.CANCELLED
    assert story.model.refreshes[0].status(story.now) == "Cancelled"
    assert len(story.calls(CANCEL_REFRESH)) == 1


def test_a_cancel_while_a_start_is_unclear_stops_the_job_that_shows_up(story: Story) -> None:
    story.goes_wrong(CREATE, hide_seconds=90)
    story.goes_wrong(CREATE, when="after", lost=True, times=1)
    run_id = story.start(load(), refresh())
    story.cancel(run_id)
    assert story.until_over(run_id, within=HOUR).status is RunStatus.CANCELLED
    [job] = story.pipeline_runs
    assert job.status(story.now) == "Cancelled"


def test_a_cancel_whose_worker_dies_is_carried_through(story: Story) -> None:
    run_id = story.start(load())
    story.wait(60)
    story.dies_after(CANCEL_RUN)
    story.cancel(run_id)
    assert story.until_over(run_id, within=HOUR).status is RunStatus.CANCELLED
    assert story.pipeline_runs[0].status(story.now) == "Cancelled"


def test_a_standard_refresh_goes_on_after_a_cancel_and_the_run_says_so(story: Story) -> None:
    run_id = story.start(refresh(standard=True))
    story.cancel(run_id)
    assert story.run(run_id).status is RunStatus.CANCELLED
    assert story.error(run_id, "refresh").code == "not_cancellable"


def test_a_job_that_somebody_else_cancelled_at_its_service_fails_the_step_and_is_not_tried_again(
    story: Story,
) -> None:
    run_id = story.start(load(retries=3), refresh())
    story.wait(60)
    story.pipeline_runs[0].cancel_at = story.now
    run = story.until_over(run_id, within=120)
    assert run.status is RunStatus.FAILED
    assert story.error(run_id).code == "job_cancelled"
    assert run.step("refresh").status is StepStatus.SKIPPED
    assert len(story.pipeline_runs) == 1


def test_a_refresh_that_somebody_else_cancelled_fails_the_step_and_is_not_tried_again(story: Story) -> None:
    run_id = story.start(refresh(retries=3))
    story.wait(60)
    story.model.refreshes[0].cancelled_at = story.now
    assert story.until_over(run_id, within=120).status is RunStatus.FAILED
    assert story.error(run_id, "refresh").code == "job_cancelled"
    assert len(story.model.refreshes) == 1


def test_a_job_that_succeeded_unseen_before_its_timeout_is_a_success(story: Story) -> None:
    blind = [story.goes_wrong(operation, status=503) for operation in (QUERY, GET_RUN)]
    run_id = story.start(load(timeout_seconds=HOUR))
    story.wait(HOUR + 30)
    story.mends(*blind)
    run = story.until_over(run_id, within=600)
    assert run.status is RunStatus.SUCCEEDED
    assert story.pipeline_runs[0].status(story.now) == "Succeeded"


def test_a_service_that_cannot_be_read_until_the_timeout_gets_its_job_cancelled_not_repeated(
    story: Story,
) -> None:
    story.pipeline.seconds = 5 * HOUR
    for operation in (QUERY, GET_RUN):
        story.goes_wrong(operation, status=503)
    run_id = story.start(load(timeout_seconds=HOUR, retries=3))
    story.wait(HOUR - 60)
    assert story.run(run_id).status is RunStatus.RUNNING
    assert story.calls(CANCEL_RUN) == []
    assert story.until_over(run_id, within=HOUR).status is RunStatus.FAILED
    assert len(story.pipeline_runs) == 1
    assert story.pipeline_runs[0].status(story.now) == "Cancelled"


def test_a_finished_run_cannot_be_cancelled_and_its_job_is_left_alone(story: Story) -> None:
    run_id = story.start(load())
    story.until_over(run_id)
    with pytest.raises(FinishedError):
        story.cancel(run_id)
    assert story.calls(CANCEL_RUN) == []


def test_a_long_retry_after_does_not_put_off_a_timeout(story: Story) -> None:
    story.pipeline.seconds = 20 * HOUR
    story.goes_wrong(QUERY, status=429, retry_after="36000", times=1)
    run_id = story.start(load(timeout_seconds=HOUR))
    story.until_over(run_id, within=HOUR + 180)
    assert story.error(run_id).code == "timeout"
    assert story.pipeline_runs[0].status(story.now) == "Cancelled"
