"""Pipelines at Data Factory and Synapse alike, through the real clients, against the simulated ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from local.simulated_azure.messages import Request, Response
from shared.core.errors import BatonError, RefusedError, TryLaterError, UnclearError
from shared.core.facts import Verdict
from shared.services.pipeline_runs import VERDICTS, observation_of, same_parameter
from tests.services.conftest import T0, Cloud, Side, order_of, watched


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


def test_a_start_is_one_post_with_the_parameters_as_they_are(side: Side) -> None:
    job = side.service.start(order_of(side.step(), {"day": "mon", "list": [1, "a"], "n": 7}), go)
    [run] = side.factory.runs.values()
    assert job.id == run.id
    assert run.parameters == {"day": "mon", "list": '[1, "a"]', "n": "7"}


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
@pytest.mark.parametrize("retry_after", [None, "1"])
def test_a_start_answered_by_a_server_error_is_unclear_and_sent_once(
    side: Side, status: int, retry_after: str | None
) -> None:
    side.fails("create_run", status=status, retry_after=retry_after)
    with pytest.raises(UnclearError):
        side.service.start(order_of(side.step()), go)
    assert side.calls("create_run") == 1


def test_a_start_whose_answer_is_lost_is_unclear_and_sent_once(side: Side) -> None:
    side.fails("create_run", when="after", lost=True)
    with pytest.raises(UnclearError):
        side.service.start(order_of(side.step()), go)
    assert len(side.factory.runs) == 1


def test_a_throttled_start_did_not_happen_and_says_when_to_come_back(side: Side) -> None:
    side.fails("create_run", status=429, retry_after="3392")
    with pytest.raises(TryLaterError) as later:
        side.service.start(order_of(side.step()), go)
    assert (later.value.code, later.value.after_seconds) == ("throttled", 3392)
    assert side.calls("create_run") == 1


@pytest.mark.parametrize(
    ("fault", "code"), [(400, "bad_request"), (401, "token_expired"), (403, "forbidden"), (404, "not_found")]
)
def test_what_will_never_work_is_told_from_what_may(side: Side, fault: int, code: str) -> None:
    side.fails("create_run", status=fault)
    with pytest.raises(BatonError) as refused:
        side.service.start(order_of(side.step()), go)
    assert refused.value.code == code
    assert isinstance(refused.value, TryLaterError if fault == 401 else RefusedError)
    assert side.factory.runs == {}


def test_a_missing_parameter_and_a_missing_pipeline_are_refused_in_the_services_words(side: Side) -> None:
    with pytest.raises(RefusedError, match=r"InvalidTemplate.*'day'"):
        side.service.start(order_of(side.step(), {}), go)
    with pytest.raises(RefusedError, match="PipelineNotFound"):
        side.service.start(order_of(side.step(pipeline="Q")), go)


@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b'{"runId": 7}'])
def test_a_start_answered_by_nonsense_is_unclear(side: Side, body: bytes) -> None:
    with serving(side.cloud, body), pytest.raises(UnclearError):
        side.service.start(order_of(side.step()), go)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"value": 7}'])
def test_a_look_answered_by_nonsense_is_no_verdict(side: Side, body: bytes) -> None:
    job = side.service.start(order_of(side.step()), go)
    with serving(side.cloud, body), pytest.raises(TryLaterError):
        side.service.observe(side.service.place(side.step()), [watched(job)], side.cloud.now)


def test_an_entry_that_is_no_run_is_passed_over(side: Side) -> None:
    job = side.service.start(order_of(side.step()), go)
    with serving(side.cloud, b'{"value": [7]}'):
        assert side.service.observe(side.service.place(side.step()), [watched(job)], side.cloud.now) == {}


def test_a_start_that_comes_too_late_is_not_sent(side: Side) -> None:
    with pytest.raises(TryLaterError, match="too long"):
        side.service.start(order_of(side.step()), lambda: False)
    assert side.calls("create_run") == 0


def test_a_lost_start_is_found_by_what_was_asked(side: Side) -> None:
    side.api.start(side.factory, side.cloud.pipeline, {"day": "sun"})
    side.api.start(side.factory, side.cloud.pipeline, {"day": "mon"}, by="Nightly")
    ours = side.api.start(side.factory, side.cloud.pipeline, {"day": "mon"})
    side.cloud.wait(5)
    assert [job.id for job in side.service.find_started(order_of(side.step()))] == [ours.id]


def test_a_run_that_began_before_the_intent_is_not_ours(side: Side) -> None:
    side.api.start(side.factory, side.cloud.pipeline, {"day": "mon"})
    side.cloud.wait(120)
    assert side.service.find_started(order_of(side.step(), at=side.cloud.now)) == []


def test_with_a_correlation_parameter_the_match_is_exact(side: Side) -> None:
    step = side.step(correlation="baton_run")
    for number in (1, 2):
        said = {"day": "mon", "baton_run": f"r/load/{number}"}
        side.api.start(side.factory, side.cloud.pipeline, said)
    [found] = side.service.find_started(order_of(step, correlation="r/load/2"))
    assert side.factory.runs[found.id].parameters["baton_run"] == "r/load/2"


def test_a_thousand_runs_are_seen_with_one_paged_query(side: Side) -> None:
    jobs = [side.service.start(order_of(side.step()), go) for _ in range(1_000)]
    side.cloud.wait(10)
    side.cloud.azure.calls.clear()
    seen = side.service.observe(side.service.place(side.step()), [watched(job) for job in jobs], None)
    assert len(seen) == 1_000
    assert dict(side.cloud.azure.calls) == {f"{side.name}.query_runs": 10}


def test_a_look_asks_only_for_what_changed(side: Side) -> None:
    job = side.service.start(order_of(side.step()), go)
    side.cloud.wait(30)
    place = side.service.place(side.step())
    assert side.service.observe(place, [watched(job)], side.cloud.now) == {}
    side.cloud.wait(60)
    seen = side.service.observe(place, [watched(job)], side.cloud.now - timedelta(seconds=60))
    assert seen[job.id].verdict is Verdict.SUCCEEDED
    assert seen[job.id].started_at == T0
    assert seen[job.id].ended_at == T0 + timedelta(seconds=60.3)


def test_a_wide_look_reads_one_by_one_what_lists_do_not_show(side: Side) -> None:
    job = side.service.start(order_of(side.step()), go)
    side.factory.runs[job.id].created_at -= timedelta(days=2)
    side.factory.runs[job.id].begins_at -= timedelta(days=2)
    seen = side.service.observe(side.service.place(side.step()), [watched(job)], None)
    assert seen[job.id].status == "InProgress"
    assert side.calls("get_run") == 1


def test_a_run_that_is_not_listed_yet_has_no_verdict(side: Side) -> None:
    side.fails("create_run", hide_seconds=30)
    job = side.service.start(order_of(side.step()), go)
    assert side.service.observe(side.service.place(side.step()), [watched(job)], None) == {}


def test_a_run_without_a_status_has_no_verdict(side: Side) -> None:
    job = side.service.start(order_of(side.step()), go)
    side.fails("query_runs", no_status=True)
    assert side.service.observe(side.service.place(side.step()), [watched(job)], None) == {}


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_a_failed_look_raises_and_is_not_repeated(side: Side, status: int) -> None:
    job = side.service.start(order_of(side.step()), go)
    side.fails("query_runs", status=status, retry_after="1")
    with pytest.raises((RefusedError, TryLaterError)):
        side.service.observe(side.service.place(side.step()), [watched(job)], None)
    assert side.calls("query_runs") == 1


def test_cancel_is_asked_for_and_harmless_when_it_is_over(side: Side) -> None:
    job = side.service.start(order_of(side.step()), go)
    side.cloud.wait(5)
    side.service.cancel(side.step(), job)
    side.cloud.wait(5)
    seen = side.service.observe(side.service.place(side.step()), [watched(job)], None)
    assert seen[job.id].verdict is Verdict.CANCELLED
    side.service.cancel(side.step(), job)


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


def test_check_names_the_pipeline_that_is_not_there_and_the_right_that_is_missing(side: Side) -> None:
    assert side.service.check([side.step()]) == []
    [problem] = side.service.check([side.step(), side.step(pipeline="Q")])
    assert problem.code == "not_found"
    assert "'Q'" in problem.message
    side.fails("query_runs", status=403)
    [problem] = side.service.check([side.step()])
    assert problem.code == "forbidden"
    assert "Give the identity" in problem.message
