"""Every answer of every call is one that the description of the API has, in every state of runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.core.definition import Parameter, Schedule
from shared.core.errors import RefusedError
from shared.core.facts import Verdict
from shared.core.run import Error, Job, Run, RunStatus, Step, StepStatus, Trigger, new_run
from shared.ports import Problem
from shared.storage.base import Row, StorageUnavailableError, Table, Upsert
from shared.store.places import PlaceStore
from shared.store.runs import RunStore
from shared.web.openapi import document
from shared.web.views import chain_view, run_view
from tests.api.driving import CHAINS, Api, make_api, validator
from tests.unit.relay.small_world import T0, FakeService, SmallWorld, a_chain, a_step

NOBODY = "open.20261121T053000123Z.aaaaaaaa"


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return make_api(tmp_path)


def test_a_run_is_described_from_its_start_to_its_end(api: Api) -> None:
    started = api.start({"value": [1, {"a": None}]})
    assert started.status == 202
    path = started.headers["location"]
    assert api.call("GET", path).json()["steps"][0]["status"] == "running"
    api.small.service.end("job-1", output={"rows": 7})
    api.small.pass_time(200)
    api.small.service.end("job-2", Verdict.FAILED, error=Error("job_failed", "The disk is full."))
    api.small.pass_time(200)
    run = api.call("GET", path).json()
    assert (run["status"], run["steps"][0]["output"]) == ("failed", {"rows": 7})
    assert api.call("POST", f"{path}/cancel").status == 409
    assert [run["id"] for run in api.call("GET", "/api/runs", query="status=failed").json()["runs"]] == [run["id"]]
    assert api.call("GET", "/api/chains").json()["chains"][0]["last_run"]["id"] == run["id"]


@pytest.mark.parametrize(("link", "status"), [("get_run", 200), ("cancel_run", 202), ("rerun_run", 409)])
def test_the_links_of_a_start_lead_to_the_run(api: Api, link: str, status: int) -> None:
    told = document()["paths"]["/api/chains/{chain}/runs"]["post"]["responses"]["202"]["links"][link]
    assert told["parameters"] == {"id": "$response.body#/id"}
    run = api.start().json()["id"]
    for path, item in document()["paths"].items():
        for method, operation in item.items():
            if operation["operationId"] == told["operationId"]:
                answer = api.call(method.upper(), path.replace("{id}", run))
                assert (answer.status, run in answer.body.decode()) == (status, True)


def ended_badly(api: Api) -> str:
    """The path of a run whose second step's job has failed."""
    path = api.start({"value": 7}).headers["location"]
    api.small.service.end("job-1")
    api.small.pass_time(200)
    api.small.service.end("job-2", Verdict.FAILED, error=Error("job_failed", "The disk is full."))
    api.small.pass_time(200)
    return path


def test_a_rerun_is_described_and_points_to_the_first_run(api: Api) -> None:
    path = ended_badly(api)
    first = api.call("GET", path).json()
    answer = api.call("POST", f"{path}/rerun")
    again = answer.json()
    assert (answer.status, answer.headers["location"]) == (202, f"/api/runs/{again['id']}")
    assert (again["rerun_of"], again["trigger"]["type"]) == (first["id"], "rerun")
    assert (again["trigger"]["first_time"], again["parameters"]) == (first["trigger"]["time"], first["parameters"])
    load, check = again["steps"]
    assert load == first["steps"][0]
    assert (check["status"], check["job"]["id"], check["continues"]) == ("running", "job-3", "job-2")


@pytest.mark.parametrize(("begin", "started"), [("failed", 3), ("start", 3), ("load", 3), ("check", 3)])
def test_a_rerun_begins_where_it_is_told_to(api: Api, begin: str, started: int) -> None:
    path = ended_badly(api)
    body = json.dumps({"from": begin}).encode()
    steps = {step["name"]: step["job"] for step in api.call("POST", f"{path}/rerun", body).json()["steps"]}
    assert len(api.small.service.jobs) == started
    assert steps["load"]["id"] == ("job-1" if begin in ("failed", "check") else "job-3")


def test_the_same_key_gives_the_same_rerun_and_none_a_new_one(api: Api) -> None:
    path = ended_badly(api)
    keyed = [api.call("POST", f"{path}/rerun", idempotency_key="k").json()["id"] for _ in range(2)]
    api.small.now += timedelta(seconds=1)
    free = [api.call("POST", f"{path}/rerun").json()["id"] for _ in range(2)]
    assert keyed[0] == keyed[1]
    assert len({*keyed, *free}) == 3


def test_what_cannot_be_rerun_is_described(api: Api) -> None:
    assert api.call("POST", f"/api/runs/{NOBODY}/rerun").status == 404
    path = api.start().headers["location"]
    assert "still running" in api.call("POST", f"{path}/rerun").json()["detail"]
    api.small.service.end("job-1")
    api.small.pass_time(200)
    api.small.service.end("job-2")
    api.small.pass_time(200)
    refused = api.call("POST", f"{path}/rerun")
    assert (refused.status, "has succeeded" in refused.json()["detail"]) == (409, True)
    assert api.call("POST", f"{path}/rerun", b'{"from": "check"}').status == 202


@pytest.mark.parametrize(
    ("body", "places"),
    [
        (b"[]", []),
        (b'{"from": 1, "colour": 2}', ["colour", "from"]),
        (b'{"from": "lod"}', ["from"]),
        (b'{"from": ""}', ["from"]),
    ],
)
def test_the_body_of_a_rerun_is_taken_as_it_is_or_refused(api: Api, body: bytes, places: list[str]) -> None:
    path = ended_badly(api)
    refused = api.call("POST", f"{path}/rerun", body)
    assert (refused.status, refused.paths) == (400, places)
    assert api.call("POST", f"{path}/rerun", b" " * 300_000).status == 413
    assert api.call("POST", f"{path}/rerun", idempotency_key="").status == 400


def test_a_rerun_waits_its_turn_or_is_refused_as_a_start_is(api: Api) -> None:
    first = api.start({"region": "emea"}, "one")
    api.small.service.end("job-1", Verdict.FAILED)
    api.small.pass_time(200)
    second = api.start({"region": "emea"}, "one")
    refused = api.call("POST", f"{first.headers['location']}/rerun")
    assert (refused.status, refused.json()["running"]) == (409, [second.json()["id"]])


def test_a_run_that_is_cancelled_is_described(api: Api) -> None:
    path = api.start().headers["location"]
    assert api.call("POST", f"{path}/cancel").status == 202
    api.small.pass_time(200)
    assert api.call("GET", path).json()["status"] == "cancelled"


def test_a_chain_that_skips_names_the_run_that_it_has(api: Api) -> None:
    first = api.start({"region": "emea"}, "one")
    second = api.start({"region": "emea"}, "one")
    assert (second.status, second.json()["running"]) == (409, [first.json()["id"]])


def test_too_many_waiting_runs_are_refused_for_a_while(tmp_path: Path) -> None:
    api = make_api(tmp_path, CHAINS.replace("overlap: skip", "overlap: wait"))
    table = api.small.storage.table("baton")
    waiting = json.dumps({"holders": ["x"], "waiting": [str(n) for n in range(1_000)]})
    assert api.start({"region": "emea"}, "one").status == 202
    [row] = [row for row in table.scan("chain.one").rows if row.key == "slots"]
    _put(table, replace(row, data=waiting))
    refused = api.start({"region": "emea"}, "one")
    assert (refused.status, refused.headers["retry-after"]) == (429, "60")


def _put(table: Table, row: Row) -> None:
    assert table.write([Upsert(row)])


def test_what_is_wrong_with_a_call_is_described(api: Api) -> None:
    assert api.start({}, "one").paths == ["parameters.region"]
    assert api.start({}, "two").status == 404
    assert api.start(idempotency_key="").status == 400
    assert api.call("POST", "/api/chains/open/runs", b" " * 300_000).status == 413
    assert api.call("GET", f"/api/runs/{NOBODY}").status == 404
    assert api.call("POST", f"/api/runs/{NOBODY}/cancel").status == 404
    assert api.call("GET", "/api/runs", query="limit=0&colour=red").paths == ["colour", "limit"]


def test_without_the_key_every_call_is_refused(api: Api) -> None:
    for method, path in (
        ("POST", "/api/chains/open/runs"),
        ("GET", "/api/runs"),
        ("GET", f"/api/runs/{NOBODY}"),
        ("POST", f"/api/runs/{NOBODY}/cancel"),
        ("POST", f"/api/runs/{NOBODY}/rerun"),
        ("GET", "/api/chains"),
        ("GET", "/api/health"),
        ("GET", "/api/openapi.json"),
    ):
        assert api.call(method, path, key="wrong").status == 401
        assert api.call("GET", "/api/chains", key="", query="code=test-key").status == 200


class Ill(FakeService):
    """What it is asked about does not work."""

    def check(self, definitions: Any) -> Any:
        return [Problem("forbidden", "The identity may not start pipelines."), Problem("not_found", "No P.")]


def test_health_is_described_well_and_ill(api: Api, tmp_path: Path) -> None:
    assert api.call("GET", "/api/health").status == 200
    small = SmallWorld()
    small.service = Ill(small)
    ill = make_api(tmp_path, small=small).call("GET", "/api/health")
    assert (ill.status, len(ill.json()["connections"][0]["problems"])) == (503, 2)


def test_a_refused_start_is_described(api: Api) -> None:
    api.small.service.start_fails = [RefusedError("forbidden", "No.")]
    run = api.start().json()
    assert (run["status"], run["error"]["code"], run["steps"][1]["status"]) == ("failed", "forbidden", "skipped")


EVERY_CALL = [
    ("POST", "/api/chains/open/runs"),
    ("GET", "/api/runs"),
    ("GET", f"/api/runs/{NOBODY}"),
    ("POST", f"/api/runs/{NOBODY}/cancel"),
    ("POST", f"/api/runs/{NOBODY}/rerun"),
    ("GET", "/api/chains"),
    ("GET", "/api/health"),
]


class NoTable:
    """Storage that does not answer. `raised` is what every call raises."""

    def __init__(self, raised: Exception) -> None:
        self._raised = raised

    def __getattr__(self, name: str) -> Any:
        def fail(*args: Any, **named: Any) -> Any:
            raise self._raised

        return fail


@pytest.mark.parametrize(("method", "path"), EVERY_CALL)
@pytest.mark.parametrize(
    ("raised", "status"), [(StorageUnavailableError("No answer."), 503), (ZeroDivisionError("secret"), 500)]
)
def test_when_storage_or_the_code_fails_every_call_says_so(
    tmp_path: Path, method: str, path: str, raised: Exception, status: int
) -> None:
    small = SmallWorld()
    table: Any = NoTable(raised)
    small.world = replace(small.world, runs=RunStore(table), places=PlaceStore(table))
    told = make_api(tmp_path, small=small).call(method, path)
    assert told.status == status
    assert b"secret" not in told.body


@pytest.mark.parametrize(("method", "path"), EVERY_CALL)
def test_with_a_broken_chains_file_calls_that_need_it_name_its_mistakes(
    tmp_path: Path, method: str, path: str
) -> None:
    told = make_api(tmp_path, CHAINS.replace("pipeline: P", "pipelin: P")).call(method, path)
    if "chains" in path or "health" in path or "rerun" in path:
        assert told.status == 503
        assert "chains.open.steps.load.pipelin" in told.paths


def test_the_description_is_there_whatever_is_broken(tmp_path: Path) -> None:
    assert make_api(tmp_path, "broken").call("GET", "/api/openapi.json").status == 200


OUTPUTS: tuple[Any, ...] = (None, [], {"rows": 1.5}, "text", True)


def _runs_in_every_state() -> dict[str, Run]:
    fresh = new_run(
        id="sales.20261121T053000123Z.aaaaaaaa",
        definition=a_chain(),
        trigger=Trigger(type="schedule", time=T0, missed=(T0 - timedelta(days=1),)),
        parameters={"value": None},
        now=T0,
        queued=True,
    )
    job = Job(id="j", status="InProgress", link="https://example.test/j")
    steps = [Step(name="load", status=status) for status in StepStatus]
    steps += [
        Step(
            name="load",
            status=status,
            attempt=3,
            job=job,
            started_at=T0,
            finished_at=T0,
            output=output,
            error=Error("job_failed", "No."),
        )
        for status in StepStatus
        for output in OUTPUTS
    ]
    made = {f"step-{n}-{step.status}": replace(fresh, steps=(step,)) for n, step in enumerate(steps)}
    for status in RunStatus:
        made[f"run-{status}"] = replace(
            fresh, status=status, finished_at=T0, cancel_requested_at=T0, error=Error("timeout", "Too long.")
        )
    return made


RUNS: Mapping[str, Run] = _runs_in_every_state()


@pytest.mark.parametrize("name", RUNS)
def test_a_run_in_every_state_is_as_described(name: str) -> None:
    validator({"$ref": "#/components/schemas/Run"}).validate(json.loads(json.dumps(run_view(RUNS[name]))))


def test_a_chain_with_everything_and_one_with_nothing_are_as_described() -> None:
    full = a_chain(
        a_step("load"),
        a_step("b", "load"),
        description="x",
        schedule=Schedule(cron="30 5 * * *", time_zone="Europe/Berlin"),
        max_running=3,
        overlap="skip",
        parameters={"a": Parameter(), "b": Parameter(required=False, default=[1])},
    )
    for chain, last in ((full, None), (a_chain(), RUNS["run-running"]), (a_chain(), RUNS["run-failed"])):
        validator({"$ref": "#/components/schemas/Chain"}).validate(chain_view(chain, last, T0))


def test_a_view_with_a_member_that_is_not_described_is_found() -> None:
    view = run_view(RUNS["run-running"]) | {"colour": "red"}
    assert not validator({"$ref": "#/components/schemas/Run"}).is_valid(view)
