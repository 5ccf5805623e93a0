"""What `/api/health` tells of events: nothing without a topic, and what waits and why while it is away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shared.core.errors import TryLaterError
from tests.api.driving import Api, make_api
from tests.events.test_publishing import AlertingWorld

AWAY = TryLaterError(
    "forbidden", "HTTP 403. Give the app's identity the role 'EventGrid Data Sender' at the topic."
)


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return make_api(tmp_path)


def told(api: Api, status: int) -> dict[str, Any]:
    reply = api.call("GET", "/api/health")
    assert reply.status == status
    alerts: dict[str, Any] = reply.json()["alerts"]
    return alerts


def test_without_a_topic_nothing_is_configured_and_nothing_is_wrong(api: Api) -> None:
    assert told(api, 200)["configured"] is False


def test_a_topic_that_lets_nobody_in_is_told_with_what_waits_and_the_remedy(tmp_path: Path) -> None:
    small = AlertingWorld()
    topic = small.topic
    topic.down = AWAY
    api = make_api(tmp_path, small=small)
    assert told(api, 200)["configured"] is True
    api.start()
    api.small.pass_time(2)
    alerts = told(api, 503)
    assert (alerts["waiting"], alerts["waiting_since"]) == (1, "2026-11-21T05:30:00.000Z")
    assert alerts["problems"][0]["code"] == "forbidden"
    assert "EventGrid Data Sender" in alerts["problems"][0]["message"]
    topic.down = None
    api.small.pass_time(400, ticks=())
    assert told(api, 200)["waiting"] == 0
