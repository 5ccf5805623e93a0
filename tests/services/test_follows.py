"""What the services tell of jobs that others have started, and what health says of what is followed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from local.simulated_azure.fabric_items import Instance, Item
from local.simulated_azure.faults import Fault
from local.simulated_azure.pipelines import Pipeline, PipelineRun
from shared.core.definition import Connection, Follow
from shared.core.errors import RefusedError, TryLaterError
from shared.core.facts import Verdict
from shared.core.follows import SeenJob
from shared.services.fabric import Fabric
from tests.services.conftest import PBI, T0, Cloud, Side

WORKSPACE = "0d9c1d0e-0000-0000-0000-000000000001"
NOTEBOOK = "11111111-0000-0000-0000-000000000001"
LAKE = Connection(name="lake", type="fabric", workspace=WORKSPACE)


def told(side: Side, *names: str, since: Any = T0) -> list[SeenJob]:
    place = side.service.place(side.step())
    return list(side.service.jobs_since(place, list(names) or ["P"], since))


def begun(side: Side, pipeline: str = "P", by: str = "Nightly", **said: Any) -> PipelineRun:
    declared = side.factory.pipelines[pipeline]
    run = side.api.start(side.factory, declared, said, by=by)
    assert isinstance(run, PipelineRun)
    return run


def test_a_run_of_a_trigger_is_told_with_all_it_says(side: Side) -> None:
    side.factory.pipelines["P"] = Pipeline("P", seconds=60, parameters={"day": None}, returns={"rows": 7})
    run = begun(side, day="mon", n=[1])
    [under_way] = told(side)
    assert (under_way.verdict, under_way.ended_at) == (Verdict.ACTIVE, None)
    side.cloud.wait(100)
    [job] = told(side)
    assert (job.id, job.what, job.verdict, job.status) == (run.id, "P", Verdict.SUCCEEDED, "Succeeded")
    assert (job.parameters, job.output) == ({"day": "mon", "n": "[1]"}, {"rows": 7})
    assert (job.invoked_by, job.by_call) == ("Nightly", False)
    assert (job.started_at, job.ended_at) == (run.created_at, run.ended_at())
    assert run.id in job.link
    begun(side, by="Manual", day="tue")
    assert {job.by_call for job in told(side)} == {True, False}


def test_one_query_tells_of_all_the_pipelines_that_are_followed_and_of_no_other(side: Side) -> None:
    for name in ("Q", "R"):
        side.factory.pipelines[name] = Pipeline(name)
        begun(side, name)
    begun(side, day="mon")
    assert sorted(job.what for job in told(side, "P", "Q")) == ["P", "Q"]
    assert side.calls("query_runs") == 1


def test_all_pages_are_read(side: Side) -> None:
    runs = {begun(side, day=str(number)).id for number in range(250)}
    assert {job.id for job in told(side)} == runs


def test_what_changed_since_is_told_however_long_ago_it_began(side: Side) -> None:
    run = begun(side, day="mon")
    side.cloud.wait(50)
    begun(side, day="tue")
    side.cloud.wait(20)
    assert [job.id for job in told(side, since=T0 + timedelta(seconds=55))] == [run.id]


def test_a_cancelled_run_has_an_end_though_the_service_shows_none(side: Side) -> None:
    run = begun(side, day="mon")
    run.cancel_at = side.cloud.now
    side.cloud.wait(30)
    [job] = told(side)
    assert (job.verdict, job.ended_at, job.end) == (Verdict.CANCELLED, None, run.ended_at())


def test_a_run_that_shows_no_status_has_no_verdict(side: Side) -> None:
    begun(side, day="mon")
    side.fails("query_runs", no_status=True)
    [job] = told(side)
    assert job.verdict is None


def test_trouble_is_no_empty_list(side: Side) -> None:
    side.fails("query_runs", status=429, retry_after="77")
    with pytest.raises(TryLaterError) as later:
        told(side)
    assert later.value.after_seconds == 77


def test_only_what_is_started_needs_its_parameters(side: Side) -> None:
    follow = Follow(connection=side.connection, pipeline="P")
    assert list(side.service.check([follow.as_step()])) == []
    missing = side.service.check([replace(follow, pipeline="Q").as_step()])
    assert [problem.code for problem in missing] == ["not_found"]


@pytest.fixture
def item(cloud: Cloud) -> Item:
    return cloud.azure.fabric.item(WORKSPACE, Item(NOTEBOOK, "Build", "Notebook", seconds=60))


def seen(cloud: Cloud, follow: Follow) -> list[SeenJob]:
    fabric = Fabric(LAKE, cloud.reach)
    return list(fabric.jobs_since(fabric.place(follow.as_step()), [follow.what], T0))


@pytest.mark.parametrize("named", [NOTEBOOK, "Build"])
def test_an_item_s_jobs_are_told_by_id_and_by_name(cloud: Cloud, item: Item, named: str) -> None:
    follow = Follow(connection=LAKE, item=named, job_type="RunNotebook")
    scheduled: Instance = cloud.azure.fabric.begin(item, "RunNotebook", "Scheduled")
    by_hand = cloud.azure.fabric.begin(item, "Execute", "Manual")
    cloud.wait(100)
    jobs = {job.id: job for job in seen(cloud, follow)}
    assert jobs.keys() == {scheduled.id, by_hand.id}
    job = jobs[scheduled.id]
    assert (job.what, job.verdict, job.by_call) == ("RunNotebook", Verdict.SUCCEEDED, False)
    assert job.ended_at == scheduled.ended_at()
    assert jobs[by_hand.id].by_call


def test_a_job_that_fabric_skipped_is_none(cloud: Cloud, item: Item) -> None:
    item.dedupes = True
    first = cloud.azure.fabric.begin(item, "RunNotebook", "Scheduled")
    cloud.azure.fabric.begin(item, "RunNotebook", "Scheduled")
    follow = Follow(connection=LAKE, item=NOTEBOOK, job_type="RunNotebook")
    assert [job.id for job in seen(cloud, follow)] == [first.id]


def test_a_name_that_leads_elsewhere_now_is_looked_up_again(cloud: Cloud, item: Item) -> None:
    fabric = Fabric(LAKE, cloud.reach)
    place = fabric.place(Follow(connection=LAKE, item="Build", job_type="RunNotebook").as_step())
    fabric.jobs_since(place, ["RunNotebook"], T0)
    workspace = cloud.azure.fabric.workspaces[WORKSPACE]
    del workspace.items[NOTEBOOK]
    other = cloud.azure.fabric.item(WORKSPACE, replace(item, id=NOTEBOOK[:-1] + "9"))
    begun_there = cloud.azure.fabric.begin(other, "RunNotebook", "Scheduled")
    with pytest.raises(RefusedError):
        fabric.jobs_since(place, ["RunNotebook"], T0)
    assert [job.id for job in fabric.jobs_since(place, ["RunNotebook"], T0)] == [begun_there.id]


def test_a_viewer_may_follow(cloud: Cloud, item: Item) -> None:
    cloud.azure.fabric.workspaces[WORKSPACE].role = "Viewer"
    follow = Follow(connection=LAKE, item=NOTEBOOK, job_type="RunNotebook")
    fabric = Fabric(LAKE, cloud.reach)
    assert list(fabric.check([follow.as_step()])) == []
    assert [p.code for p in fabric.check([replace(follow.as_step(), name="load")])] == ["forbidden"]


def test_fabric_s_trouble_is_no_empty_list(cloud: Cloud, item: Item) -> None:
    cloud.azure.faults.on.append(Fault("fabric.list", status=500))
    with pytest.raises(TryLaterError):
        seen(cloud, Follow(connection=LAKE, item=NOTEBOOK, job_type="RunNotebook"))


def test_refreshes_are_not_followed(cloud: Cloud) -> None:
    with pytest.raises(RefusedError):
        cloud.power_bi.jobs_since(cloud.power_bi.place(Follow(connection=PBI).as_step()), [""], T0)
