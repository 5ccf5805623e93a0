"""Hundreds of runs that others start, hosts that stand still, two at once: each run is followed once.

The real clients, over real storage, against the simulated Azure; the clock is the tests'.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from local.simulated_azure.fabric_items import Item
from local.simulated_azure.faults import Fault
from local.simulated_azure.pipelines import Factory, Pipeline
from shared.app import Baton, build
from shared.core.run import Run
from shared.services.registry import Registry
from shared.settings import Settings
from shared.storage.azure import AzureStorage
from shared.storage.base import Queue, Storage, Table
from shared.storage.sqlite import SqliteStorage
from shared.work import declared_chains, on_message, on_tick
from tests.azurite import start_azurite
from tests.services.conftest import SUBSCRIPTION, T0, Cloud

WORKSPACE = "0d9c1d0e-0000-0000-0000-000000000001"
NOTEBOOK = "11111111-0000-0000-0000-000000000001"
FILE = f"""
connections:
  adf: {{type: data_factory, subscription: {SUBSCRIPTION}, resource_group: rg, factory: f-1}}
  syn: {{type: synapse, workspace: syn-1}}
  lake: {{type: fabric, workspace: {WORKSPACE}}}
chains:
  reports:
    follows:
      - {{connection: adf, pipeline: Nightly, parameters: {{region: "{{{{ job.parameters.region }}}}"}}}}
      - {{connection: syn, pipeline: Nightly, parameters: {{region: "{{{{ job.parameters.region }}}}"}}}}
      - {{connection: lake, item: Build, job_type: RunNotebook, parameters: {{region: "{{{{ job.status }}}}"}}}}
    parameters: {{region: }}
    steps: {{load: {{connection: adf, pipeline: Report}}}}
  alerts:
    follows: [{{connection: adf, pipeline: Nightly, on: failed}}]
    steps: {{tell: {{connection: adf, pipeline: Report}}}}
"""


@dataclass(frozen=True)
class TablesElsewhere:
    """Tables as they are in Azure, and a queue that goes by the tests' clock."""

    tables: Storage
    queues: SqliteStorage

    def table(self, name: str) -> Table:
        return self.tables.table(name)

    def queue(self, name: str) -> Queue:
        return self.queues.queue(name)


@dataclass
class Hosts:
    """Two instances of Baton over one storage. `up`: whether they run. `runs_a_minute`: what others start."""

    cloud: Cloud
    instances: list[Baton]
    queue: Queue
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    up: bool = True
    runs_a_minute: int = 10

    def minute(self) -> None:
        """A tick, now and then two; messages go to either instance, now and then to both."""
        self.cloud.wait(60)
        if not self.up:
            return
        for _ in range(self.chance.choice([1, 1, 2])):
            on_tick(self.chance.choice(self.instances))
        for _ in range(60):
            messages = self.queue.receive(limit=32)
            if not messages:
                return
            for message in messages:
                for _ in range(self.chance.choice([1, 1, 1, 2])):
                    made = self.chance.choice(self.instances)
                    on_message(made.world, message.body, 1, lambda one=made: declared_chains(one))  # type: ignore[misc]
                self.queue.delete(message)

    def runs(self, chain: str) -> list[Run]:
        found: list[Run] = []
        cursor: str | None = None
        while True:
            page = self.instances[0].world.runs.newest_of(chain, status=None, limit=200, cursor=cursor)
            found += page.runs
            if page.cursor is None:
                return found
            cursor = page.cursor


@pytest.fixture(params=["sqlite", "azurite"])
def hosts(cloud: Cloud, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Hosts]:
    (tmp_path / "chains.yaml").write_text(FILE)
    cloud.azure.fabric.item(WORKSPACE, Item(NOTEBOOK, "Build", "Notebook", seconds=60))
    for factory in (cloud.factory, cloud.workspace):
        factory.pipelines["Nightly"] = Pipeline("Nightly", seconds=90, parameters={"region": None})
        factory.pipelines["Report"] = Pipeline("Report", seconds=10)
    queues = SqliteStorage(None, clock=lambda: cloud.now)
    if request.param == "sqlite":
        yield made(cloud, tmp_path, queues)
        return
    with start_azurite() as azurite:
        tables = AzureStorage.from_connection_string(azurite.connection_string)
        elsewhere = made(cloud, tmp_path, TablesElsewhere(tables, queues))
        yield replace(elsewhere, runs_a_minute=2)  # 100 show the same as 500, in a fifth of the time
        tables.close()


def made(cloud: Cloud, root: Path, storage: Storage) -> Hosts:
    settings = Settings.from_mapping({"AzureWebJobsStorage": "sqlite::memory:"})
    instances = []
    for skew in (0.0, 1.5):

        def clock(skew: float = skew) -> datetime:
            return cloud.now + timedelta(seconds=skew)

        one = build(settings, storage=storage, root=root, clock=clock)
        instances.append(replace(one, world=replace(one.world, services=Registry(cloud.reach))))
    return Hosts(cloud, instances, storage.queue("baton-work"))


def begin(hosts: Hosts, factory: Factory, number: int, by: str) -> str:
    api = hosts.cloud.azure.data_factory if factory is hosts.cloud.factory else hosts.cloud.azure.synapse
    run = api.start(factory, factory.pipelines["Nightly"], {"region": f"r-{number}"}, by=by)
    return run.id


def test_runs_by_others_with_the_hosts_down_for_30_minutes_are_followed_once_each(hosts: Hosts) -> None:
    cloud, chance = hosts.cloud, random.Random(1)
    for _ in range(2):
        hosts.minute()
    expected: dict[str, str] = {}
    number = 0
    for minute in range(50):
        hosts.up = not 10 <= minute < 40
        for _ in range(hosts.runs_a_minute):
            run_id = begin(hosts, cloud.factory, number, chance.choice(["Manual", "Nightly"]))
            cloud.factory.runs[run_id].visible_at += timedelta(seconds=chance.choice([0, 0, 60, 400]))
            expected[run_id] = f"r-{number}"
            number += 1
        hosts.minute()
    for _ in range(12):
        hosts.minute()
    runs = hosts.runs("reports")
    assert len(expected) == 50 * hosts.runs_a_minute
    assert Counter(run.trigger.job.id for run in runs if run.trigger.job) == Counter(expected.keys())
    assert {run.trigger.job.id: run.parameters["region"] for run in runs if run.trigger.job} == expected
    assert {run.status.value for run in runs} <= {"running", "succeeded"}
    assert hosts.runs("alerts") == []


def test_every_service_is_followed_and_failures_by_whoever_wants_them(hosts: Hosts) -> None:
    cloud = hosts.cloud
    for _ in range(2):
        hosts.minute()
    good = begin(hosts, cloud.factory, 1, "Nightly")
    cloud.factory.pipelines["Nightly"].fails = "disk full"
    bad = begin(hosts, cloud.factory, 2, "Nightly")
    there = begin(hosts, cloud.workspace, 3, "Manual")
    item = cloud.azure.fabric.workspaces[WORKSPACE].items[NOTEBOOK]
    built = cloud.azure.fabric.begin(item, "RunNotebook", "Scheduled")
    cloud.azure.faults.on.append(Fault("synapse.query_runs", status=503, chance=0.5))
    for _ in range(15):
        hosts.minute()
    told = {run.trigger.job.id: run for run in hosts.runs("reports") if run.trigger.job}
    assert told.keys() == {good, there, built.id} - {bad}
    assert told[built.id].parameters == {"region": "Completed"}
    [alert] = hosts.runs("alerts")
    assert alert.trigger.job is not None
    assert (alert.trigger.job.id, alert.trigger.job.outcome) == (bad, "failed")
    assert alert.trigger.time == cloud.factory.runs[bad].ended_at() > T0
