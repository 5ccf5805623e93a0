"""Every HTTP call with good and bad input, through the host, over the embedded store."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from local.simulated_azure.faults import Fault
from local.simulated_azure.world import SimulatedAzure
from tests.end_to_end.conftest import HostProcess
from tests.end_to_end.outcome import START


@pytest.fixture
def storage(tmp_path: Path) -> str:
    """The embedded store is enough for what the API says."""
    return f"sqlite:{tmp_path}/baton.db"


@pytest.fixture
def running(host: HostProcess) -> HostProcess:
    host.start()
    return host


def problem(answer: requests.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    told: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail"} <= told.keys()
    assert told["status"] == status
    return told


def test_a_start_answers_with_the_run_and_where_it_is(running: HostProcess) -> None:
    answer = running.call("POST", START, json={"parameters": {"region": "apac"}})
    run = answer.json()
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/api/runs/{run['id']}"
    assert answer.headers["Retry-After"].isdecimal()
    assert (run["chain"], run["status"], run["parameters"]) == ("sales-daily", "running", {"region": "apac"})
    assert run["trigger"]["type"] == "http"
    assert run["trigger"]["time"].endswith("Z")
    load = run["steps"][0]
    assert (load["name"], load["status"], load["connection"], load["attempt"]) == (
        "load",
        "running",
        "sales-adf",
        1,
    )
    assert load["job"]["link"].startswith("https://adf.azure.com/en/monitoring/pipelineruns/" + load["job"]["id"])
    assert [step["status"] for step in run["steps"][1:]] == ["waiting", "waiting"]


def test_the_pipeline_gets_the_parameters_that_templates_made(running: HostProcess, azure: SimulatedAzure) -> None:
    run = running.run_until_over(
        running.call("POST", START, json={"parameters": {"region": "apac"}}).headers["Location"]
    )
    sent = {
        made.pipeline: made.parameters
        for factory in azure.data_factory.factories.values()
        for made in factory.runs.values()
    }
    assert sent["LoadSales"] == {"region": "apac", "run_date": run["created_at"][:10]}
    assert sent["BuildFeatures"] == {"rows": "48213"}
    assert run["steps"][0]["output"] == {"rows": 48213}


def test_a_run_can_be_read_while_it_runs_and_afterwards(running: HostProcess) -> None:
    path = running.call("POST", START).headers["Location"]
    answer = running.call("GET", path)
    assert (answer.status_code, "Retry-After" in answer.headers) == (200, True)
    run = running.run_until_over(path)
    answer = running.call("GET", path)
    assert (answer.json(), "Retry-After" in answer.headers) == (run, False)
    assert run["finished_at"] is not None
    assert [step["job"]["status"] for step in run["steps"]] == ["Succeeded", "Succeeded", "Completed"]


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        (b"{", []),
        (b"[1]", []),
        (b'{"parameters": 7}', ["parameters"]),
        (b'{"parameters": {"regoin": 1}, "extra": 2}', ["extra"]),
        (b'{"parameters": {"regoin": 1, "other": 2}}', ["parameters.regoin", "parameters.other"]),
        (b'{"parameters": {"region": NaN}}', ["parameters.region"]),
        (b'{"parameters": {"region": 1e999}}', ["parameters.region"]),
        (b'{"parameters": {"region": "\\ud800"}}', ["parameters.region"]),
        (b'{"parameters": {"region": ' + b"[" * 300 + b"]" * 300 + b"}}", ["parameters.region"]),
        (b"[" * 100_000, []),
        (b"\xff\xfe", []),
    ],
)
def test_a_start_with_a_bad_body_is_refused_with_all_that_is_wrong(
    running: HostProcess, azure: SimulatedAzure, body: bytes, paths: list[str]
) -> None:
    told = problem(running.call("POST", START, data=body), 400)
    assert [error["path"] for error in told.get("errors", [])] == paths
    assert azure.calls["data_factory.create_run"] == 0


def test_a_body_that_is_too_large_is_refused(running: HostProcess) -> None:
    body = {"parameters": {"region": "x" * 100_000}}
    problem(running.call("POST", START, json=body), 400)
    problem(running.call("POST", START, data=b" " * 300_000 + b"{}"), 413)


def test_what_is_not_there_is_not_found(running: HostProcess) -> None:
    assert "sales-daily" in problem(running.call("POST", "/api/chains/sales-weekly/runs"), 404)["detail"]
    problem(running.call("GET", "/api/runs/nope"), 404)
    problem(running.call("GET", "/api/runs/sales-daily.20261121T053000123Z.aaaaaaaa"), 404)
    problem(running.call("POST", "/api/runs/nope/cancel"), 404)


def test_an_unusable_idempotency_key_is_refused(running: HostProcess) -> None:
    problem(running.call("POST", START, headers={"Idempotency-Key": "x" * 256}), 400)


def test_without_its_key_nothing_is_answered(running: HostProcess) -> None:
    for method, path in (("POST", START), ("GET", "/api/runs"), ("GET", "/api/health"), ("GET", "/api/chains")):
        assert requests.request(method, running.url + path, timeout=10).status_code == 401


def test_runs_are_listed_newest_first_and_paged(running: HostProcess) -> None:
    made = [running.call("POST", START, headers={"Idempotency-Key": str(n)}).json()["id"] for n in range(5)]
    first = running.call("GET", "/api/runs?limit=3").json()
    second = running.call("GET", "/api/runs", params={"limit": 3, "cursor": first["cursor"]}).json()
    assert [run["id"] for run in first["runs"] + second["runs"]] == made[::-1]
    assert second["cursor"] is None
    assert [run["id"] for run in running.call("GET", "/api/runs?chain=sales-daily").json()["runs"]] == made[::-1]
    assert running.call("GET", "/api/runs?chain=other").json() == {"runs": [], "cursor": None}
    assert running.call("GET", "/api/runs?status=failed").json()["runs"] == []


def test_a_list_with_a_bad_query_names_everything_that_is_wrong(running: HostProcess) -> None:
    told = problem(running.call("GET", "/api/runs?status=done&limit=0&cursor=x&stauts=1&chain=../x"), 400)
    assert sorted(error["path"] for error in told["errors"]) == ["chain", "cursor", "limit", "status", "stauts"]


def test_with_max_running_one_the_second_run_waits_for_the_first(running: HostProcess) -> None:
    first = running.call("POST", START).headers["Location"]
    second = running.call("POST", START)
    assert [step["status"] for step in second.json()["steps"]] == ["waiting"] * 3
    assert running.run_until_over(first)["status"] == "succeeded"
    assert running.run_until_over(second.headers["Location"])["status"] == "succeeded"


def test_a_run_can_be_cancelled_once(running: HostProcess, azure: SimulatedAzure) -> None:
    path = running.call("POST", START).headers["Location"]
    answer = running.call("POST", f"{path}/cancel")
    assert answer.status_code == 202
    run = running.run_until_over(path)
    assert run["status"] == "cancelled"
    assert [step["status"] for step in run["steps"]] == ["cancelled"] * 3
    assert (azure.calls["data_factory.create_run"], azure.calls["power_bi.refresh"]) == (1, 0)
    problem(running.call("POST", f"{path}/cancel"), 409)


def test_chains_tell_when_they_fire_and_how_they_went(running: HostProcess) -> None:
    chain, _ = running.call("GET", "/api/chains").json()["chains"]
    assert (chain["name"], chain["last_run"], len(chain["next_times"])) == ("sales-daily", None, 3)
    assert chain["schedule"] == {"cron": "30 5 * * MON-FRI", "time_zone": "Europe/Berlin"}
    run = running.call("POST", START).json()
    chain, _ = running.call("GET", "/api/chains").json()["chains"]
    assert (chain["last_run"]["id"], chain["last_run"]["status"]) == (run["id"], "running")


def test_a_failed_pipeline_fails_the_run_with_its_own_words(running: HostProcess, azure: SimulatedAzure) -> None:
    for factory in azure.data_factory.factories.values():
        factory.pipelines["BuildFeatures"].fails = "<script>alert(1)</script> Disk full."
    run = running.run_until_over(running.call("POST", START).headers["Location"])
    assert (run["status"], run["error"]["code"]) == ("failed", "job_failed")
    assert [step["status"] for step in run["steps"]] == ["succeeded", "failed", "skipped"]
    assert "Disk full." in run["steps"][1]["error"]["message"]
    assert azure.calls["power_bi.refresh"] == 0


def test_health_is_well_when_all_that_is_named_is_there(running: HostProcess) -> None:
    answer = running.call("GET", "/api/health")
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["status"] == "ok"
    assert {item["name"]: item["status"] for item in told["connections"]} == {"sales-adf": "ok", "reporting": "ok"}


def _drop_pipeline(azure: SimulatedAzure) -> None:
    for factory in azure.data_factory.factories.values():
        del factory.pipelines["BuildFeatures"]


def _fault(azure: SimulatedAzure, operation: str, *, status: int) -> None:
    azure.faults.on.append(Fault(operation, status=status))


@pytest.mark.parametrize(
    ("break_it", "connection", "code", "words"),
    [
        (_drop_pipeline, "sales-adf", "not_found", "BuildFeatures"),
        (lambda a: a.power_bi.workspaces.clear(), "reporting", "not_found", "Contributor"),
        (lambda a: _fault(a, "data_factory.*", status=403), "sales-adf", "forbidden", "createrun/action"),
        (lambda a: _fault(a, "identity.managed_identity", status=400), "reporting", "unauthorized", "identity"),
    ],
)
def test_health_says_what_is_wrong_and_what_to_do(
    running: HostProcess,
    azure: SimulatedAzure,
    break_it: Callable[[SimulatedAzure], None],
    connection: str,
    code: str,
    words: str,
) -> None:
    break_it(azure)
    answer = running.call("GET", "/api/health")
    assert answer.status_code == 503
    told = next(item for item in answer.json()["connections"] if item["name"] == connection)
    assert told["status"] == "failing"
    assert told["problems"][0]["code"] == code
    assert words in told["problems"][0]["message"]


def test_a_broken_chains_file_names_every_mistake(host: HostProcess, tmp_path: Any) -> None:
    broken = tmp_path / "chains.yaml"
    broken.write_text(
        "connections:\n  a: {type: power_bi, workspace: x}\nchains:\n  c:\n    schedule: {cron: '61 * * * *'}\n"
        "    colour: red\n    steps:\n      s: {connection: b, after: [t], dataset: 7}\n"
    )
    host.start(CHAINS_FILE=str(broken))
    told = problem(host.call("POST", "/api/chains/c/runs"), 503)
    assert [error["path"] for error in told["errors"]] == [
        "connections.a.workspace",
        "chains.c.schedule.cron",
        "chains.c.colour",
        "chains.c.steps.s.dataset",
        "chains.c.steps.s.after[0]",
        "chains.c.steps.s.connection",
    ]


def test_no_secret_and_no_token_is_in_any_answer(running: HostProcess, azure: SimulatedAzure) -> None:
    _fault(azure, "data_factory.create_run", status=403)
    path = running.call("POST", START).headers["Location"]
    for answer in (running.call("GET", path), running.call("GET", "/api/health")):
        assert "Bearer" not in answer.text
        assert "https://management.azure.com|" not in answer.text
        json.loads(answer.text)


def test_a_connections_own_history_shows_what_others_started(running: HostProcess, azure: SimulatedAzure) -> None:
    [factory] = azure.data_factory.factories.values()
    started = azure.data_factory.start(factory, factory.pipelines["BuildFeatures"], {}, by="Nightly")
    answer = running.call("GET", "/api/connections/sales-adf/jobs?pipeline=BuildFeatures")
    [job] = answer.json()["jobs"]
    assert (answer.status_code, job["id"], job["invoked_by"]) == (200, started.id, "Nightly")
    told = problem(running.call("GET", "/api/connections/sales-adf/jobs?status=done&limit=0"), 400)
    assert {error["path"] for error in told["errors"]} == {"status", "limit"}
