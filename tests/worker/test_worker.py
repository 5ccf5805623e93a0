"""Apps under Azure's own worker library: what it indexes, what it refuses, what functions get and give."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.worker.interpreter import MISSING, ROOT, SETTING, find_interpreter

APPS = ROOT / "tests" / "host" / "apps"
RECORD = {"function": "show_record", "http": {"url": "http://127.0.0.1/api/record"}}


@pytest.fixture(scope="session")
def python() -> Path:
    found = find_interpreter(os.environ)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    return found


def run_under_worker(
    python: Path, folder: Path, app_root: Path, requests: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """What the harness printed. `folder` takes the file of requests."""
    path = folder / "requests.json"
    path.write_text(json.dumps(requests), encoding="utf-8")
    done = subprocess.run(
        [python, "-m", "tests.worker.run_under_worker", app_root, path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_worker_indexes_every_function_with_its_bindings(python: Path, tmp_path: Path) -> None:
    found = run_under_worker(python, tmp_path, APPS / "triggers")
    assert found["error"] is None
    triggers = {function["name"]: function["bindings"][0] for function in found["functions"]}
    assert {name: trigger["type"] for name, trigger in triggers.items()} == {
        "show_record": "httpTrigger",
        "tick": "timerTrigger",
        "work": "queueTrigger",
        "on_event": "eventGridTrigger",
    }
    assert (triggers["tick"]["schedule"], triggers["work"]["queueName"]) == ("%SCHEDULE%", "%QUEUE%")
    assert (triggers["show_record"]["route"], triggers["show_record"]["authLevel"]) == ("record", "ANONYMOUS")


def test_the_worker_refuses_a_wrong_parameter_name_in_its_own_words(python: Path, tmp_path: Path) -> None:
    found = run_under_worker(python, tmp_path, APPS / "wrong_parameter")
    assert found["error"] == (
        "FunctionLoadError: cannot load the work function: the following parameters are declared in Python "
        "but not in the function definition (function.json or function decorators):  {'msg'}"
    )


def test_each_kind_of_trigger_reaches_its_function_through_the_workers_decoding(
    python: Path, tmp_path: Path
) -> None:
    metadata = {"Id": "m-1", "DequeueCount": 3, "InsertionTime": "2026-11-21T12:00:00+00:00", "PopReceipt": "r"}
    requests = [
        {"function": "tick", "timer": {"past_due": True}},
        {"function": "work", "queue": {"body": '{"kind": "advance"}', "metadata": metadata}},
        {
            "function": "on_event",
            "event_grid": {"specversion": "1.0", "id": "c-1", "type": "Done", "data": {"n": 1}},
        },
        {"function": "on_event", "event_grid": {"id": "e-1", "eventType": "Made", "data": {"n": 2}}},
        RECORD,
    ]
    found = run_under_worker(python, tmp_path, APPS / "triggers", requests)
    assert [(result["function"], result["ok"], result["error"]) for result in found["results"]] == [
        (request["function"], True, None) for request in requests
    ]
    assert json.loads(found["results"][-1]["http"]["body"]) == [
        {"timer": True, "status": []},
        {
            "queue": '{"kind": "advance"}',
            "id": "m-1",
            "dequeue_count": 3,
            "inserted": "2026-11-21T12:00:00+00:00",
            "function": "work",
        },
        {"event": "c-1", "class": "CloudEvent", "kind": "Done", "data": {"n": 1}},
        {"event": "e-1", "class": "EventGridEvent", "kind": "Made", "data": {"n": 2}},
    ]


def test_failures_come_back_with_their_error(python: Path, tmp_path: Path) -> None:
    requests = [
        {"function": "work", "queue": {"body": "fail", "metadata": {"DequeueCount": 1}}},
        {"function": "work", "queue": {"body": "return", "metadata": {"DequeueCount": 1}}},
        {"function": "work", "queue": {"body": "x", "metadata": {"DequeueCount": "many"}}},
    ]
    found = run_under_worker(python, tmp_path, APPS / "triggers", requests)
    assert [(result["ok"], result["error"].partition(":")[0]) for result in found["results"]] == [
        (False, "RuntimeError"),
        (False, "RuntimeError"),
        (False, "ValueError"),
    ]
    assert "returned a non-None value" in found["results"][1]["error"]


def test_http_requests_and_responses_pass_through_whole(python: Path, tmp_path: Path) -> None:
    url = "http://127.0.0.1/api/echo/7?x=1"
    request = {
        "method": "POST",
        "url": url,
        "headers": {"X-One": "1"},
        "query": {"x": "1"},
        "params": {"id": "7"},
        "body": "grüße",
    }
    requests = [
        {"function": "echo", "http": request},
        {"function": "json_text", "http": {}},
        {"function": "asynchronous", "http": {}},
        {"function": "broken", "http": {}},
        {"function": "nothing", "http": {}},
    ]
    results = run_under_worker(python, tmp_path, APPS / "web", requests)["results"]
    assert results[0]["http"]["status"] == 200
    assert results[0]["http"]["headers"]["content-type"] == "application/json"
    assert json.loads(results[0]["http"]["body"]) == {
        "method": "POST",
        "url": url,
        "params": {"x": "1"},
        "route_params": {"id": "7"},
        "headers": {"x-one": "1"},
        "body": "grüße",
    }
    assert [results[1]["http"]["body"], results[2]["http"]["body"]] == ['{"a":1}', "awaited"]
    assert [result["error"].partition(":")[0] for result in results[3:]] == ["RuntimeError", "TypeError"]


def test_without_a_newer_python_none_is_found(tmp_path: Path) -> None:
    older = {SETTING: str(tmp_path / "no-such-python")}
    found = find_interpreter(older, root=tmp_path)
    assert found is None or found.name.startswith("python")


def test_the_named_interpreter_is_used(python: Path, tmp_path: Path) -> None:
    assert find_interpreter({SETTING: str(python)}, root=tmp_path) is not None


def test_baton_itself_is_indexed_and_serves_each_kind_of_trigger(
    python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AzureWebJobsStorage", f"sqlite:{tmp_path}/baton.db")
    monkeypatch.setenv("SUBSCRIPTION_ID", "00000000-0000-0000-0000-00000000ba70")
    base = "http://127.0.0.1/api"
    message = json.dumps({"kind": "advance", "run": "sales-daily.20261121T053000123Z.aaaaaaaa"})
    requests = [
        {"function": "openapi", "http": {"url": f"{base}/openapi.json"}},
        {"function": "list_chains", "http": {"url": f"{base}/chains"}},
        {"function": "get_run", "http": {"url": f"{base}/runs/nope", "params": {"id": "nope"}}},
        {"function": "tick", "timer": {}},
        {"function": "work", "queue": {"body": message}},
        {"function": "work", "queue": {"body": "no work message"}},
    ]
    found = run_under_worker(python, tmp_path, ROOT, requests)
    assert found["error"] is None
    assert {function["name"] for function in found["functions"]} == {
        "start_run", "get_run", "list_runs", "cancel_run", "rerun_run", "list_chains", "list_jobs", "health",
        "pause_chain", "resume_chain", "begin_backfill", "get_backfill", "cancel_backfill",
        "openapi", "tick", "work",
    }  # fmt: skip
    described, chains, missing, tick, work, poison = found["results"]
    assert json.loads(described["http"]["body"])["openapi"] == "3.1.0"
    assert chains["http"]["status"] == 200, chains
    assert json.loads(chains["http"]["body"])["chains"][0]["name"] == "sales-daily"
    assert missing["http"]["status"] == 404, missing
    assert (tick["ok"], work["ok"], poison["ok"]) == (True, True, False), found["results"]
