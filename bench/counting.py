"""Tables, queues and services that count what is asked of them, and pass it on."""

from __future__ import annotations

import heapq
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import requests

from local.simulated_azure.adapter import SimulatedAdapter
from local.simulated_azure.world import SimulatedAzure
from shared.core.definition import Connection, StepDefinition
from shared.core.facts import Observation
from shared.core.follows import SeenJob
from shared.core.run import Job
from shared.ports import History, JobPage, JobQuery, Order, Place, Problem, Service, Services, WatchedJob
from shared.storage.base import PAGE_ROWS, Message, Page, Queue, Row, Table, Write

Counts = Counter[str]


@dataclass(frozen=True, slots=True)
class CountingTable:
    """`get`, `write`, `rows written`, `scan page` and `rows scanned`. An empty page is a call, too."""

    inner: Table
    counts: Counts

    def get(self, partition: str, key: str) -> Row | None:
        self.counts["get"] += 1
        return self.inner.get(partition, key)

    def write(self, writes: Sequence[Write]) -> tuple[str, ...] | None:
        self.counts["write"] += 1
        self.counts["rows written"] += len(writes)
        return self.inner.write(writes)

    def scan(self, partition: str, *, start: str = "", end: str | None = None, limit: int = PAGE_ROWS) -> Page:
        page = self.inner.scan(partition, start=start, end=end, limit=limit)
        self.counts["scan page"] += 1
        self.counts["rows scanned"] += len(page.rows)
        return page


@dataclass(slots=True)
class CountingQueue:
    """`send`, `receive` (a batch, as a host fetches it) and `delete`; knows when the next message shows."""

    inner: Queue
    counts: Counts
    clock: Callable[[], datetime]
    _due: list[datetime] = field(default_factory=list)

    def send(self, body: str, *, delay_seconds: float = 0) -> None:
        self.counts["send"] += 1
        self.inner.send(body, delay_seconds=delay_seconds)
        heapq.heappush(self._due, self.clock() + timedelta(seconds=delay_seconds))

    def receive(self, limit: int) -> tuple[Message, ...]:
        """What is due now. A host asks an idle queue as well; that has nothing to do with runs."""
        received = self.inner.receive(limit=limit)
        self.counts["receive"] += bool(received)
        return received

    def delete(self, message: Message) -> None:
        self.counts["delete"] += 1
        assert self.inner.delete(message)
        heapq.heappop(self._due)

    def next_due(self) -> datetime | None:
        return self._due[0] if self._due else None


@dataclass(slots=True)
class Stopwatch:
    """CPU seconds of this process that went into the simulation, and are not Baton's."""

    seconds: float = 0.0


class TimedAdapter(SimulatedAdapter):
    """The simulated Azure, with its own use of the processor taken apart."""

    def __init__(self, azure: SimulatedAzure, stopwatch: Stopwatch) -> None:
        super().__init__(azure)
        self._stopwatch = stopwatch

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        began = time.process_time()
        try:
            return super().send(request, *args, **kwargs)
        finally:
            self._stopwatch.seconds += time.process_time() - began


@dataclass(frozen=True, slots=True)
class CountingService:
    """Counts looks, by the type of the place."""

    inner: Service
    counts: Counts

    def place(self, definition: StepDefinition) -> Place:
        return self.inner.place(definition)

    def start(self, order: Order, send_before: Callable[[], bool]) -> Job:
        return self.inner.start(order, send_before)

    def find_started(self, order: Order) -> Sequence[Job]:
        return self.inner.find_started(order)

    def observe(
        self, place: Place, jobs: Sequence[WatchedJob], since: datetime | None
    ) -> Mapping[str, Observation]:
        self.counts[f"look at {place.connection.type}"] += 1
        return self.inner.observe(place, jobs, since)

    @property
    def history(self) -> History:
        return self.inner.history

    def list_jobs(self, query: JobQuery) -> JobPage:
        return self.inner.list_jobs(query)

    def jobs_since(self, place: Place, names: Sequence[str], since: datetime) -> Sequence[SeenJob]:
        return self.inner.jobs_since(place, names, since)

    def cancel(self, definition: StepDefinition, job: Job) -> None:
        self.inner.cancel(definition, job)

    def check(self, definitions: Sequence[StepDefinition]) -> Sequence[Problem]:
        return self.inner.check(definitions)


@dataclass(frozen=True, slots=True)
class CountingServices:
    inner: Services
    counts: Counts

    def __call__(self, connection: Connection) -> Service:
        return CountingService(self.inner(connection), self.counts)
