"""Dataflows through the whole relay: no start has an id, and the job is still ours, once."""

from __future__ import annotations

import pytest

from local.simulated_azure.dataflows import Dataflow
from shared.core.definition import Connection, StepDefinition
from shared.core.run import RunStatus, StepStatus
from tests.peers.story import HOUR, REFRESH, WORKSPACE, Story, refresh

DATAFLOW = "33333333-0000-0000-0000-000000000003"
REFRESH_DATAFLOW = "power_bi.refresh_dataflow"


def prepare(name: str = "prepare", **changes: object) -> StepDefinition:
    connection = Connection(name="pbi", type="power_bi", workspace=WORKSPACE)
    given = {"name": name, "connection": connection, "dataflow": DATAFLOW, **changes}
    return StepDefinition(**given)  # type: ignore[arg-type]


@pytest.fixture
def story() -> Story:
    return Story()


@pytest.fixture
def flow(story: Story) -> Dataflow:
    return story.azure.power_bi.dataflows.dataflow(WORKSPACE, Dataflow(DATAFLOW, "Customers", seconds=300))


def test_a_dataflow_is_refreshed_once_and_the_model_after_it(story: Story, flow: Dataflow) -> None:
    run_id = story.start(prepare(), refresh())
    assert story.until_over(run_id, within=HOUR).status is RunStatus.SUCCEEDED
    [made] = flow.transactions
    assert story.job_id(run_id, "prepare") == made.id
    [later] = story.model.refreshes
    assert later.started_at >= made.ends_at


@pytest.mark.parametrize("hidden", [0, 20, 45])
def test_a_transaction_that_shows_up_late_is_found_and_no_second_one_is_made(
    story: Story, flow: Dataflow, hidden: float
) -> None:
    story.goes_wrong(REFRESH_DATAFLOW, hide_seconds=hidden)
    run_id = story.start(prepare(retries=2))
    assert story.until_over(run_id, within=HOUR).status is RunStatus.SUCCEEDED
    assert len(flow.transactions) == 1


def test_two_runs_of_one_dataflow_follow_each_other_and_share_no_transaction(story: Story, flow: Dataflow) -> None:
    run_ids = [story.start(prepare()), story.start(prepare())]
    for run_id in run_ids:
        assert story.until_over(run_id, within=HOUR).status is RunStatus.SUCCEEDED
    assert len({story.job_id(run_id, "prepare") for run_id in run_ids}) == len(flow.transactions) == 2


def test_a_failed_dataflow_fails_the_step_and_says_where_the_cause_is(story: Story, flow: Dataflow) -> None:
    flow.outcome = "Failed"
    run_id = story.start(prepare(), refresh())
    assert story.until_over(run_id, within=HOUR).status is RunStatus.FAILED
    assert "refresh history in the portal" in story.error(run_id, "prepare").message
    assert story.model.refreshes == []


def test_a_cancelled_run_cancels_the_transaction(story: Story, flow: Dataflow) -> None:
    run_id = story.start(prepare())
    story.wait(120)
    assert story.step(run_id, "prepare").status is StepStatus.RUNNING
    story.cancel(run_id)
    assert story.until_over(run_id, within=HOUR).status is RunStatus.CANCELLED
    assert flow.transactions[0].cancelled_at is not None


@pytest.mark.parametrize("standard", [True, False])
def test_a_refresh_that_the_service_dropped_never_shows_up_and_is_told_as_missing(
    story: Story, *, standard: bool
) -> None:
    story.goes_wrong(REFRESH, hide_seconds=5 * HOUR)
    run_id = story.start(refresh(standard=standard, retries=3))
    assert story.until_over(run_id, within=HOUR).status is RunStatus.FAILED
    assert story.error(run_id, "refresh").code == "job_missing"
    assert len(story.model.refreshes) == 1


def test_a_dataflow_refresh_that_never_shows_up_ends_the_step_with_words(story: Story, flow: Dataflow) -> None:
    story.goes_wrong(REFRESH_DATAFLOW, hide_seconds=50 * HOUR)
    run_id = story.start(prepare())
    run = story.until_over(run_id, within=HOUR)
    assert run.status is RunStatus.FAILED
    assert story.error(run_id, "prepare").code == "job_missing"
    assert len(flow.transactions) == 1
