"""Refreshes: one at a time, followed by their ids, never older than the data, and their failures in words."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from shared.core.run import Run, RunStatus, StepStatus
from tests.peers.story import CANCEL_REFRESH, HISTORY, HOUR, REFRESH, Story, load, refresh


def data_was_ready_before_ours_began(story: Story, run: Run) -> None:
    """The refresh that the run counts is known to the service, and began when the load was over."""
    assert run.status is RunStatus.SUCCEEDED, run.error
    ours = next(each for each in story.model.refreshes if each.id == story.job_id(run.id, "refresh"))
    loaded_at = run.step("load").finished_at
    assert loaded_at is not None
    assert ours.started_at >= loaded_at
    assert story.calls(CANCEL_REFRESH) == []


@pytest.mark.parametrize("older", ["Completed", "Failed"])
def test_the_newest_entry_of_the_history_may_be_an_older_refresh_and_ours_is_followed(
    story: Story, older: str
) -> None:
    story.azure.power_bi.begin(story.model, "ViaEnhancedApi", {"type": "full"})
    story.model.refreshes[0].outcome = older
    story.wait(301)
    story.goes_wrong(REFRESH, hide_seconds=240)
    run_id = story.start(refresh())
    [ours, _] = story.model.refreshes
    ours.outcome = "Completed" if older == "Failed" else "Failed"
    story.wait(230)
    assert story.step(run_id, "refresh").status is StepStatus.RUNNING
    assert story.job_id(run_id, "refresh") == ours.id
    expected = RunStatus.SUCCEEDED if older == "Failed" else RunStatus.FAILED
    assert story.until_over(run_id, within=HOUR).status is expected


def test_a_newer_refresh_of_somebody_else_is_not_followed_either(story: Story) -> None:
    run_id = story.start(refresh())
    ours = story.model.refreshes[0]
    ours.outcome = "Failed"
    story.wait(299)
    ours.ends_at = story.now
    story.azure.power_bi.begin(story.model, "ViaEnhancedApi", {"type": "full"})
    assert story.until_over(run_id, within=120).status is RunStatus.FAILED


@pytest.mark.parametrize("conflict", [400, 409])
@pytest.mark.parametrize("kind", ["Scheduled", "ViaEnhancedApi"])
def test_an_older_refresh_that_is_still_executing_is_waited_for_and_ours_follows(
    story: Story, conflict: int, kind: str
) -> None:
    story.model.conflict = conflict
    run_id = story.start(load(), refresh())
    story.wait(590)
    story.model.seconds = 2 * HOUR
    theirs = story.azure.power_bi.begin(story.model, kind, {"type": "full"})
    story.model.seconds = 300
    run = story.until_over(run_id, within=3 * HOUR)
    data_was_ready_before_ours_began(story, run)
    ours, other = story.model.refreshes
    assert other is theirs
    assert ours.started_at >= theirs.ends_at
    assert len(story.calls(REFRESH)) == 2


def test_while_another_refresh_executes_it_is_looked_for_without_posting(story: Story) -> None:
    story.model.seconds = HOUR
    story.azure.power_bi.begin(story.model, "OnDemand")
    run_id = story.start(refresh())
    story.wait(HOUR - 60)
    assert len(story.calls(REFRESH)) == 1
    story.until_over(run_id, within=2 * HOUR)
    assert len(story.calls(REFRESH)) == 2


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_refresh_that_began_before_the_data_was_ready_is_never_taken_for_a_lost_one(
    story: Story, when: str
) -> None:
    run_id = story.start(load(), refresh())
    story.wait(595)
    story.model.seconds = 10
    early = story.azure.power_bi.begin(story.model, "ViaEnhancedApi", {"type": "full"})
    story.wait(1)
    story.model.seconds = 300
    early.ends_at = story.now + timedelta(seconds=4)
    story.goes_wrong(REFRESH, when=when, lost=True, times=1)
    run = story.until_over(run_id, within=2 * HOUR)
    data_was_ready_before_ours_began(story, run)
    assert story.job_id(run_id, "refresh") != early.id


@pytest.mark.parametrize("standard", [False, True])
def test_an_accepted_refresh_without_a_body_is_known_by_its_headers(story: Story, *, standard: bool) -> None:
    run_id = story.start(refresh(standard=standard))
    [ours] = story.model.refreshes
    assert story.job_id(run_id, "refresh") == ours.id
    assert story.until_over(run_id, within=400).status is RunStatus.SUCCEEDED


def test_an_accepted_refresh_that_names_no_id_at_all_is_found_in_the_history(story: Story) -> None:
    story.goes_wrong(REFRESH, when="after", status=202, body="", times=1)
    run_id = story.start(refresh())
    assert story.until_over(run_id, within=400).status is RunStatus.SUCCEEDED
    assert [each.id for each in story.model.refreshes] == [story.job_id(run_id, "refresh")]


def test_the_daily_limit_fails_the_step_at_once_and_says_what_it_is(story: Story) -> None:
    story.model.premium = False
    story.model.seconds = 60
    for _ in range(8):
        assert story.until_over(story.start(refresh(standard=True)), within=200).status is RunStatus.SUCCEEDED
    posts = len(story.calls(REFRESH))
    run_id = story.start(refresh(standard=True, retries=3))
    assert story.run(run_id).status is RunStatus.FAILED
    error = story.error(run_id, "refresh")
    assert error.code == "daily_limit"
    assert "exceeded limit" in error.message
    assert "8 in 24 hours" in error.message
    assert len(story.calls(REFRESH)) == posts + 1


@pytest.mark.parametrize("body", ["", "{}", "Bad Request", '{"error": {"code": "InvalidRequest"}}'])
def test_a_bare_400_fails_the_step_at_once_and_names_the_call_and_the_place(story: Story, body: str) -> None:
    story.goes_wrong(REFRESH, status=400, body=body)
    run_id = story.start(refresh(retries=3))
    assert story.run(run_id).status is RunStatus.FAILED
    error = story.error(run_id, "refresh")
    assert error.code == "bad_request"
    assert "refreshing 22222222" in error.message
    assert "at pbi" in error.message
    assert "HTTP 400" in error.message
    assert len(story.calls(REFRESH)) == 1


@pytest.mark.parametrize("standard", [False, True])
@pytest.mark.parametrize("reason", ["CapacityLimitExceeded", "Premium_ASWL_Error"])
def test_the_services_reason_for_a_failed_refresh_reaches_the_step_and_the_run(
    story: Story, reason: str, *, standard: bool
) -> None:
    story.model.fails = reason
    run_id = story.start(load(), refresh(standard=standard))
    run = story.until_over(run_id, within=HOUR)
    assert run.status is RunStatus.FAILED
    assert reason in story.error(run_id, "refresh").message
    assert run.error is not None
    assert reason in run.error.message


def test_a_capacity_error_with_its_description_is_told_whole(story: Story) -> None:
    told = {"errorCode": "QueryMemoryLimitExceeded", "errorDescription": "Resource Governing: 12,021 MB needed."}
    entry = {
        "refreshType": "ViaApi",
        "startTime": "2026-11-21T05:30:00Z",
        "endTime": "2026-11-21T05:35:00Z",
        "status": "Failed",
        "serviceExceptionJson": json.dumps(told),
    }
    run_id = story.start(refresh(standard=True))
    body = json.dumps({"value": [{"requestId": story.job_id(run_id, "refresh"), **entry}]})
    story.goes_wrong(HISTORY, status=200, body=body)
    story.until_over(run_id, within=60)
    message = story.error(run_id, "refresh").message
    assert "QueryMemoryLimitExceeded: Resource Governing: 12,021 MB needed." in message


@pytest.mark.parametrize("seconds", [301, 450, 750, 2 * HOUR])
def test_a_refresh_may_take_longer_than_five_minutes(story: Story, seconds: float) -> None:
    story.model.seconds = seconds
    run_id = story.start(refresh())
    assert story.until_over(run_id, within=seconds + 61).status is RunStatus.SUCCEEDED
    assert story.calls(CANCEL_REFRESH) == []


def test_a_refresh_that_failed_is_never_a_success_though_the_one_before_was(story: Story) -> None:
    assert story.until_over(story.start(load(), refresh())).status is RunStatus.SUCCEEDED
    story.model.fails = "ModelRefreshFailed_CredentialsNotSpecified"
    assert story.until_over(story.start(load(), refresh())).status is RunStatus.FAILED
