"""Baton as its host runs it: starts, work messages and a tick each minute, over SQLite in memory, at its defaults.

A message that is due waits up to a second for the host's next poll, as host.json has it. When the process dies,
the next one finds the storage as it was; the message in hand comes back when its lease is over.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bench.counting import CountingTable, Counts
from bench.peers.stage import (
    CLIENT_ID,
    CLIENT_SECRET,
    FACTORY,
    GROUP,
    LAKEHOUSE,
    REPORTS,
    SUBSCRIPTION,
    TENANT,
    Stage,
)
from bench.peers.virtual_time import CrashError
from shared.app import Baton, build
from shared.core.definition import Chain, Connection, Credential, Refresh, StepDefinition
from shared.core.run import RunStatus, Trigger
from shared.relay.start import start
from shared.relay.tick import tick
from shared.settings import Settings
from shared.storage.base import Message, Queue, Table
from shared.storage.sqlite import SqliteStorage
from shared.work import on_message

POLL_SECONDS = 1.0  # maxPollingInterval in host.json
BATCH = 8
LEASE_SECONDS = 30.0  # local/host/queues.py; in Azure it is longer
FAILED_SECONDS = 15.0  # visibilityTimeout in host.json
TICK_SECONDS = 60.0
RESTART_SECONDS = 10.0
PAST_RUNS = 15

_WHO = Credential(type="client_secret", tenant=TENANT, client_id=CLIENT_ID, client_secret_setting="BENCH_SECRET")
_FACTORY = Connection(
    name="adf",
    type="data_factory",
    credential=_WHO,
    subscription=SUBSCRIPTION,
    resource_group=GROUP,
    factory=FACTORY,
)
_LAKEHOUSE = Connection(name="lakehouse", type="fabric", credential=_WHO, workspace=LAKEHOUSE)
_REPORTS = Connection(name="reporting", type="power_bi", credential=_WHO, workspace=REPORTS)
_SETTINGS = Settings.from_mapping({"AzureWebJobsStorage": "sqlite::memory:", "BENCH_SECRET": CLIENT_SECRET})


@dataclass(frozen=True, slots=True)
class AnnouncingQueue:
    """Counts its operations, and tells when a message will show, as a host finds out by polling."""

    inner: Queue
    counts: Counts
    announce: Callable[[float], None]

    def send(self, body: str, *, delay_seconds: float = 0) -> None:
        self.counts["send"] += 1
        self.inner.send(body, delay_seconds=delay_seconds)
        self.announce(delay_seconds)

    def receive(self, *, limit: int = 1, hidden_seconds: float = 60) -> tuple[Message, ...]:
        """An idle queue is asked, too, by any host; that has nothing to do with runs, and is not counted."""
        received = self.inner.receive(limit=limit, hidden_seconds=hidden_seconds)
        self.counts["receive"] += bool(received)
        return received

    def delete(self, message: Message) -> bool:
        self.counts["delete"] += 1
        return self.inner.delete(message)

    def hide(self, message: Message, hidden_seconds: float) -> Message | None:
        return self.inner.hide(message, hidden_seconds)

    def length(self) -> int:
        return self.inner.length()


class CountingStorage:
    """SQLite in memory that outlives the process, with its operations counted."""

    def __init__(self, clock: Callable[[], datetime], announce: Callable[[float], None]) -> None:
        self.counts: Counts = Counts()
        self._inner = SqliteStorage(None, clock=clock)
        self._announce = announce

    def table(self, name: str) -> Table:
        return CountingTable(self._inner.table(name), self.counts)

    def queue(self, name: str) -> Queue:
        return AnnouncingQueue(self._inner.queue(name), self.counts, self._announce)


class BatonTool:
    """One host. `known`: each chain has run before, and took about as long as it will."""

    def __init__(self, stage: Stage, *, known: bool = False) -> None:
        self._stage = stage
        self._chance = random.Random(11)
        self._storage = CountingStorage(stage.time.now, self._announce)
        self._queue: Queue = self._storage.queue("baton-work")
        self._runs: dict[str, int] = {}
        self._process = 0
        self._baton = self._started()
        self.checking_seconds = 0.0
        if known:
            self._remember()
        stage.time.after(TICK_SECONDS, self._tick)

    @property
    def storage_operations(self) -> int:
        names = ("get", "write", "scan page", "send", "receive", "delete")
        return sum(self._storage.counts[name] for name in names)

    def begin(self, number: int) -> None:
        """As a POST with an Idempotency-Key, which its caller sends again when it gets no answer."""
        self._in_process(lambda: self._start(number), lambda: self.begin(number))

    def _start(self, number: int) -> None:
        trigger = Trigger(type="http", time=self._stage.time.now())
        run, _ = start(self._baton.world, self._chain(number), trigger, {}, cause=f"key-{number}")
        self._runs[run.id] = number

    def _started(self) -> Baton:
        bits = random.Random(self._process)
        return build(
            _SETTINGS,
            storage=self._storage,
            root=Path(),
            clock=self._stage.time.now,
            random_bits=lambda: bits.getrandbits(64),
        )

    def _in_process(self, act: Callable[[], object], again: Callable[[], object]) -> None:
        """What dies with the process is done again by the next one, or by nobody: as its caller has it."""
        try:
            act()
        except CrashError:
            self._process += 1
            self._baton = self._started()
            self._stage.time.after(RESTART_SECONDS, again)

    def _announce(self, delay_seconds: float) -> None:
        self._stage.time.after(delay_seconds + self._chance.uniform(0, POLL_SECONDS), self._deliver)

    def _deliver(self) -> None:
        while received := self._queue.receive(limit=BATCH, hidden_seconds=LEASE_SECONDS):
            for message in received:
                self._in_process(lambda message=message: self._handle(message), lambda: None)  # type: ignore[misc]

    def _handle(self, message: Message) -> None:
        try:
            on_message(self._baton.world, message.body, message.dequeue_count)
        except Exception:  # noqa: BLE001 - as the host: it comes back
            self._queue.hide(message, FAILED_SECONDS)
            self._stage.time.after(FAILED_SECONDS, self._deliver)
        else:
            self._queue.delete(message)

    def _tick(self) -> None:
        self._in_process(lambda: tick(self._baton.world, ()), lambda: None)
        self._deliver()
        began = time.process_time()
        self._tell()
        self.checking_seconds += time.process_time() - began
        if not self._stage.ended.done():
            self._stage.time.after(TICK_SECONDS, self._tick)

    def _tell(self) -> None:
        """What became of runs that are not under way any more."""
        open_runs = {pointer.run_id for pointer in self._baton.world.runs.pointers()}
        for run_id, number in self._runs.items():
            if run_id not in open_runs and number not in self._stage.outcomes:
                held = self._baton.world.runs.load(run_id)
                assert held is not None
                good = held.run.status is RunStatus.SUCCEEDED
                self._stage.tell(number, "succeeded" if good else "failed")

    def _remember(self) -> None:
        """Past runs of every step, each a little longer or shorter than this one's will be."""
        stage = self._stage
        for number in range(stage.case.runs):
            chain = self._chain(number)
            for step in chain.steps:
                now = self._duration(number, step)
                usual = now * self._chance.uniform(0.95, 1.05)
                for _ in range(PAST_RUNS):
                    seconds = usual * self._chance.uniform(0.95, 1.05)
                    self._baton.world.runs.add_duration(chain.name, step.name, seconds, PAST_RUNS)
        self._storage.counts.clear()

    def _duration(self, number: int, step: StepDefinition) -> float:
        stage = self._stage
        if step.name == "refresh":
            return stage.azure.power_bi.workspaces[REPORTS][stage.model(number)].seconds
        if stage.case.kind == "adf":
            factory = stage.azure.data_factory.factory(SUBSCRIPTION, GROUP, FACTORY)
            return factory.pipelines[stage.pipeline(number)].seconds
        return stage.azure.fabric.workspace(LAKEHOUSE).items[stage.pipeline(number)].seconds

    def _chain(self, number: int) -> Chain:
        stage = self._stage
        said = {"run": str(number)}
        load = {
            "adf": StepDefinition(
                name="load", connection=_FACTORY, pipeline=stage.pipeline(number), parameters=said
            ),
            "fabric": StepDefinition(
                name="load",
                connection=_LAKEHOUSE,
                item=stage.pipeline(number),
                job_type="Pipeline",
                parameters=said,
            ),
        }.get(stage.case.kind)
        refresh = StepDefinition(
            name="refresh",
            connection=_REPORTS,
            after=("load",) if load else (),
            dataset=stage.model(number),
            refresh=Refresh(),
        )
        return Chain(name=f"c{number}", steps=(load, refresh) if load else (refresh,))
