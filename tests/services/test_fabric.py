"""Fabric against the simulated one: items' jobs by id and by name, lost starts, skipped ones, exit values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from local.simulated_azure.fabric_items import Instance, Item
from local.simulated_azure.faults import Fault
from local.simulated_azure.messages import Request, Response
from shared.core.definition import Connection, StepDefinition
from shared.core.errors import BatonError, RefusedError, TryLaterError, UnclearError
from shared.core.facts import Observation, Verdict
from shared.core.run import Job
from shared.ports import JobQuery
from shared.services.answers import unchanged
from shared.services.fabric import MOST_SINGLE_READS, Fabric
from tests.services.conftest import T0, Cloud, order_of, watched

WORKSPACE = "0d9c1d0e-0000-0000-0000-000000000001"
NOTEBOOK = "11111111-0000-0000-0000-000000000001"
PIPELINE = "11111111-0000-0000-0000-00000000000b"
SPARK = "11111111-0000-0000-0000-00000000000c"
ENDPOINT = "11111111-0000-0000-0000-00000000000d"
FAB = Connection(name="lakehouse", type="fabric", workspace=WORKSPACE)
RUN = "fabric.run"


def fabric_step(item: str = NOTEBOOK, job_type: str = "RunNotebook", **changes: Any) -> StepDefinition:
    return StepDefinition(**{"name": "s", "connection": FAB, "item": item, "job_type": job_type, **changes})


STEP = fabric_step()


def go() -> bool:
    return True


@dataclass
class World:
    """A workspace with a notebook, a pipeline and a Spark job, and the service over it."""

    cloud: Cloud
    service: Fabric
    notebook: Item
    pipeline: Item
    spark: Item

    def start(self, step: StepDefinition = STEP, parameters: dict[str, Any] | None = None, **more: Any) -> Job:
        return self.service.start(order_of(step, parameters or {}, at=self.cloud.now, **more), go)

    def look(self, *jobs: Job, step: StepDefinition = STEP) -> dict[str, Observation]:
        return dict(self.service.observe(self.service.place(step), [watched(job) for job in jobs], None))

    def fault(self, operation: str, **more: Any) -> None:
        self.cloud.azure.faults.on.append(Fault(operation, **more))

    def calls(self, operation: str) -> int:
        return self.cloud.azure.calls[operation]

    def theirs(self, item: Item, job_type: str, invoke_type: str = "Manual") -> Instance:
        """A job that somebody else begins."""
        return self.cloud.azure.fabric.begin(item, job_type, invoke_type)


@pytest.fixture
def world(cloud: Cloud) -> World:
    fabric = cloud.azure.fabric
    items = (
        Item(NOTEBOOK, "Features", "Notebook", seconds=60, exit_value='{"rows": 7}'),
        Item(PIPELINE, "Sales", "DataPipeline", seconds=60),
        Item(SPARK, "Sales", "SparkJobDefinition", seconds=60),
    )
    for item in items:
        fabric.item(WORKSPACE, item)
    fabric.item(WORKSPACE, Item(ENDPOINT, "Features", "SQLEndpoint"))
    return World(cloud, Fabric(FAB, cloud.reach), *items)


@contextmanager
def serving(cloud: Cloud, body: bytes) -> Iterator[None]:
    """Every request is served, and its answer replaced."""
    handle = cloud.azure.handle

    def garbled(request: Request) -> Response:
        return replace(handle(request), body=body)

    cloud.azure.handle = garbled  # type: ignore[method-assign]
    yield
    cloud.azure.handle = handle  # type: ignore[method-assign]


# Starting


def test_a_start_is_one_post_and_its_job_is_named_by_the_location(world: World) -> None:
    job = world.start()
    [instance] = world.notebook.instances
    assert (job.id, job.status, instance.job_type, instance.body) == (instance.id, "NotStarted", "RunNotebook", {})
    assert job.first_look_seconds == 60
    path = f"/groups/{WORKSPACE}/synapsenotebooks/{NOTEBOOK}/snapshots/{job.id}?experience=power-bi"
    assert job.link == f"https://app.fabric.microsoft.com{path}"


SAID = {"text": "a", "whole": 7, "broken": 1.5, "yes": True, "list": [1, "é"]}


@pytest.mark.parametrize(
    ("step", "parameters", "body"),
    [
        (fabric_step(PIPELINE, "Pipeline"), SAID, {"executionData": {"parameters": SAID}}),
        (
            STEP,
            SAID,
            {
                "executionData": {
                    "parameters": {
                        "text": {"value": "a", "type": "string"},
                        "whole": {"value": 7, "type": "int"},
                        "broken": {"value": 1.5, "type": "float"},
                        "yes": {"value": True, "type": "bool"},
                        "list": {"value": '[1, "é"]', "type": "string"},
                    }
                }
            },
        ),
        (
            fabric_step(SPARK, "sparkjob", execution_data={"mainClass": "M"}),
            {"commandLineArguments": "a b"},
            {"executionData": {"mainClass": "M", "commandLineArguments": "a b"}},
        ),
        (
            fabric_step(NOTEBOOK, "Execute", execution_data={"compute": "Spark"}),
            SAID,
            {
                "executionData": {"compute": "Spark"},
                "parameters": [
                    {"name": "text", "type": "Text", "value": "a"},
                    {"name": "whole", "type": "Integer", "value": 7},
                    {"name": "broken", "type": "Number", "value": 1.5},
                    {"name": "yes", "type": "Boolean", "value": True},
                    {"name": "list", "type": "Text", "value": '[1, "é"]'},
                ],
            },
        ),
    ],
    ids=["Pipeline", "RunNotebook", "sparkjob", "Execute"],
)
def test_every_job_type_gets_its_parameters_in_its_own_shape(
    world: World, step: StepDefinition, parameters: dict[str, Any], body: dict[str, Any]
) -> None:
    world.start(step, parameters)
    [instance] = [i for item in (world.notebook, world.pipeline, world.spark) for i in item.instances]
    assert instance.body == body


def test_a_parameter_without_a_value_is_refused_before_anything_is_sent(world: World) -> None:
    with pytest.raises(RefusedError, match="'day' is null"):
        world.start(STEP, {"day": None})
    assert world.calls(RUN) == 0


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
def test_a_start_answered_by_a_server_error_is_unclear_and_sent_once(world: World, status: int) -> None:
    world.fault(RUN, status=status, retry_after="1")
    with pytest.raises(UnclearError):
        world.start()
    assert world.calls(RUN) == 1


def test_a_start_whose_answer_is_lost_is_unclear_and_found_again(world: World) -> None:
    world.fault(RUN, when="after", lost=True, times=1)
    with pytest.raises(UnclearError):
        world.start()
    world.cloud.wait(5)
    [found] = world.service.find_started(order_of(STEP, {}))
    assert [found.id] == [instance.id for instance in world.notebook.instances]


def test_a_location_without_an_id_is_unclear_and_the_job_is_looked_for_near_the_intent(world: World) -> None:
    world.notebook.seconds = 1
    world.theirs(world.notebook, "RunNotebook")
    world.cloud.wait(300)
    world.cloud.azure.fabric.names_jobs = False
    with pytest.raises(UnclearError, match="names no job instance"):
        world.start()
    intent = world.cloud.now
    ours = world.notebook.instances[0]
    world.cloud.wait(20)
    newer = world.theirs(world.notebook, "RunNotebook")
    world.theirs(world.notebook, "RunNotebook", "Scheduled")
    found = world.service.find_started(order_of(STEP, {}, at=intent))
    assert [job.id for job in found] == [ours.id, newer.id]


def test_a_job_that_began_before_the_data_was_ready_is_never_taken_for_ours(world: World) -> None:
    world.theirs(world.notebook, "RunNotebook")
    world.cloud.wait(10)
    order = order_of(STEP, {}, at=world.cloud.now, ready_at=T0 + timedelta(seconds=9))
    assert world.service.find_started(order) == []


def test_a_job_that_began_long_after_the_call_had_ended_is_another_steps(world: World) -> None:
    world.cloud.wait(116)
    theirs = world.theirs(world.notebook, "RunNotebook")
    world.cloud.wait(5)
    assert world.service.find_started(order_of(STEP, {}, latest_at=T0 + timedelta(seconds=90))) == []
    [job] = world.service.find_started(order_of(STEP, {}, latest_at=T0 + timedelta(seconds=120)))
    assert job.id == theirs.id


def test_a_lost_start_is_found_also_where_the_list_shows_no_status(world: World) -> None:
    world.fault(RUN, when="after", lost=True, times=1)
    with pytest.raises(UnclearError):
        world.start()
    world.fault("fabric.list", no_status=True)
    [job] = world.service.find_started(order_of(STEP, {}))
    assert (job.id, job.status) == (world.notebook.instances[0].id, "NotStarted")


def test_another_job_type_of_the_same_item_is_not_ours(world: World) -> None:
    lakehouse = world.cloud.azure.fabric.item(WORKSPACE, Item(ENDPOINT, "Lake", "Lakehouse"))
    world.theirs(lakehouse, "RefreshMaterializedLakeViews")
    assert world.service.find_started(order_of(fabric_step(ENDPOINT, "TableMaintenance"), {})) == []
    ours = world.theirs(lakehouse, "TableMaintenance")
    [found] = world.service.find_started(order_of(fabric_step(ENDPOINT, "TableMaintenance"), {}))
    assert found.id == ours.id


@pytest.mark.parametrize(
    ("changes", "ours"),
    [
        ({}, True),
        ({"jobType": "Execute"}, True),
        ({"jobType": "TableMaintenance"}, False),
        ({"invokeType": "OnDemand"}, True),
        ({"invokeType": "Scheduled"}, False),
        ({"startTimeUtc": None, "status": "NotStarted"}, True),
        ({"startTimeUtc": None, "status": "Completed"}, False),
        ({"status": None}, True),
        ({"id": None}, False),
    ],
    ids=str,
)
def test_what_a_start_may_have_made_is_told_by_kind_and_time(
    world: World, changes: dict[str, Any], ours: bool
) -> None:
    entry = {"id": SPARK, "jobType": "RunNotebook", "invokeType": "Manual", "status": "InProgress"}
    entry |= {"startTimeUtc": "2026-11-21T05:30:01.1234567"} | changes
    with serving(world.cloud, json.dumps({"value": [entry]}).encode()):
        assert [job.id for job in world.service.find_started(order_of(STEP, {}))] == [SPARK] * ours


def test_a_location_at_another_host_is_read_and_never_called(world: World) -> None:
    hosts: set[str] = set()
    handle = world.cloud.azure.handle

    def noting(request: Request) -> Response:
        hosts.add(request.headers["host"])
        return handle(request)

    world.cloud.azure.handle = noting  # type: ignore[method-assign]
    world.cloud.azure.fabric.location_host = "evil.example"
    job = world.start()
    assert world.look(job)[job.id].verdict is Verdict.ACTIVE
    assert hosts == {"api.fabric.microsoft.com"}


def test_a_start_that_comes_too_late_is_not_sent(world: World) -> None:
    with pytest.raises(TryLaterError, match="too long"):
        world.service.start(order_of(STEP, {}), lambda: False)
    assert world.calls(RUN) == 0


# Refusals


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "bad_request", RefusedError),
        (401, "token_expired", TryLaterError),
        (403, "forbidden", RefusedError),
        (404, "not_found", RefusedError),
        (429, "throttled", TryLaterError),
        (430, "throttled", TryLaterError),
    ],
)
def test_what_will_never_work_is_told_from_what_may(
    world: World, status: int, code: str, kind: type[BatonError]
) -> None:
    world.fault(RUN, status=status, retry_after="42")
    with pytest.raises(kind) as refused:
        world.start()
    assert refused.value.code == code
    if code == "throttled":
        assert refused.value.after_seconds == 42  # type: ignore[attr-defined]
    assert world.notebook.instances == []


def test_too_many_jobs_are_throttling_whatever_the_number(world: World) -> None:
    world.cloud.azure.fabric.workspace(WORKSPACE).most_active = 0
    with pytest.raises(TryLaterError, match="TooManyRequestsForJobs") as later:
        world.start()
    assert (later.value.code, later.value.after_seconds) == ("throttled", 30)


def test_what_the_service_calls_retriable_is_tried_later(world: World) -> None:
    body = {"errorCode": "E", "message": "Not now.", "isRetriable": True, "moreDetails": [{"message": "Soon."}]}
    refusing(world, 409, body)
    with pytest.raises(TryLaterError, match=r"Not now\.; Soon\.") as later:
        world.start()
    assert later.value.code == "refused_for_now"


def refusing(world: World, status: int, body: dict[str, Any]) -> None:
    def refused(request: Request) -> Response:
        return Response(status=status, body=json.dumps(body).encode())

    world.cloud.azure.handle = refused  # type: ignore[method-assign]


def test_a_throttling_code_is_believed_with_any_number(world: World) -> None:
    refusing(world, 400, {"errorCode": "TooManyRequestsForJobs", "message": "Too many."})
    with pytest.raises(TryLaterError) as later:
        world.start()
    assert later.value.code == "throttled"


def test_a_viewer_may_not_run_and_is_told_the_role(world: World) -> None:
    world.cloud.azure.fabric.workspace(WORKSPACE).role = "Viewer"
    with pytest.raises(RefusedError, match=r"InsufficientPrivileges.*as Contributor"):
        world.start()


def test_a_paused_capacity_and_a_wrong_job_type_say_what_to_do(world: World) -> None:
    with pytest.raises(RefusedError, match=r"InvalidJobType.*case"):
        world.start(fabric_step(NOTEBOOK, "Pipeline"))
    world.cloud.azure.fabric.workspace(WORKSPACE).paused = True
    with pytest.raises(RefusedError, match="Resume the workspace's capacity") as refused:
        world.start()
    assert refused.value.code == "capacity_paused"


# Names


def test_an_item_is_found_by_its_name_and_type_once_per_process(world: World) -> None:
    world.start(fabric_step("Sales", "sparkjob"))
    job = world.start(fabric_step("Sales", "Pipeline"))
    world.start(fabric_step("Sales", "Pipeline"))
    assert (len(world.spark.instances), len(world.pipeline.instances)) == (1, 2)
    assert world.calls("fabric.items") == 2
    assert job.link.endswith(f"/pipelines/Sales/{job.id}?experience=data-factory")


def test_equal_names_of_different_types_are_different_places(world: World) -> None:
    scopes = {world.service.place(fabric_step("Sales", job_type)).scope for job_type in ("sparkjob", "Pipeline")}
    assert len(scopes) == 2
    assert world.calls("fabric.items") == 0
    assert world.service.place(fabric_step(NOTEBOOK.upper())).scope == NOTEBOOK


def test_what_runs_no_jobs_does_not_make_a_name_ambiguous_and_what_does_needs_an_id(world: World) -> None:
    world.start(fabric_step("Features", "Execute"))
    assert len(world.notebook.instances) == 1
    with pytest.raises(RefusedError, match=PIPELINE) as refused:
        world.start(fabric_step("Sales", "Execute"))
    assert refused.value.code == "ambiguous_item"


def test_an_unknown_name_is_refused_with_the_nearest_ones(world: World) -> None:
    with pytest.raises(
        RefusedError, match="no Notebook named 'Feature' in the workspace; did you mean 'Features'"
    ):
        world.start(fabric_step("Feature"))
    with pytest.raises(RefusedError, match="no Lakehouse named 'X' in the workspace: it has none"):
        world.start(fabric_step("X", "TableMaintenance"))


def test_a_name_is_found_on_a_later_page(world: World) -> None:
    for number in range(120):
        key = f"22222222-0000-0000-0000-{number:012d}"
        world.cloud.azure.fabric.item(WORKSPACE, Item(key, f"N{number}", "Notebook"))
    world.start(fabric_step("N119"))
    assert world.calls("fabric.items") == 3


def test_an_item_that_was_made_anew_under_its_name_is_started_at_the_next_try(world: World) -> None:
    step = fabric_step("Features")
    world.start(step)
    items = world.cloud.azure.fabric.workspace(WORKSPACE).items
    del items[NOTEBOOK]
    anew = world.cloud.azure.fabric.item(
        WORKSPACE, Item("33333333-0000-0000-0000-000000000001", "Features", "Notebook")
    )
    with pytest.raises(TryLaterError) as later:
        world.start(step)
    assert later.value.code == "item_moved"
    world.start(step)
    assert len(anew.instances) == 1


# Looking


def test_one_list_tells_about_an_item(world: World) -> None:
    jobs = [world.start() for _ in range(30)]
    world.cloud.wait(30)
    world.cloud.azure.calls.clear()
    seen = world.look(*jobs)
    assert {told.verdict for told in seen.values()} == {Verdict.ACTIVE}
    assert len(seen) == 30
    assert dict(world.cloud.azure.calls) == {"fabric.list": 1}


def test_a_job_on_a_later_page_is_found(world: World) -> None:
    job = world.start()
    for _ in range(110):
        world.theirs(world.notebook, "RunNotebook")
    assert world.look(job)[job.id].status == "NotStarted"
    assert world.calls("fabric.list") == 3


@pytest.mark.parametrize(
    "told",
    [
        {"continuationToken": "a%2Bb%26c%3D"},
        {
            "continuationToken": "a%2Bb%26c%3D",
            "continuationUri": "https://evil.example/x?continuationToken=a%2Bb%26c%3D",
        },
    ],
    ids=["token", "address"],
)
def test_a_next_page_is_asked_for_at_our_own_address_with_the_token_as_it_was_meant(
    world: World, told: dict[str, str]
) -> None:
    asked: list[tuple[str, str | None]] = []

    def paging(request: Request) -> Response:
        asked.append((request.headers["host"], request.query.get("continuationToken")))
        body = {"value": [], **(told if len(asked) == 1 else {})}
        return Response(status=200, body=json.dumps(body).encode())

    world.cloud.azure.handle = paging  # type: ignore[method-assign]
    assert world.service.find_started(order_of(STEP, {})) == []
    host = "api.fabric.microsoft.com"
    assert asked == [(host, None), (host, "a+b&c=")]


def test_the_notebooks_exit_value_is_read_once_it_has_ended(world: World) -> None:
    job = world.start()
    world.cloud.wait(61)
    seen = world.look(job)[job.id]
    assert (seen.verdict, seen.status, seen.output) == (Verdict.SUCCEEDED, "Completed", {"rows": 7})
    assert (seen.started_at, seen.ended_at) == (T0, T0 + timedelta(seconds=60.3))
    assert (world.calls("fabric.list"), world.calls("fabric.instance")) == (1, 1)


def test_a_notebook_that_was_executed_tells_its_exit_value_under_its_own_address(world: World) -> None:
    step = fabric_step(NOTEBOOK, "Execute")
    job = world.start(step)
    world.cloud.wait(61)
    assert world.look(job, step=step)[job.id].output == {"rows": 7}
    assert world.calls("fabric.notebook_instance") == 1


def test_an_executed_pipeline_has_no_exit_value_to_ask_for(world: World) -> None:
    step = fabric_step(PIPELINE, "Execute")
    job = world.start(step)
    world.cloud.wait(61)
    seen = world.look(job, step=step)[job.id]
    assert (seen.verdict, seen.output) == (Verdict.SUCCEEDED, None)
    assert world.calls("fabric.notebook_instance") == 0


def test_an_exit_value_that_cannot_be_read_now_is_waited_for(world: World) -> None:
    job = world.start()
    world.cloud.wait(61)
    world.fault("fabric.instance", status=503, times=1)
    assert world.look(job) == {job.id: unchanged(watched(job))}
    assert world.look(job)[job.id].output == {"rows": 7}


def test_an_exit_value_that_may_not_be_read_holds_up_nothing(world: World) -> None:
    job = world.start()
    world.cloud.wait(61)
    world.fault("fabric.instance", status=403)
    seen = world.look(job)[job.id]
    assert (seen.verdict, seen.output) == (Verdict.SUCCEEDED, None)


def test_what_the_list_leaves_out_is_read_one_by_one_within_bounds(world: World) -> None:
    world.notebook.seconds = 1
    jobs = [world.start() for _ in range(60)]
    world.cloud.wait(10)
    for _ in range(100):
        world.theirs(world.notebook, "RunNotebook")
        world.cloud.wait(10)
    world.cloud.azure.calls.clear()
    seen = world.look(*jobs)
    ended = [job_id for job_id, told in seen.items() if told.verdict is Verdict.SUCCEEDED]
    assert len(ended) == world.calls("fabric.instance") == MOST_SINGLE_READS
    assert len(seen) == len(jobs)  # none of the others is told as absent


def test_a_job_that_is_not_shown_yet_or_has_no_status_has_no_verdict(world: World) -> None:
    world.fault(RUN, hide_seconds=30, times=1)
    job = world.start()
    assert world.look(job) == {}
    shown = world.start()
    world.fault("fabric.list", no_status=True)
    world.fault("fabric.instance", status=404)
    assert world.look(shown) == {shown.id: unchanged(watched(shown))}


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_a_failed_look_raises_and_is_not_repeated(world: World, status: int) -> None:
    job = world.start()
    world.fault("fabric.list", status=status, retry_after="1")
    with pytest.raises((RefusedError, TryLaterError)):
        world.look(job)
    assert world.calls("fabric.list") == 1


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"value": 7}', b""])
def test_a_look_answered_by_nonsense_is_no_verdict(world: World, body: bytes) -> None:
    job = world.start()
    with serving(world.cloud, body), pytest.raises(TryLaterError):
        world.look(job)


def test_a_skipped_instance_did_no_work_and_says_so(world: World) -> None:
    world.notebook.dedupes = True
    world.theirs(world.notebook, "RunNotebook", "Scheduled")
    job = world.start()
    seen = world.look(job)[job.id]
    assert (seen.verdict, seen.status) == (Verdict.FAILED, "Deduped")
    assert seen.error is not None
    assert seen.error.code == "deduped"
    assert "retry_delay" in seen.error.message


def test_a_failure_is_told_in_the_services_words(world: World) -> None:
    world.notebook.fails = ("Notebook_Failed", "ZeroDivisionError: division by zero")
    job = world.start()
    world.cloud.wait(61)
    seen = world.look(job)[job.id]
    assert seen.verdict is Verdict.FAILED
    assert seen.error is not None
    assert seen.error.message == "Notebook_Failed: ZeroDivisionError: division by zero"


# Cancelling and checking


def test_cancel_is_asked_for_and_harmless_when_it_is_over(world: World) -> None:
    job = world.start()
    world.cloud.wait(5)
    world.service.cancel(STEP, job)
    assert world.look(job)[job.id].verdict is Verdict.CANCELLED
    world.service.cancel(STEP, job)
    assert world.calls("fabric.cancel") == 2


@pytest.mark.parametrize("status", [403, 404, 429, 503])
def test_a_cancel_that_did_not_get_through_is_told_and_never_unclear(world: World, status: int) -> None:
    job = world.start()
    world.fault("fabric.cancel", status=status)
    with pytest.raises((RefusedError, TryLaterError)):
        world.service.cancel(STEP, job)


def test_check_tells_what_is_not_there_and_what_does_not_fit(world: World) -> None:
    spark = fabric_step("Sales", "sparkjob")
    assert world.service.check([STEP, spark]) == []
    assert world.service.check([]) == []
    gone = fabric_step("44444444-0000-0000-0000-000000000001")
    told = world.service.check([gone, fabric_step("Sale", "Pipeline"), fabric_step(PIPELINE)])
    assert [problem.code for problem in told] == ["not_found", "not_found", "wrong_job_type"]
    assert "DataPipeline" in told[2].message


def test_check_tells_an_item_that_is_named_in_two_ways(world: World) -> None:
    [problem] = world.service.check([STEP, fabric_step("Features")])
    assert problem.code == "named_twice"
    assert NOTEBOOK in problem.message


def test_check_names_the_role_where_there_is_none(world: World) -> None:
    world.cloud.azure.fabric.workspace(WORKSPACE).role = None
    [problem] = world.service.check([STEP])
    assert problem.code == "forbidden"
    assert "Contributor" in problem.message


# Its own history


def of_all(world: World, **changes: Any) -> JobQuery:
    given: dict[str, Any] = {
        "after": T0 - timedelta(days=1),
        "before": T0 + timedelta(days=1),
        "limit": 2,
        "what": NOTEBOOK,
    }
    return JobQuery(**{**given, **changes})


def test_an_items_history_tells_of_everybodys_jobs_newest_first_in_pages(world: World) -> None:
    ours = world.start()
    world.cloud.wait(100)
    theirs = [world.theirs(world.notebook, "RunNotebook", kind).id for kind in ("Scheduled", "Manual")]
    world.cloud.wait(100)
    page = world.service.list_jobs(of_all(world))
    rest = world.service.list_jobs(of_all(world, cursor=page.cursor))
    assert {job.id for job in page.jobs} == set(theirs)
    assert [(job.id, job.status, job.what) for job in rest.jobs] == [
        (ours.id, "Completed", "Features (RunNotebook)")
    ]
    assert rest.cursor is None


def test_an_items_history_is_narrowed_by_status_and_time_and_takes_a_name(world: World) -> None:
    world.start()
    world.cloud.wait(100)
    world.notebook.fails = ("E1", "no disk")
    world.start()
    world.cloud.wait(100)
    [failed] = world.service.list_jobs(of_all(world, status="Failed")).jobs
    assert failed.error is not None
    assert "no disk" in failed.error.message
    early = of_all(world, before=T0 + timedelta(seconds=90), what="Features")
    with pytest.raises(RefusedError, match="2 items are named"):
        world.service.list_jobs(replace(early, what="Sales"))
    assert [job.status for job in world.service.list_jobs(early).jobs] == ["Completed"]


def test_a_job_that_could_not_be_read_is_there_and_one_that_is_unknown_is_not(world: World) -> None:
    hidden = world.start()
    world.notebook.instances[0].visible_at += timedelta(hours=1)
    assert world.look(hidden) == {}
    world.fault("fabric.instance", status=503)
    assert world.look(hidden) == {hidden.id: unchanged(watched(hidden))}
