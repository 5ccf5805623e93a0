"""The simulated Event Grid delivers as the real one is documented to: when, how often, and when no more."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.simulated_azure.event_delivery import (
    EventDelivery,
    HandshakeError,
    Subscription,
    blob_created,
)
from shared.core.events import event_of

T0 = datetime(2026, 11, 21, 5, 30, tzinfo=UTC)
EVENT = blob_created("/st/stlanding", "landing", "sales/a.csv", at=T0, id="e-1")
Answer = tuple[int, Mapping[str, str], bytes]


@dataclass
class Endpoint:
    """Answers as told, the last answer for ever; None is no answer."""

    answers: list[int | None]
    got: list[tuple[str, Mapping[str, str], Any]] = field(default_factory=list)
    headers: Mapping[str, str] = field(default_factory=dict)
    echo: bool = False

    def __call__(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        told: Any = json.loads(body) if body else None
        self.got.append((method, headers, told))
        status = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if status is None:
            raise TimeoutError
        code = told[0]["data"]["validationCode"] if self.echo else "no"
        return status, self.headers, json.dumps({"validationResponse": code}).encode()


@dataclass
class Grid:
    endpoint: Endpoint
    now: datetime = T0

    def __post_init__(self) -> None:
        self.delivery = EventDelivery(clock=lambda: self.now, post=self.endpoint, chance=random.Random(1))

    def publish(self, **told: Any) -> None:
        self.delivery.subscribe(Subscription(name="s", endpoint="http://x", function=True, **told))
        self.delivery(EVENT)

    def until_quiet(self) -> list[float]:
        """When it was tried, in seconds since the event."""
        times = []
        while self.delivery.waiting:
            self.now = min(one.due_at for one in self.delivery.deliveries if one.outcome == "waiting")
            times += [(self.now - T0).total_seconds()] * self.delivery.deliver_due()
        return times


def test_failures_are_tried_again_at_the_documented_times() -> None:
    grid = Grid(Endpoint([500, None, 503, 404, 429, 302, 202]))
    grid.publish()
    assert grid.until_quiet() == [0, 10, 40, 100, 400, 1_000, 2_800]
    [one] = grid.delivery.deliveries
    assert (one.outcome, one.statuses) == ("delivered", [500, None, 503, 404, 429, 302, 202])


def test_after_a_day_it_is_given_up() -> None:
    grid = Grid(Endpoint([503]))
    grid.publish()
    assert grid.until_quiet()[-1] <= timedelta(days=1).total_seconds()
    assert grid.delivery.deliveries[0].outcome == "expired"


@pytest.mark.parametrize("status", [400, 401, 403, 413])
def test_what_is_refused_for_good_is_dropped_at_once(status: int) -> None:
    grid = Grid(Endpoint([status]))
    grid.publish()
    assert (grid.until_quiet(), grid.delivery.deliveries[0].outcome) == ([0], "dropped")


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        ({"types": ("microsoft.storage.blobcreated",)}, 1),
        ({"types": ("Microsoft.Storage.BlobDeleted",)}, 0),
        ({"subject_begins": "/blobServices/default/containers/LANDING/", "subject_ends": ".csv"}, 1),
        ({"subject_ends": ".txt"}, 0),
    ],
)
def test_filters_are_event_grids(told: dict[str, Any], wanted: int) -> None:
    grid = Grid(Endpoint([200]))
    grid.publish(**told)
    assert len(grid.delivery.deliveries) == wanted


def test_both_schemas_carry_the_same_event_with_the_headers_of_a_delivery() -> None:
    seen = []
    for schema in ("EventGridSchema", "CloudEventSchemaV1_0"):
        grid = Grid(Endpoint([200]))
        grid.publish(schema=schema)
        grid.until_quiet()
        [(method, headers, body)] = grid.endpoint.got
        assert (method, headers["aeg-event-type"], headers["aeg-delivery-count"]) == ("POST", "Notification", "0")
        seen.append(event_of(body[0] if isinstance(body, list) else body))
    assert seen[0] == seen[1]
    assert seen[0].time == T0


def test_duplicates_come_again_though_they_were_taken() -> None:
    grid = Grid(Endpoint([200]))
    grid.delivery.duplicates = 0.9
    grid.publish()
    assert len(grid.until_quiet()) > 1


@pytest.mark.parametrize(
    ("schema", "endpoint", "agreed"),
    [
        ("EventGridSchema", Endpoint([200], echo=True), True),
        ("EventGridSchema", Endpoint([202], echo=True), False),
        ("EventGridSchema", Endpoint([200]), False),
        ("CloudEventSchemaV1_0", Endpoint([200], headers={"WebHook-Allowed-Origin": "eventgrid.azure.net"}), True),
        ("CloudEventSchemaV1_0", Endpoint([200], headers={"WebHook-Allowed-Origin": "*"}), True),
        ("CloudEventSchemaV1_0", Endpoint([200], headers={"WebHook-Allowed-Origin": "other"}), False),
        ("CloudEventSchemaV1_0", Endpoint([200]), False),
    ],
)
def test_no_subscription_without_a_handshake(schema: Any, endpoint: Endpoint, agreed: bool) -> None:
    grid = Grid(endpoint)
    subscription = Subscription(name="s", endpoint="http://x", schema=schema)
    if agreed:
        grid.delivery.subscribe(subscription)
    else:
        with pytest.raises(HandshakeError):
            grid.delivery.subscribe(subscription)
    assert len(grid.delivery.subscriptions) == agreed
