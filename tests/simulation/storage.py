"""The embedded store and a queue, with the faults of the real ones."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shared.storage.base import PAGE_ROWS, Page, Row, StorageUnavailableError, Table, Write
from tests.simulation.scheduler import Scheduler


@dataclass(frozen=True, slots=True)
class FaultyTable:
    """The real table; now and then it does not answer, before or after it has done what was asked."""

    inner: Table
    scheduler: Scheduler
    chance: Callable[[], float]

    def get(self, partition: str, key: str) -> Row | None:
        self._before("get")
        return self.inner.get(partition, key)

    def write(self, writes: Sequence[Write]) -> tuple[str, ...] | None:
        self._before("write")
        written = self.inner.write(writes)
        self.scheduler.effect("written")
        self._perhaps("its answer was lost")
        return written

    def scan(self, partition: str, *, start: str = "", end: str | None = None, limit: int = PAGE_ROWS) -> Page:
        self._before("scan")
        return self.inner.scan(partition, start=start, end=end, limit=limit)

    def _before(self, name: str) -> None:
        self.scheduler.effect(name)
        self._perhaps("it did not answer")

    def _perhaps(self, what: str) -> None:
        if self.scheduler.random.random() < self.chance():
            raise StorageUnavailableError(f"simulated: {what}")


@dataclass(slots=True)
class SimulatedQueue:
    """Delivers to whoever is there: late, twice, out of order, or not at all."""

    scheduler: Scheduler
    deliver: Callable[[str, int], None]
    lose: Callable[[], float]
    double: Callable[[], float]
    delay: Callable[[], float]

    def send(self, body: str, *, delay_seconds: float = 0) -> None:
        self.scheduler.effect("send")
        chance: random.Random = self.scheduler.random
        if chance.random() < self.lose():
            self.scheduler.note(f"message lost: {body[:120]}")
        else:
            self._put(body, delay_seconds)
            if chance.random() < self.double():
                self._put(body, delay_seconds + chance.random() * 30)
        self.scheduler.effect("sent")

    def _put(self, body: str, delay_seconds: float) -> None:
        late = self.scheduler.random.random() * self.delay()
        self.scheduler.at(self.scheduler.seconds + delay_seconds + late, lambda: self.deliver(body, 1))
