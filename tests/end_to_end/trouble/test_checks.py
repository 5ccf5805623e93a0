"""The checks find what they are for: each story here has one thing wrong with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from local.simulated_azure.pipelines import PipelineRun
from local.simulated_azure.sample import FACTORY, GROUP, SUBSCRIPTION, sample_azure
from local.simulated_azure.world import SimulatedAzure
from shared.core.definition import Chain, Connection, StepDefinition
from shared.core.run import Job, Run, RunStatus, Step, StepStatus, Transition, Trigger
from tests.end_to_end.trouble.checks import violations
from tests.end_to_end.trouble.story import Story, started_jobs

T0 = datetime(2026, 11, 21, 5, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ADF = Connection(name="adf", type="data_factory", subscription="s", resource_group="g", factory="f")
CHAIN = Chain(
    name="sales",
    steps=(
        StepDefinition(name="load", connection=ADF, pipeline="P"),
        StepDefinition(name="left", connection=ADF, pipeline="P", after=("load",)),
    ),
)
ID = "sales.20261121T053000000Z.aaaaaaaa"


class Times:
    now = T0


@pytest.fixture
def azure() -> SimulatedAzure:
    return sample_azure(lambda: Times.now)


def a_job(azure: SimulatedAzure, at: datetime) -> str:
    Times.now = at
    factory = azure.data_factory.factory(SUBSCRIPTION, GROUP, FACTORY)
    return azure.data_factory.start(factory, factory.pipelines["LoadSales"], {}).id


@pytest.fixture
def story(azure: SimulatedAzure) -> Story:
    """A run of two steps as it should be."""
    ids = {"load": a_job(azure, T0), "left": a_job(azure, T0 + MINUTE)}
    steps = tuple(
        Step(name=name, status=StepStatus.SUCCEEDED, job=Job(id=job_id, status="Succeeded", link=""))
        for name, job_id in ids.items()
    )
    run = Run(
        id=ID,
        definition=CHAIN,
        trigger=Trigger(type="http", time=T0),
        parameters={},
        created_at=T0,
        steps=steps,
        status=RunStatus.SUCCEEDED,
    )
    return Story(
        now=T0 + 10 * MINUTE,
        runs=[run],
        changes={ID: [_start(number, name, job_id) for number, (name, job_id) in enumerate(ids.items())]},
        jobs=started_jobs(azure),
        promised={"key": frozenset({ID})},
        disowned=frozenset(),
        poison=0,
        left=[],
    )


def _start(number: int, step: str, job_id: str) -> Transition:
    return Transition(
        number=number,
        at=T0,
        step=step,
        event="start",
        before="starting",
        after="running",
        attempt=1,
        job_id=job_id,
    )


def kinds(story: Story) -> set[str]:
    return {violation.kind for violation in violations(story)}


def test_nothing_is_wrong_with_a_good_story(story: Story) -> None:
    assert violations(story) == []


def test_a_second_job_is_found_unless_it_was_disowned(story: Story, azure: SimulatedAzure) -> None:
    second = a_job(azure, T0)
    wrong = replace(story, jobs=started_jobs(azure))
    assert kinds(wrong) == {"doubled"}
    assert kinds(replace(wrong, disowned=frozenset({second}))) == set()


def test_an_attempt_with_two_jobs_and_a_job_of_two_attempts_are_found(story: Story) -> None:
    load, left = story.changes[ID]
    again = replace(load, number=9, job_id=left.job_id)
    assert kinds(replace(story, changes={ID: [load, left, again]})) == {"doubled"}
    assert kinds(replace(story, changes={ID: [load, replace(left, job_id=load.job_id)]})) == {"doubled"}


def test_a_key_with_two_runs_with_none_and_a_run_of_nobody_are_found(story: Story) -> None:
    assert kinds(replace(story, promised={"key": frozenset({ID, "other"})})) == {"doubled", "forgotten"}
    assert kinds(replace(story, promised={"key": frozenset({ID}), "other": frozenset()})) == {"forgotten"}
    assert kinds(replace(story, promised={})) == {"doubled"}


def test_a_run_that_has_not_ended_and_a_message_that_was_set_aside_are_found(story: Story) -> None:
    running = replace(story.runs[0], status=RunStatus.RUNNING)
    assert kinds(replace(story, runs=[running])) == {"forgotten"}
    assert kinds(replace(story, left=["a run"])) == {"forgotten"}
    assert kinds(replace(story, poison=1)) == {"poison"}


def test_a_job_that_began_too_early_was_cancelled_or_failed_is_found(story: Story) -> None:
    _, left = story.changes[ID]
    job = story.jobs[left.job_id or ""]
    assert isinstance(job, PipelineRun)
    early = replace(job, created_at=T0 + timedelta(seconds=1))
    assert kinds(replace(story, jobs={**story.jobs, job.id: early})) == {"stale"}
    failed = replace(job, outcome="Failed")
    assert kinds(replace(story, jobs={**story.jobs, job.id: failed})) == {"untrue"}
    cancelled = replace(job, cancel_at=T0 + MINUTE)
    assert "cancelled" in kinds(replace(story, jobs={**story.jobs, job.id: cancelled}))
