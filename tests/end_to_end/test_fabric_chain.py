"""A chain over three services in virtual time: pipeline, notebook with an exit value, Spark job, refresh."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from local.simulated_azure.fabric_items import Item
from local.simulated_azure.faults import Fault
from local.simulated_azure.messages import Request, Response
from local.simulated_azure.pipelines import Pipeline
from shared.core.definition import Chain, Connection, Refresh, StepDefinition
from shared.core.run import Run, RunStatus
from shared.relay.tick import tick
from shared.services.registry import Registry
from tests.services.conftest import ADF, DATASET, PBI, Cloud
from tests.unit.relay.small_world import SmallWorld

WORKSPACE = "0d9c1d0e-0000-0000-0000-000000000001"
NOTEBOOK = "11111111-0000-0000-0000-000000000001"
LAKE = Connection(name="lakehouse", type="fabric", workspace=WORKSPACE)
LOAD = StepDefinition(name="load", connection=ADF, pipeline="Load")
FEATURES = StepDefinition(
    name="features",
    connection=LAKE,
    after=("load",),
    item=NOTEBOOK,
    job_type="RunNotebook",
    parameters={"rows": "{{ steps.load.output.rows }}"},
)
TRAIN = StepDefinition(
    name="train",
    connection=LAKE,
    after=("features",),
    item="Train",
    job_type="sparkjob",
    parameters={"commandLineArguments": "--days {{ steps.features.output.days }}"},
)
REFRESH = StepDefinition(
    name="refresh", connection=PBI, after=("train",), dataset=DATASET, refresh=Refresh(type="full")
)
CHAIN = Chain(name="sales", steps=(LOAD, FEATURES, TRAIN, REFRESH))
FABRIC_ONLY = Chain(name="only", steps=(replace(FEATURES, after=(), parameters={}),))


class LakeWorld(SmallWorld):
    """The relay over the real services and a simulated Azure that share one clock."""

    def __init__(self) -> None:
        super().__init__()
        self.cloud = Cloud()
        self.azure = self.cloud.azure
        self.world = replace(self.world, services=Registry(self.cloud.reach))
        self.cloud.factory.pipelines["Load"] = Pipeline("Load", seconds=20, returns={"rows": 7})
        self.notebook = self.azure.fabric.item(
            WORKSPACE, Item(NOTEBOOK, "Features", "Notebook", seconds=90, exit_value='{"days": 30}')
        )
        self.spark = self.azure.fabric.item(
            WORKSPACE, Item("11111111-0000-0000-0000-000000000002", "Train", "SparkJobDefinition", seconds=30)
        )

    @property
    def now(self) -> datetime:
        return self._now

    @now.setter
    def now(self, time: datetime) -> None:
        self._now = time
        if hasattr(self, "cloud"):
            self.cloud.now = time

    def until_over(self, run: Run, seconds: float = 900) -> Run:
        end = self.now + timedelta(seconds=seconds)
        while self.run(run.id).status is RunStatus.RUNNING and self.now < end:
            self.pass_time(1)
            self.pass_ticks()
        return self.run(run.id)

    def pass_ticks(self) -> None:
        """The minute timer."""
        if self.now.second == 0:
            tick(self.world, [CHAIN, FABRIC_ONLY])


@pytest.fixture
def lake() -> LakeWorld:
    return LakeWorld()


def test_what_each_job_gives_reaches_the_next_and_the_model_is_refreshed_last(lake: LakeWorld) -> None:
    run = lake.until_over(lake.start(CHAIN))
    assert run.status is RunStatus.SUCCEEDED, run.error
    [features], [train] = lake.notebook.instances, lake.spark.instances
    assert features.body == {"executionData": {"parameters": {"rows": {"value": 7, "type": "int"}}}}
    assert run.step("features").output == {"days": 30}
    assert train.body == {"executionData": {"commandLineArguments": "--days 30"}}
    [refresh] = lake.cloud.model.refreshes
    assert features.ended_at() <= train.created_at
    assert refresh.started_at >= train.ended_at()


def test_the_first_look_waits_as_long_as_the_service_asks(lake: LakeWorld) -> None:
    lake.notebook.seconds = 1
    lake.start(FABRIC_ONLY)
    lake.pass_time(59)
    assert lake.azure.calls["fabric.list"] == 0
    lake.pass_time(2)
    assert lake.azure.calls["fabric.list"] == 1


@pytest.mark.parametrize(
    "fault", [{"lost": True}, {"status": 503}, {"status": 202}], ids=["lost", "503", "no Location"]
)
def test_a_start_that_was_accepted_and_not_answered_well_is_made_once(
    lake: LakeWorld, fault: dict[str, int]
) -> None:
    lake.azure.faults.on.append(Fault("fabric.run", when="after", times=1, **fault))  # type: ignore[arg-type]
    run = lake.until_over(lake.start(FABRIC_ONLY))
    assert run.status is RunStatus.SUCCEEDED, run.error
    assert [run.steps[0].job and run.steps[0].job.id] == [instance.id for instance in lake.notebook.instances]


class DiedError(BaseException):
    """The process is gone: nothing catches it."""


def test_a_process_that_died_with_the_answer_in_its_hands_leaves_one_job(lake: LakeWorld) -> None:
    handle = lake.azure.handle

    def dying(request: Request) -> Response:
        handle(request)
        raise DiedError

    lake.azure.handle = dying  # type: ignore[method-assign]
    with pytest.raises(DiedError):
        lake.start(FABRIC_ONLY, cause="key")
    lake.azure.handle = handle  # type: ignore[method-assign]
    run = lake.until_over(lake.start(FABRIC_ONLY, cause="key"))
    assert run.status is RunStatus.SUCCEEDED, run.error
    assert len(lake.notebook.instances) == 1


def test_locations_without_ids_are_enough(lake: LakeWorld) -> None:
    lake.azure.fabric.names_jobs = False
    lake.azure.fabric.begin(lake.notebook, "RunNotebook", "Scheduled")
    runs = [lake.until_over(lake.start(FABRIC_ONLY)) for _ in range(2)]
    assert {run.status for run in runs} == {RunStatus.SUCCEEDED}
    manual = [instance.id for instance in lake.notebook.instances if instance.invoke_type == "Manual"]
    assert sorted(manual) == sorted(str(run.steps[0].job and run.steps[0].job.id) for run in runs)


def test_two_runs_whose_answers_were_lost_share_no_job(lake: LakeWorld) -> None:
    lake.azure.faults.on.append(Fault("fabric.run", when="after", times=2, lost=True))
    runs = [lake.start(FABRIC_ONLY) for _ in range(2)]
    ended = [lake.until_over(run) for run in runs]
    assert {run.status for run in ended} == {RunStatus.SUCCEEDED}
    jobs = {run.steps[0].job and run.steps[0].job.id for run in ended}
    assert jobs == {instance.id for instance in lake.notebook.instances}
    assert len(jobs) == 2


def test_a_start_that_never_arrived_is_made_after_the_grace_period(lake: LakeWorld) -> None:
    lake.azure.faults.on.append(Fault("fabric.run", times=1, lost=True))
    run = lake.until_over(lake.start(FABRIC_ONLY))
    assert run.status is RunStatus.SUCCEEDED, run.error
    assert len(lake.notebook.instances) == 1


def test_a_skipped_job_is_no_success_and_a_retry_does_the_work(lake: LakeWorld) -> None:
    lake.notebook.dedupes = True
    lake.azure.fabric.begin(lake.notebook, "RunNotebook", "Scheduled")
    patient = replace(FABRIC_ONLY, steps=(replace(FABRIC_ONLY.steps[0], retries=1, retry_delay_seconds=90),))
    run = lake.until_over(lake.start(patient))
    assert run.status is RunStatus.SUCCEEDED, run.error
    assert [instance.outcome for instance in lake.notebook.instances] == ["Completed", "Deduped", "Completed"]
    assert run.steps[0].attempt == 2


def test_without_retries_a_skipped_job_fails_its_step_and_says_why(lake: LakeWorld) -> None:
    lake.notebook.dedupes = True
    lake.azure.fabric.begin(lake.notebook, "RunNotebook", "Scheduled")
    run = lake.until_over(lake.start(FABRIC_ONLY))
    assert run.status is RunStatus.FAILED
    assert run.error is not None
    assert run.error.code == "deduped"


def test_throttling_and_blind_looks_only_delay(lake: LakeWorld) -> None:
    lake.azure.faults.on += [
        Fault("fabric.run", status=429, retry_after="30", times=1),
        Fault("fabric.list", status=503, times=2),
        Fault("fabric.list", no_status=True, times=1),
        Fault("fabric.instance", status=503, times=1),
    ]
    run = lake.until_over(lake.start(FABRIC_ONLY))
    assert run.status is RunStatus.SUCCEEDED, run.error
    assert run.steps[0].output == {"days": 30}
    assert len(lake.notebook.instances) == 1


@pytest.mark.parametrize(("seconds", "status"), [(20, RunStatus.SUCCEEDED), (600, RunStatus.FAILED)])
def test_a_timeout_within_the_time_of_no_look_is_kept_and_finds_a_job_that_has_ended(
    lake: LakeWorld, seconds: float, status: RunStatus
) -> None:
    lake.notebook.seconds = seconds
    lake.azure.fabric.retry_after_seconds = 3_600
    hasty = replace(FABRIC_ONLY, steps=(replace(FABRIC_ONLY.steps[0], timeout_seconds=30),))
    run = lake.until_over(lake.start(hasty), 400)
    assert run.status is status, run.error
    assert lake.notebook.instances[0].status(lake.now) == ("Completed" if seconds == 20 else "Cancelled")
