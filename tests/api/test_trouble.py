"""A work message that nobody can do: it ends as poison, its run says why, and health shows it until it is over."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.core.errors import UnclearError
from shared.relay.messages import AdvanceMessage, BadMessageError, to_body
from shared.storage.base import Row, Upsert
from shared.work import MOST_DEQUEUES, on_message
from tests.api.driving import ROOT, Api, make_api


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return make_api(tmp_path)


def poisoned(api: Api, body: str, error: type[Exception]) -> None:
    """The platform delivers it again and again, and then puts it aside."""
    for count in range(1, MOST_DEQUEUES + 1):
        with pytest.raises(error):
            on_message(api.small.world, body, count)
        if count < MOST_DEQUEUES:
            assert api.call("GET", "/api/health").json()["messages"]["problems"] == []
    api.small.storage.queue("baton-work-poison").send(body)


def messages(api: Api, status: int) -> dict[str, Any]:
    reply = api.call("GET", "/api/health")
    assert reply.status == status
    told: dict[str, Any] = reply.json()["messages"]
    return told


def test_a_run_whose_message_fails_says_why_until_it_goes_on(api: Api) -> None:
    api.small.service.start_fails_after.append(UnclearError("no_answer", "lost"))
    run_id = api.start().json()["id"]
    api.small.now += timedelta(seconds=10)
    api.small.service.find_breaks = ZeroDivisionError("a fault in Baton")
    path = f"/api/runs/{run_id}"
    assert api.call("GET", path).json()["trouble"] is None
    poisoned(api, to_body(AdvanceMessage(run_id)), ZeroDivisionError)
    trouble = api.call("GET", path).json()["trouble"]
    assert trouble["message"] == "ZeroDivisionError: a fault in Baton"
    told = messages(api, 503)
    assert (told["status"], told["poison"]) == ("failing", 1)
    assert told["problems"][0]["message"] == f"{run_id}: ZeroDivisionError: a fault in Baton"
    api.small.service.find_breaks = None
    api.small.pass_time(400)
    assert api.call("GET", path).json()["trouble"] is None
    assert messages(api, 200) == {"status": "ok", "poison": 1, "problems": []}


def test_a_run_that_cannot_be_read_is_named_by_health_and_by_itself(api: Api) -> None:
    run_id = api.start().json()["id"]
    table = api.small.storage.table("baton")
    [row] = [row for row in table.scan("chain.open", start="r.", end="r/").rows if row.key.endswith(run_id)]
    table.write([Upsert(Row(row.partition, row.key, '{"version":99}'))])
    poisoned(api, to_body(AdvanceMessage(run_id)), ValueError)
    reply = api.call("GET", f"/api/runs/{run_id}")
    assert reply.status == 500
    assert "this version cannot read" in reply.json()["detail"]
    assert run_id in messages(api, 503)["problems"][0]["message"]


def test_a_message_that_is_none_is_trouble_until_the_poison_queue_is_emptied(api: Api) -> None:
    poisoned(api, '{"kind": "dance"}', BadMessageError)
    assert "dance" in messages(api, 503)["problems"][0]["message"]
    queue = api.small.storage.queue("baton-work-poison")
    for message in queue.receive(limit=32):
        queue.delete(message)
    assert messages(api, 200) == {"status": "ok", "poison": 0, "problems": []}


def test_the_platform_gives_up_when_the_code_notes_the_trouble() -> None:
    host = json.loads((ROOT / "host.json").read_text())
    assert host["extensions"]["queues"]["maxDequeueCount"] == MOST_DEQUEUES
