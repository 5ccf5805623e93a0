"""Data Factory, through Azure's own client, against the simulated one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from local.simulated_azure.faults import Fault
from local.simulated_azure.messages import Request, Response
from shared.core.errors import BatonError, RefusedError, TryLaterError, UnclearError
from shared.core.facts import Verdict
from shared.services.data_factory import MOST_SINGLE_READS, VERDICTS, observation_of, same_parameter
from tests.services.conftest import T0, Cloud, order_of, pipeline_step, watched

STEP = pipeline_step()


def go() -> bool:
    return True


@contextmanager
def serving(cloud: Cloud, body: bytes) -> Iterator[None]:
    """Every request is served, and its answer replaced."""
    handle = cloud.azure.handle

    def garbled(request: Request) -> Response:
        return replace(handle(request), body=body)

    cloud.azure.handle = garbled  # type: ignore[method-assign]
    yield
    cloud.azure.handle = handle  # type: ignore[method-assign]


def test_a_start_is_one_post_with_the_parameters_as_they_are(cloud: Cloud) -> None:
    job = cloud.data_factory.start(order_of(STEP, {"day": "mon", "list": [1, "a"], "n": 7}), go)
    [run] = cloud.factory.runs.values()
    assert job.id == run.id
    assert run.parameters == {"day": "mon", "list": '[1, "a"]', "n": "7"}
    assert "factory=%2Fsubscriptions%2F" in job.link


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
@pytest.mark.parametrize("retry_after", [None, "1"])
def test_a_start_answered_by_a_server_error_is_unclear_and_sent_once(
    cloud: Cloud, status: int, retry_after: str | None
) -> None:
    cloud.azure.faults.on.append(Fault("data_factory.create_run", status=status, retry_after=retry_after))
    with pytest.raises(UnclearError):
        cloud.data_factory.start(order_of(STEP), go)
    assert cloud.azure.calls["data_factory.create_run"] == 1


def test_a_start_whose_answer_is_lost_is_unclear_and_sent_once(cloud: Cloud) -> None:
    cloud.azure.faults.on.append(Fault("data_factory.create_run", when="after", lost=True))
    with pytest.raises(UnclearError):
        cloud.data_factory.start(order_of(STEP), go)
    assert len(cloud.factory.runs) == 1


def test_a_throttled_start_did_not_happen_and_says_when_to_come_back(cloud: Cloud) -> None:
    cloud.azure.faults.on.append(Fault("data_factory.create_run", status=429, retry_after="3392"))
    with pytest.raises(TryLaterError) as later:
        cloud.data_factory.start(order_of(STEP), go)
    assert (later.value.code, later.value.after_seconds) == ("throttled", 3392)
    assert cloud.azure.calls["data_factory.create_run"] == 1


@pytest.mark.parametrize(
    ("fault", "code"), [(400, "bad_request"), (401, "token_expired"), (403, "forbidden"), (404, "not_found")]
)
def test_what_will_never_work_is_told_from_what_may(cloud: Cloud, fault: int, code: str) -> None:
    cloud.azure.faults.on.append(Fault("data_factory.create_run", status=fault))
    with pytest.raises(BatonError) as refused:
        cloud.data_factory.start(order_of(STEP), go)
    assert refused.value.code == code
    assert isinstance(refused.value, TryLaterError if fault == 401 else RefusedError)
    assert cloud.factory.runs == {}


def test_a_missing_parameter_and_a_missing_pipeline_are_refused_in_the_services_words(cloud: Cloud) -> None:
    with pytest.raises(RefusedError, match=r"InvalidTemplate.*'day'"):
        cloud.data_factory.start(order_of(STEP, {}), go)
    with pytest.raises(RefusedError, match="PipelineNotFound"):
        cloud.data_factory.start(order_of(pipeline_step(pipeline="Q")), go)


@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b'{"runId": 7}'])
def test_a_start_answered_by_nonsense_is_unclear(cloud: Cloud, body: bytes) -> None:
    with serving(cloud, body), pytest.raises(UnclearError):
        cloud.data_factory.start(order_of(STEP), go)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"value": 7}'])
def test_a_look_answered_by_nonsense_is_no_verdict(cloud: Cloud, body: bytes) -> None:
    job = cloud.data_factory.start(order_of(STEP), go)
    with serving(cloud, body), pytest.raises(TryLaterError):
        cloud.data_factory.observe(cloud.data_factory.place(STEP), [watched(job)], cloud.now)


def test_an_entry_that_is_no_run_is_passed_over(cloud: Cloud) -> None:
    job = cloud.data_factory.start(order_of(STEP), go)
    with serving(cloud, b'{"value": [7]}'):
        assert cloud.data_factory.observe(cloud.data_factory.place(STEP), [watched(job)], cloud.now) == {}


def test_a_start_that_comes_too_late_is_not_sent(cloud: Cloud) -> None:
    with pytest.raises(TryLaterError, match="too long"):
        cloud.data_factory.start(order_of(STEP), lambda: False)
    assert cloud.azure.calls["data_factory.create_run"] == 0


def test_a_lost_start_is_found_by_what_was_asked(cloud: Cloud) -> None:
    cloud.azure.data_factory.start(cloud.factory, cloud.pipeline, {"day": "sun"})
    cloud.azure.data_factory.start(cloud.factory, cloud.pipeline, {"day": "mon"}, by="Nightly")
    ours = cloud.azure.data_factory.start(cloud.factory, cloud.pipeline, {"day": "mon"})
    cloud.wait(5)
    assert [job.id for job in cloud.data_factory.find_started(order_of(STEP))] == [ours.id]


def test_a_run_that_began_before_the_intent_is_not_ours(cloud: Cloud) -> None:
    cloud.azure.data_factory.start(cloud.factory, cloud.pipeline, {"day": "mon"})
    cloud.wait(120)
    assert cloud.data_factory.find_started(order_of(STEP, at=cloud.now)) == []


def test_with_a_correlation_parameter_the_match_is_exact(cloud: Cloud) -> None:
    step = pipeline_step(correlation="baton_run")
    for number in (1, 2):
        said = {"day": "mon", "baton_run": f"r/load/{number}"}
        cloud.azure.data_factory.start(cloud.factory, cloud.pipeline, said)
    [found] = cloud.data_factory.find_started(order_of(step, correlation="r/load/2"))
    assert cloud.factory.runs[found.id].parameters["baton_run"] == "r/load/2"


def test_a_thousand_runs_are_seen_with_one_paged_query(cloud: Cloud) -> None:
    jobs = [cloud.data_factory.start(order_of(STEP), go) for _ in range(1_000)]
    cloud.wait(10)
    cloud.azure.calls.clear()
    seen = cloud.data_factory.observe(cloud.data_factory.place(STEP), [watched(job) for job in jobs], None)
    assert len(seen) == 1_000
    assert dict(cloud.azure.calls) == {"data_factory.query_runs": 10}


def test_a_look_asks_only_for_what_changed(cloud: Cloud) -> None:
    job = cloud.data_factory.start(order_of(STEP), go)
    cloud.wait(30)
    place = cloud.data_factory.place(STEP)
    assert cloud.data_factory.observe(place, [watched(job)], cloud.now) == {}
    cloud.wait(60)
    seen = cloud.data_factory.observe(place, [watched(job)], cloud.now - timedelta(seconds=60))
    assert seen[job.id].verdict is Verdict.SUCCEEDED
    assert seen[job.id].started_at == T0
    assert seen[job.id].ended_at == T0 + timedelta(seconds=60.3)


def test_a_wide_look_reads_one_by_one_what_lists_do_not_show(cloud: Cloud) -> None:
    job = cloud.data_factory.start(order_of(STEP), go)
    cloud.factory.runs[job.id].created_at -= timedelta(days=2)
    cloud.factory.runs[job.id].begins_at -= timedelta(days=2)
    seen = cloud.data_factory.observe(cloud.data_factory.place(STEP), [watched(job)], None)
    assert seen[job.id].status == "InProgress"
    assert cloud.azure.calls["data_factory.get_run"] == 1


def test_a_run_that_cannot_be_read_by_itself_keeps_nothing_from_the_others(cloud: Cloud) -> None:
    jobs = [cloud.data_factory.start(order_of(STEP), go) for _ in range(3)]
    cloud.wait(61)
    unlisted = min(job.id for job in jobs)
    cloud.factory.runs[unlisted].visible_at += timedelta(hours=1)
    cloud.azure.faults.on.append(Fault("data_factory.get_run", status=429))
    seen = cloud.data_factory.observe(cloud.data_factory.place(STEP), [watched(job) for job in jobs], None)
    assert {job_id: told.status for job_id, told in seen.items()} == {
        job.id: "Queued" if job.id == unlisted else "Succeeded" for job in jobs
    }
    assert seen[unlisted].verdict is Verdict.ACTIVE


def test_what_a_wide_look_had_no_time_to_read_is_not_taken_for_lost(cloud: Cloud) -> None:
    jobs = [cloud.data_factory.start(order_of(STEP), go) for _ in range(MOST_SINGLE_READS + 2)]
    cloud.factory.runs.clear()
    seen = cloud.data_factory.observe(cloud.data_factory.place(STEP), [watched(job) for job in jobs], None)
    assert [told.status for told in seen.values()] == ["Queued", "Queued"]
    assert cloud.azure.calls["data_factory.get_run"] == MOST_SINGLE_READS


def test_a_run_that_is_not_listed_yet_has_no_verdict(cloud: Cloud) -> None:
    cloud.azure.faults.on.append(Fault("data_factory.create_run", hide_seconds=30))
    job = cloud.data_factory.start(order_of(STEP), go)
    assert cloud.data_factory.observe(cloud.data_factory.place(STEP), [watched(job)], None) == {}


def test_a_run_without_a_status_has_no_verdict(cloud: Cloud) -> None:
    job = cloud.data_factory.start(order_of(STEP), go)
    cloud.azure.faults.on.append(Fault("data_factory.query_runs", no_status=True))
    assert cloud.data_factory.observe(cloud.data_factory.place(STEP), [watched(job)], None) == {}


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_a_failed_look_raises_and_is_not_repeated(cloud: Cloud, status: int) -> None:
    job = cloud.data_factory.start(order_of(STEP), go)
    cloud.azure.faults.on.append(Fault("data_factory.query_runs", status=status, retry_after="1"))
    with pytest.raises((RefusedError, TryLaterError)):
        cloud.data_factory.observe(cloud.data_factory.place(STEP), [watched(job)], None)
    assert cloud.azure.calls["data_factory.query_runs"] == 1


def test_cancel_is_asked_for_and_harmless_when_it_is_over(cloud: Cloud) -> None:
    job = cloud.data_factory.start(order_of(STEP), go)
    cloud.wait(5)
    cloud.data_factory.cancel(STEP, job)
    cloud.wait(5)
    seen = cloud.data_factory.observe(cloud.data_factory.place(STEP), [watched(job)], None)
    assert seen[job.id].verdict is Verdict.CANCELLED
    cloud.data_factory.cancel(STEP, job)


@pytest.mark.parametrize(
    ("wire", "verdict"), [*VERDICTS.items(), ("Paused", Verdict.ACTIVE), ("succeeded?", Verdict.ACTIVE)]
)
def test_every_documented_status_has_its_verdict_and_others_are_looked_at_again(
    wire: str, verdict: Verdict
) -> None:
    seen = observation_of({"status": wire, "message": "Operation on target Copy failed: no disk"})
    assert seen is not None
    assert (seen.verdict, seen.status) == (verdict, wire)
    assert (seen.error is not None) is (verdict is Verdict.FAILED)


@pytest.mark.parametrize(
    ("sent", "shown", "same"),
    [
        ("a", "a", True),
        ("a", "b", False),
        (7, "7", True),
        (True, "True", True),
        (True, "true", True),
        (1.5, "1.5", True),
        (["x"], '["x"]', True),
        ({"a": 1}, '{ "a": 1 }', True),
        ({"a": 1}, '{"a": 2}', False),
        (None, "null", True),
    ],
)
def test_parameters_compare_though_the_service_shows_text(sent: Any, shown: str, same: bool) -> None:
    assert same_parameter(sent, shown) is same
    assert json.loads(json.dumps(sent)) == sent


def test_check_names_the_pipeline_that_is_not_there_and_the_right_that_is_missing(cloud: Cloud) -> None:
    assert cloud.data_factory.check([STEP]) == []
    [problem] = cloud.data_factory.check([STEP, pipeline_step(pipeline="Q")])
    assert problem.code == "not_found"
    assert "'Q'" in problem.message
    cloud.azure.faults.on.append(Fault("data_factory.query_runs", status=403))
    [problem] = cloud.data_factory.check([STEP])
    assert problem.code == "forbidden"
    assert "querypipelineruns" in problem.message


@pytest.fixture
def default_client_posts(cloud: Cloud) -> Callable[[], int]:
    """How many POSTs the client sends by default: why Baton switches its repetition off."""
    import requests
    from azure.core.exceptions import AzureError
    from azure.core.pipeline.transport import RequestsTransport
    from azure.mgmt.datafactory import DataFactoryManagementClient

    from local.simulated_azure.adapter import SimulatedAdapter
    from tests.services.conftest import SUBSCRIPTION, FakeCredential

    def count() -> int:
        session = requests.Session()
        session.mount("https://", SimulatedAdapter(cloud.azure))
        client = DataFactoryManagementClient(
            FakeCredential(cloud), SUBSCRIPTION, transport=RequestsTransport(session=session, session_owner=False)
        )
        with pytest.raises(AzureError):
            client.pipelines.create_run("rg", "f-1", "P", parameters={"day": "mon"}, retry_backoff_factor=0)
        return cloud.azure.calls["data_factory.create_run"]

    return count


def test_the_client_by_itself_would_have_started_four_times(
    cloud: Cloud, default_client_posts: Callable[[], int]
) -> None:
    cloud.azure.faults.on.append(Fault("data_factory.create_run", when="after", status=503))
    assert default_client_posts() == 4
    assert len(cloud.factory.runs) == 4
