"""The endpoints under /admin."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from local.host import Host
from tests.host.running import call, recorded, running

MASTER = {"x-functions-key": "master-key"}


@pytest.fixture
def host() -> Iterator[Host]:
    with running("triggers") as (started, _):
        yield started


def run(host: Host, name: str, body: str) -> int:
    return call(host, "POST", f"/admin/functions/{name}", body=body, headers=MASTER).status


def eventually_recorded(host: Host) -> list[dict[str, object]]:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        found = recorded(host)
        if found:
            return found
        time.sleep(0.005)
    return []


def test_the_state_of_the_host_is_told(host: Host) -> None:
    reply = call(host, "GET", "/admin/host/status?code=master-key")
    assert reply.status == 200
    assert json.loads(reply.body)["state"] == "Running"


def test_ping_needs_no_key(host: Host) -> None:
    assert call(host, "GET", "/admin/host/ping").status == 200


@pytest.mark.parametrize("headers", [{}, {"x-functions-key": "function-key"}, {"x-functions-key": "grid-key"}])
def test_everything_else_needs_the_master_key(host: Host, headers: dict[str, str]) -> None:
    assert call(host, "GET", "/admin/host/status", headers=headers).status == 401
    assert call(host, "POST", "/admin/functions/tick", body="{}", headers=headers).status == 401
    assert call(host, "GET", "/admin/nowhere", headers=headers).status == 401


def test_a_timer_can_be_fired_by_hand(host: Host) -> None:
    assert run(host, "tick", '{"input": ""}') == 202
    assert eventually_recorded(host) == [{"timer": False, "status": []}]


def test_a_queue_function_gets_the_input_as_its_message(host: Host) -> None:
    assert run(host, "work", '{"input": "{\\"kind\\": \\"advance\\"}"}') == 202
    [entry] = eventually_recorded(host)
    assert (entry["queue"], entry["dequeue_count"]) == ('{"kind": "advance"}', 1)


def test_an_event_function_gets_the_input_as_its_event(host: Host) -> None:
    assert (
        run(host, "on_event", json.dumps({"input": json.dumps({"specversion": "1.0", "id": "c", "type": "T"})}))
        == 202
    )
    [entry] = eventually_recorded(host)
    assert (entry["event"], entry["class"]) == ("c", "CloudEvent")


def test_the_name_is_found_whatever_its_case(host: Host) -> None:
    assert run(host, "TICK", "{}") == 202


@pytest.mark.parametrize("body", ["", "no json", "[1]"])
def test_a_body_that_is_not_an_object_is_a_400(host: Host, body: str) -> None:
    assert run(host, "tick", body) == 400


def test_an_unknown_function_is_a_404(host: Host) -> None:
    assert run(host, "nobody", "{}") == 404
    assert call(host, "GET", "/admin/functions", headers=MASTER).status == 404


def test_an_http_function_is_not_run_by_hand(host: Host) -> None:
    assert run(host, "show_record", "{}") == 400
