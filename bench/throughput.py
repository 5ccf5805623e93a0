"""How many chains one core carries, what each asks of storage, and how long a start takes by itself.

`python -m bench.throughput [--chains 100]` plays chains of a pipeline and a refresh over a SQLite file and over
Azurite, each in a process of its own, and writes docs/benchmarks/throughput.md. The services' time is virtual and
costs nothing: what is left is Baton's own work and its storage.
"""

from __future__ import annotations

import argparse
import heapq
import json
import logging
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import requests

from bench.counting import CountingTable, Counts, Stopwatch, TimedAdapter
from bench.peers.stage import CLIENT_ID, CLIENT_SECRET, FACTORY, GROUP, REPORTS, SUBSCRIPTION, TENANT
from bench.throughput_page import written
from bench.virtual import T0, TICK
from local.simulated_azure.entra import Application
from local.simulated_azure.pipelines import Pipeline
from local.simulated_azure.power_bi import Dataset
from local.simulated_azure.world import SimulatedAzure
from shared.app import Baton, build
from shared.relay.tick import tick
from shared.settings import Settings
from shared.storage.base import Message, Queue, Storage, Table
from shared.storage.sqlite import SqliteStorage
from shared.web.api import start_run
from shared.work import on_message
from tests.azurite import TOOLS, Azurite, find_azurite

BATCH = 8
APART = timedelta(seconds=0.5)  # between two starts
CREDENTIAL = {
    "type": "client_secret",
    "tenant": TENANT,
    "client_id": CLIENT_ID,
    "client_secret": "%CI_SECRET%",
}
CONNECTIONS = {
    "adf": {
        "type": "data_factory",
        "subscription": SUBSCRIPTION,
        "resource_group": GROUP,
        "factory": FACTORY,
        "credential": "ci",
    },
    "pbi": {"type": "power_bi", "workspace": REPORTS, "credential": "ci"},
}


@dataclass(slots=True)
class DueQueue:
    """A queue whose messages show by the virtual clock, while each operation is really asked of the storage.

    The storage's own delay would be in real time, so a message is sent without one, and what is received
    stands for whatever is due.
    """

    inner: Queue
    counts: Counts
    now: Any
    due: list[tuple[datetime, int, str]] = field(default_factory=list)
    sent: int = 0

    def send(self, body: str, *, delay_seconds: float = 0) -> None:
        self.counts["send"] += 1
        self.sent += 1
        self.inner.send(body)
        heapq.heappush(self.due, (self.now() + timedelta(seconds=delay_seconds), self.sent, body))

    def batch(self) -> Sequence[tuple[str, Message]]:
        """What is due now, at most BATCH, each with a message to be deleted."""
        ready = sum(1 for when, _, _ in self.due if when <= self.now())
        if not ready:
            return ()
        self.counts["receive"] += 1
        received = self.inner.receive(limit=min(BATCH, ready), hidden_seconds=300)
        return [(heapq.heappop(self.due)[2], message) for message in received]

    def delete(self, message: Message) -> bool:
        self.counts["delete"] += 1
        return self.inner.delete(message)

    def receive(self, *, limit: int = 1, hidden_seconds: float = 60) -> tuple[Message, ...]:
        raise NotImplementedError

    def hide(self, message: Message, hidden_seconds: float) -> Message | None:
        raise NotImplementedError

    def length(self) -> int:
        return len(self.due)


@dataclass(frozen=True, slots=True)
class Played:
    """A storage with its operations counted, and one queue for the work."""

    inner: Storage
    work: DueQueue

    def table(self, name: str) -> Table:
        return CountingTable(self.inner.table(name), self.work.counts)

    def queue(self, name: str) -> Queue:
        return self.work if name == "baton-work" else self.inner.queue(name)


class Bench:
    """One Baton in one thread, from the HTTP handlers down, over any storage."""

    def __init__(self, storage: Storage, chains: int, folder: Path) -> None:
        self.now = T0
        self.counts: Counts = Counts()
        self.simulation = Stopwatch()
        self.waits: list[float] = []
        self._azure = SimulatedAzure(clock=lambda: self.now, random=random.Random(1))
        self._queue = DueQueue(storage.queue("baton-work"), self.counts, lambda: self.now)
        self._chains = chains
        self._baton = self._built(Played(storage, self._queue), folder)

    def play(self) -> None:
        """Starts all, and goes on until all have ended. Raises RuntimeError when one has not succeeded."""
        first_tick = next_tick = T0 + TICK
        started = 0
        while started < self._chains or self._queue.due:
            wanted = [next_tick, *(self._queue.due[0][:1] if self._queue.due else ())]
            if started < self._chains:
                wanted.append(T0 + started * APART)
            self.now = max(self.now, min(wanted))
            if started < self._chains and self.now >= T0 + started * APART:
                self._start(started)
                started += 1
            self._deliver()
            if self.now >= next_tick:
                tick(self._baton.world, ())
                next_tick += TICK
            if self.now > first_tick + timedelta(days=1):
                raise RuntimeError("the runs do not end")
        page = self._baton.world.runs.newest(status=None, limit=100, cursor=None)
        if any(run.status.value != "succeeded" for run in page.runs):
            raise RuntimeError("a run has not succeeded")

    def _start(self, number: int) -> None:
        own, began = self.simulation.seconds, time.perf_counter()
        answer = start_run(self._baton, f"c{number}", b"", f"key-{number}")
        self.waits.append(time.perf_counter() - began - (self.simulation.seconds - own))
        assert answer.status == 202, answer

    def _deliver(self) -> None:
        while batch := self._queue.batch():
            for body, message in batch:
                on_message(self._baton.world, body)
                self._queue.delete(message)

    def _built(self, storage: Storage, folder: Path) -> Baton:
        factory = self._azure.data_factory.factory(SUBSCRIPTION, GROUP, FACTORY)
        factory.pipelines = {f"p{n}": Pipeline(f"p{n}", seconds=240 + n, returns={}) for n in range(50)}
        chains = {}
        for number in range(self._chains):
            model = f"77777777-7777-4777-8777-{number:012d}"
            self._azure.power_bi.dataset(REPORTS, Dataset(model, model, seconds=30))
            load = {"connection": "adf", "pipeline": f"p{number % 50}"}
            refresh = {"connection": "pbi", "after": ["load"], "dataset": model}
            chains[f"c{number}"] = {"steps": {"load": load, "refresh": refresh}}
        (folder / "chains.yaml").write_text(
            json.dumps({"credentials": {"ci": CREDENTIAL}, "connections": CONNECTIONS, "chains": chains})
        )
        session = requests.Session()
        session.trust_env = False
        for scheme in ("https://", "http://"):
            session.mount(scheme, TimedAdapter(self._azure, self.simulation))
        self._azure.identity.entra.lifetime = timedelta(days=3_650)  # azure-identity reads the real clock
        application = Application(tenant=TENANT, client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
        self._azure.identity.applications.append(application)
        settings = {
            "CHAINS_FILE": "chains.yaml",
            "CI_SECRET": CLIENT_SECRET,
            "AzureWebJobsStorage": "sqlite::memory:",
        }
        bits = random.Random(2)
        return build(
            Settings.from_mapping(settings),
            storage=storage,
            root=folder,
            session=session,
            clock=lambda: self.now,
            random_bits=lambda: bits.getrandbits(64),
        )


def measure(storage: str, chains: int) -> dict[str, Any]:
    """Plays it here and now."""
    with _opened(storage) as opened, tempfile.TemporaryDirectory() as folder:
        bench = Bench(opened, chains, Path(folder))
        import_module("azure.mgmt.datafactory")  # a cold start's affair
        wall, cpu = time.perf_counter(), time.process_time()
        bench.play()
        wall_seconds = time.perf_counter() - wall - bench.simulation.seconds
        cpu_seconds = time.process_time() - cpu - bench.simulation.seconds
    return {
        "storage": storage,
        "chains": chains,
        "wall_seconds": wall_seconds,
        "cpu_seconds": cpu_seconds,
        "start_median": median(bench.waits),
        "start_99": quantiles(bench.waits, n=100, method="inclusive")[98],
        "operations": {name: count / chains for name, count in bench.counts.items()},
    }


@contextmanager
def _opened(storage: str) -> Iterator[Storage]:
    if storage == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            made = SqliteStorage(Path(folder) / "baton.db", clock=lambda: datetime.now(UTC))
            yield made
            made.close()
        return
    from shared.storage.azure import AzureStorage

    azurite = Azurite(find_azurite(TOOLS, os.environ))
    azurite.start()
    try:
        yield AzureStorage.from_connection_string(azurite.connection_string)
    finally:
        azurite.stop()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chains", type=int, default=100)
    parser.add_argument("--one", choices=("sqlite", "azurite"), help="play one, and print it as JSON")
    parser.add_argument("--no-page", action="store_true")
    told = parser.parse_args()
    if told.one:
        logging.getLogger("baton").setLevel(logging.CRITICAL)
        print(json.dumps(measure(told.one, told.chains)))
        return 0
    measured = [_apart(storage, told.chains) for storage in ("sqlite", "azurite")]
    machine = (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    )
    print(written(measured, machine, page=not told.no_page))
    return 0


def _apart(storage: str, chains: int) -> Mapping[str, Any]:
    command = [sys.executable, "-m", "bench.throughput", "--one", storage, "--chains", str(chains)]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: Mapping[str, Any] = json.loads(told.stdout)
    return found


if __name__ == "__main__":
    sys.exit(main())
