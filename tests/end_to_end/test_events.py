"""Events over HTTP: from the simulated Event Grid to runs, through the trigger's protocol and the webhook."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from local.host import Host
from local.simulated_azure.event_delivery import (
    EventDelivery,
    HandshakeError,
    Schema,
    Subscription,
    blob_created,
    grid_form,
)
from local.simulated_azure.server import Server
from local.simulated_azure.world import SimulatedAzure
from shared.app import baton, install
from shared.storage.base import Row, StorageUnavailableError, Table, Write
from shared.storage.sqlite import SqliteStorage
from shared.store.runs import RunStore
from tests.api.driving import make_api
from tests.end_to_end.conftest import HostProcess
from tests.end_to_end.host_process import KEY, ROOT
from tests.end_to_end.outcome import pipeline_runs
from tests.host.running import HOST_JSON, KEYS
from tests.unit.relay.small_world import SmallWorld

ACCOUNT = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/stlanding"
CHAINS = """
connections:
  adf: {type: data_factory, subscription: "%SUBSCRIPTION_ID%", resource_group: rg-data, factory: adf-sales}
chains:
  landing:
    parameters: {file: }
    events:
      - type: Microsoft.Storage.BlobCreated
        subject: "*/containers/landing/blobs/sales/*.csv"
        data: {api: FlushWithClose}
        parameters: {file: "{{ event.data.url }}"}
    steps:
      load: {connection: adf, pipeline: LoadSales, parameters: {region: "{{ parameters.file }}", run_date: x}}
"""
SCHEMAS: tuple[Schema, ...] = ("EventGridSchema", "CloudEventSchemaV1_0")


def a_blob(number: int, at: datetime, path: str = "sales") -> dict[str, Any]:
    name = f"{path}/{number}.csv"
    return blob_created(ACCOUNT, "landing", name, at=at, id=f"blob-{number}", api="FlushWithClose")


@dataclass
class FlakyTable:
    """A table that is down for so many writes."""

    inner: Table
    failures: int = 0

    def get(self, partition: str, key: str) -> Row | None:
        return self.inner.get(partition, key)

    def write(self, writes: list[Write]) -> tuple[str, ...] | None:
        if self.failures > 0:
            self.failures -= 1
            raise StorageUnavailableError("down")
        return self.inner.write(writes)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


@dataclass
class Scene:
    """The real functions in a host on a port, over storage in memory that can be down; and Event Grid."""

    small: SmallWorld
    table: FlakyTable
    host: Host
    grid: EventDelivery

    def endpoint(self, name: str = "on_event") -> str:
        return f"{self.host.base_url}/runtime/webhooks/eventgrid?functionName={name}&code=grid-key"

    @property
    def webhook(self) -> str:
        return f"{self.host.base_url}/api/events?code=function-key"

    def events_of_runs(self) -> list[str]:
        runs = self.small.world.runs.newest_of("landing", status=None, limit=100, cursor=None).runs
        return sorted(run.trigger.event.id for run in runs if run.trigger.event)

    def pass_time(self, seconds: float) -> None:
        for _ in range(int(seconds / 10)):
            self.small.pass_time(10, messages=False)
            self.grid.deliver_due()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with a_scene(tmp_path) as made:
        yield made


@contextmanager
def a_scene(folder: Path) -> Iterator[Scene]:
    text = CHAINS.replace("%SUBSCRIPTION_ID%", "00000000-0000-0000-0000-00000000ba70")
    small = make_api(folder, text).small
    table = FlakyTable(small.storage.table("baton"))
    whole = baton()
    install(replace(whole, world=replace(whole.world, runs=RunStore(table))))  # type: ignore[arg-type]
    own = SqliteStorage(None, clock=lambda: small.now)
    host = Host(ROOT, storage=own, settings={}, host_json=HOST_JSON, port=0, keys=KEYS)
    host.start()
    grid = EventDelivery(clock=lambda: small.now, chance=random.Random(7))
    try:
        yield Scene(small, table, host, grid)
    finally:
        host.stop(grace_seconds=5)
        own.close()


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_blob_starts_one_run_through_the_triggers_protocol(scene: Scene, schema: Schema) -> None:
    scene.grid.subscribe(
        Subscription(
            name="s",
            endpoint=scene.endpoint(),
            schema=schema,
            function=True,
            types=("Microsoft.Storage.BlobCreated",),
        )
    )
    scene.grid(a_blob(1, scene.small.now))
    scene.grid(a_blob(2, scene.small.now, path="hr"))
    scene.grid.deliver_due()
    assert [one.statuses for one in scene.grid.deliveries] == [[202], [202]]
    assert scene.events_of_runs() == ["blob-1"]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_subscription_to_the_webhook_shakes_hands_and_delivers(scene: Scene, schema: Schema) -> None:
    scene.grid.subscribe(Subscription(name="s", endpoint=scene.webhook, schema=schema))
    scene.grid(a_blob(1, scene.small.now))
    scene.grid.deliver_due()
    assert ([one.statuses for one in scene.grid.deliveries], scene.events_of_runs()) == ([[200]], ["blob-1"])


@pytest.mark.parametrize("schema", SCHEMAS)
def test_without_the_key_there_is_no_subscription_and_with_a_changed_one_no_delivery(
    scene: Scene, schema: Schema
) -> None:
    wrong = Subscription(name="s", endpoint=scene.webhook.replace("function-key", "wrong"), schema=schema)
    with pytest.raises(HandshakeError):
        scene.grid.subscribe(wrong)
    scene.grid.subscriptions.append(wrong)
    scene.grid(a_blob(1, scene.small.now))
    scene.pass_time(60)
    assert [(one.outcome, one.statuses) for one in scene.grid.deliveries] == [("dropped", [401])]


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("way", ["trigger", "webhook"])
def test_while_storage_is_down_an_event_comes_again_and_starts_one_run(
    scene: Scene, schema: Schema, way: str
) -> None:
    endpoint = scene.endpoint() if way == "trigger" else scene.webhook
    scene.grid.subscriptions.append(Subscription(name="s", endpoint=endpoint, schema=schema))
    scene.grid.duplicates = 0.5
    scene.table.failures = 2
    scene.grid(a_blob(1, scene.small.now))
    scene.grid.deliver_due()
    [delivery] = scene.grid.deliveries
    failed, well = (500, 202) if way == "trigger" else (503, 200)
    assert (delivery.statuses, delivery.due_at - scene.small.now) == ([failed], timedelta(seconds=10))
    scene.pass_time(600)
    assert (delivery.outcome, delivery.statuses[:3], set(delivery.statuses[2:])) == (
        "delivered",
        [failed, failed, well],
        {well},
    )
    assert scene.events_of_runs() == ["blob-1"]


def test_several_events_in_one_delivery_are_all_taken_and_one_that_fails_brings_all_again(scene: Scene) -> None:
    batch = [grid_form(a_blob(number, scene.small.now)) for number in range(5)]
    headers = {"aeg-event-type": "Notification"}
    scene.table.failures = 1
    assert requests.post(scene.endpoint(), json=batch, headers=headers, timeout=30).status_code == 500
    assert requests.post(scene.endpoint(), json=batch, headers=headers, timeout=30).status_code == 202
    assert scene.events_of_runs() == [f"blob-{number}" for number in range(5)]


def test_the_simulated_azure_is_steered_over_http(scene: Scene, azure: SimulatedAzure) -> None:
    with Server(azure) as server:
        control = f"{server.url}/_simulation"
        told: dict[str, Any] = {"name": "s", "endpoint": scene.webhook, "subject_ends": ".csv"}
        assert requests.post(f"{control}/subscriptions", json=told, timeout=30).status_code == 204
        wrong = {**told, "endpoint": scene.webhook.replace("function-key", "wrong")}
        assert requests.post(f"{control}/subscriptions", json=wrong, timeout=30).status_code == 400
        blob = {"account": ACCOUNT, "container": "landing", "path": "sales/1.csv", "api": "FlushWithClose"}
        made = requests.post(f"{control}/blobs", json=blob, timeout=30).json()
        deadline = time.monotonic() + 10
        while not scene.events_of_runs() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert scene.events_of_runs() == [made["id"]]


def deliver(url: str, event: Mapping[str, Any], schema: Schema) -> int:
    body = [grid_form(event)] if schema == "EventGridSchema" else event
    headers = {"aeg-event-type": "Notification", "Content-Type": "application/json; charset=utf-8"}
    return requests.post(url, data=json.dumps(body), headers=headers, timeout=60).status_code


def test_a_thousand_deliveries_of_a_hundred_events_start_a_hundred_runs(
    make_host: Callable[[], HostProcess], azure: SimulatedAzure, tmp_path: Path
) -> None:
    (tmp_path / "chains.yaml").write_text(CHAINS, encoding="utf-8")
    host = make_host()
    host.start(CHAINS_FILE=str(tmp_path / "chains.yaml"))
    now = azure.data_factory.clock()
    url = f"{host.url}/runtime/webhooks/EventGrid?functionName=on_event&code={KEY}"
    deliveries = [(a_blob(number, now), schema) for number in range(100) for schema in SCHEMAS for _ in range(5)]
    random.Random(3).shuffle(deliveries)
    with ThreadPoolExecutor(24) as pool:
        statuses = list(pool.map(lambda one: deliver(url, *one), deliveries))
    assert (len(statuses), set(statuses)) == (1_000, {202})
    page = host.call("GET", "/api/runs?limit=100").json()
    events = [run["trigger"]["event"]["id"] for run in page["runs"]]
    assert sorted(events) == sorted(f"blob-{number}" for number in range(100))
    assert page["cursor"] is None or host.call("GET", f"/api/runs?cursor={page['cursor']}").json()["runs"] == []
    deadline = time.monotonic() + 120
    while len(pipeline_runs(azure)) < 100 and time.monotonic() < deadline:
        time.sleep(0.2)
    files = [run.parameters["region"] for run in pipeline_runs(azure)]
    assert len(set(files)) == len(files) == 100
