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
from local.simulated_azure.pipelines import Pipeline
from shared.core.errors import BatonError, RefusedError, TryLaterError, UnclearError
from shared.core.facts import Observation, Verdict
from shared.core.run import Error, Job
from shared.ports import JobPage, JobQuery
from shared.services.answers import unchanged
from shared.services.pipeline_runs import VERDICTS, failed_activities, observation_of, reason_of, same_parameter
from shared.services.pipelines import MOST_REASONS
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


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"value": 7}'])
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


def test_a_run_that_began_long_after_the_call_had_ended_is_another_steps(side: Side) -> None:
    side.cloud.wait(116)
    theirs = side.service.start(order_of(side.step(), at=side.cloud.now), go)
    assert side.service.find_started(order_of(side.step(), latest_at=T0 + timedelta(seconds=90))) == []
    later = order_of(side.step(), latest_at=T0 + timedelta(seconds=120))
    assert [job.id for job in side.service.find_started(later)] == [theirs.id]


def test_a_run_that_began_before_its_data_was_ready_is_never_taken_for_ours(side: Side) -> None:
    side.api.start(side.factory, side.cloud.pipeline, {"day": "mon"})
    side.cloud.wait(10)
    order = order_of(side.step(), at=side.cloud.now, ready_at=T0 + timedelta(seconds=9))
    assert side.service.find_started(order) == []
    assert side.service.find_started(replace(order, ready_at=T0)) != []


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


def test_a_run_without_a_status_is_there_and_has_no_verdict(side: Side) -> None:
    job = side.service.start(order_of(side.step()), go)
    side.fails("query_runs", no_status=True)
    seen = side.service.observe(side.service.place(side.step()), [watched(job)], None)
    assert seen == {job.id: unchanged(watched(job))}


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_a_single_read_that_fails_is_no_absence_and_holds_up_no_other_run(side: Side, status: int) -> None:
    hidden = side.service.start(order_of(side.step()), go)
    side.factory.runs[hidden.id].visible_at += timedelta(hours=1)
    other = side.service.start(order_of(side.step()), go)
    side.cloud.wait(100)
    side.fails("get_run", status=status)
    jobs = [watched(hidden), watched(other)]
    seen = side.service.observe(side.service.place(side.step()), jobs, None)
    assert seen[hidden.id] == unchanged(watched(hidden))
    assert seen[other.id].verdict is Verdict.SUCCEEDED


def test_runs_that_were_not_asked_about_one_by_one_are_not_told_as_absent(side: Side) -> None:
    side.fails("create_run", hide_seconds=3_600)
    jobs = [watched(side.service.start(order_of(side.step()), go)) for _ in range(30)]
    seen = side.service.observe(side.service.place(side.step()), jobs, None)
    assert side.calls("get_run") == 25
    assert len(seen) == 5


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


def ended(side: Side, job: Job) -> Observation:
    side.cloud.wait(61)
    return side.service.observe(side.service.place(side.step()), [watched(job)], None)[job.id]


def test_what_a_pipeline_returns_is_the_output(side: Side) -> None:
    side.cloud.pipeline.returns = {"rows": 7, "files": ["a"]}
    assert ended(side, side.service.start(order_of(side.step()), go)).output == {"rows": 7, "files": ["a"]}


def test_a_pipeline_that_returns_nothing_has_no_output(side: Side) -> None:
    assert ended(side, side.service.start(order_of(side.step()), go)).output is None


def test_a_failed_run_names_the_activity_that_failed_first_and_its_error(side: Side) -> None:
    side.cloud.pipeline.activities = ("Look", "Copy")
    side.cloud.pipeline.fails = "no disk"
    seen = ended(side, side.service.start(order_of(side.step()), go))
    assert (seen.verdict, seen.error) == (
        Verdict.FAILED,
        Error("job_failed", "Activity 'Copy' failed with 2200: no disk"),
    )
    assert side.calls("query_activities") == 1


@pytest.mark.parametrize("fault", [{"status": 403}, {"status": 429}, {"status": 500}, {"lost": True}])
def test_a_verdict_stands_when_its_reason_cannot_be_had(side: Side, fault: dict[str, Any]) -> None:
    side.cloud.pipeline.fails = "no disk"
    side.fails("query_activities", **fault)
    jobs = [side.service.start(order_of(side.step()), go) for _ in range(3)]
    side.cloud.wait(61)
    seen = side.service.observe(side.service.place(side.step()), [watched(job) for job in jobs], None)
    errors = {told.error for told in seen.values()}
    assert (len(seen), errors) == (3, {Error("job_failed", "Operation on target Copy failed: no disk")})
    assert side.calls("query_activities") == 1, "a service in trouble is not asked again for each run"


def test_only_so_many_runs_are_asked_for_their_reason_in_one_look(side: Side) -> None:
    side.cloud.pipeline.fails = "no disk"
    jobs = [side.service.start(order_of(side.step()), go) for _ in range(MOST_REASONS + 5)]
    side.cloud.wait(61)
    seen = side.service.observe(side.service.place(side.step()), [watched(job) for job in jobs], None)
    assert {told.verdict for told in seen.values()} == {Verdict.FAILED}
    assert side.calls("query_activities") == MOST_REASONS


def test_what_the_run_says_is_told_too_where_it_says_more() -> None:
    activity = {"activityName": "Copy", "error": {"errorCode": "2200", "message": "no disk"}}
    assert (
        reason_of(activity, "Operation on target Each failed: no disk")
        == "Activity 'Copy' failed with 2200: no disk"
    )
    assert (
        reason_of(activity, "Inner failed")
        == "Activity 'Copy' failed with 2200: no disk. The run says: Inner failed"
    )
    assert reason_of({}, "") == "Activity '?' failed."


def test_of_several_failed_activities_the_first_to_end_is_the_reason() -> None:
    def activity(name: str, status: str, second: int) -> dict[str, Any]:
        return {"activityName": name, "status": status, "activityRunEnd": f"2026-11-21T05:30:{second:02}.0000000Z"}

    listed = [activity("Each", "Failed", 9), activity("Copy", "Failed", 8), activity("Look", "Succeeded", 1)]
    assert [each["activityName"] for each in failed_activities(listed)] == ["Copy", "Each"]


def failed_run(side: Side) -> Job:
    """A run of Look and Copy that failed in Copy, which would work now."""
    side.cloud.pipeline.activities = ("Look", "Copy")
    side.cloud.pipeline.fails = "no disk"
    job = side.service.start(order_of(side.step()), go)
    side.cloud.wait(61)
    side.cloud.pipeline.fails = None
    return job


def test_a_continued_run_takes_the_earlier_ones_parameters_and_begins_where_it_failed(side: Side) -> None:
    earlier = failed_run(side)
    again = order_of(side.step(), {"day": "tue"}, at=side.cloud.now, continues=earlier.id)
    run = side.factory.runs[side.service.start(again, go).id]
    assert (run.parameters, run.activities) == ({"day": "mon"}, ("Copy",))
    assert run.group == side.factory.runs[earlier.id].group


@pytest.mark.parametrize("correlation", [None, "baton_run"])
def test_a_lost_continued_run_is_found_by_its_group(side: Side, correlation: str | None) -> None:
    earlier = failed_run(side)
    step = side.step(correlation=correlation)
    side.api.start(side.factory, side.cloud.pipeline, {"day": "mon"})  # somebody else's, with the same parameters
    again = order_of(step, at=side.cloud.now, continues=earlier.id)
    side.fails("create_run", when="after", lost=True)
    with pytest.raises(UnclearError):
        side.service.start(again, go)
    [found] = side.service.find_started(again)
    assert side.factory.runs[found.id].group == earlier.id
    assert found.id != earlier.id


def test_a_run_that_nobody_continued_is_not_found(side: Side) -> None:
    earlier = failed_run(side)
    assert side.service.find_started(order_of(side.step(), at=side.cloud.now, continues=earlier.id)) == []


def history(side: Side, **asked: Any) -> JobPage:
    given = {"after": T0 - timedelta(days=1), "before": side.cloud.now + timedelta(days=1), "limit": 20, **asked}
    return side.service.list_jobs(JobQuery(**given))


def test_the_history_tells_of_all_runs_whoever_started_them(side: Side) -> None:
    ours = side.service.start(order_of(side.step()), go)
    side.cloud.wait(5)
    side.cloud.pipeline.fails = "no disk"
    nightly = side.api.start(side.factory, side.cloud.pipeline, {"day": "tue"}, by="Nightly")
    side.cloud.wait(61)
    newest, oldest = history(side).jobs
    assert (newest.id, newest.status, newest.invoked_by) == (nightly.id, "Failed", "Nightly")
    assert newest.error == Error("job_failed", "Operation on target Copy failed: no disk")
    assert (oldest.id, oldest.status, oldest.what) == (ours.id, "Succeeded", "P")
    assert (oldest.invoked_by, oldest.parameters, oldest.error) == ("Manual", {"day": "mon"}, None)
    assert (oldest.started_at, oldest.ended_at) == (T0, T0 + timedelta(seconds=60.3))
    assert oldest.link == ours.link


def test_the_history_is_narrowed_by_time_status_and_pipeline(side: Side) -> None:
    side.factory.pipelines["Q"] = Pipeline("Q", seconds=1)
    job = side.service.start(order_of(side.step()), go)
    other = side.api.start(side.factory, side.factory.pipelines["Q"], {})
    side.cloud.wait(30)
    assert [each.id for each in history(side, what="Q").jobs] == [other.id]
    assert [each.id for each in history(side, status="InProgress").jobs] == [job.id]
    assert history(side, after=T0 + timedelta(seconds=20)).jobs == ()
    assert history(side, before=T0 - timedelta(seconds=20)).jobs == ()


@pytest.mark.parametrize("limit", [7, 100])
def test_the_history_comes_in_pages_that_lose_and_repeat_nothing(side: Side, limit: int) -> None:
    for _ in range(230):
        side.api.start(side.factory, side.cloud.pipeline, {"day": "mon"})
        side.cloud.wait(0.001)
    pages = [history(side, limit=limit)]
    while pages[-1].cursor is not None:
        pages.append(history(side, limit=limit, cursor=pages[-1].cursor))
        assert len(pages) < 50
    told = [job.id for page in pages for job in page.jobs]
    assert told == list(reversed(side.factory.runs))
    assert max(len(page.jobs) for page in pages) == limit


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
    step = side.step(parameters={"day": "mon"})
    assert side.service.check([step]) == []
    [problem] = side.service.check([step, replace(step, pipeline="Q")])
    assert problem.code == "not_found"
    assert "'Q'" in problem.message
    side.fails("query_runs", status=403)
    [problem] = side.service.check([step])
    assert problem.code == "forbidden"
    assert "Give the identity" in problem.message
