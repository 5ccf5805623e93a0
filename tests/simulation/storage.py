"""The embedded store and a queue, with the faults of the real ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shared.storage.base import PAGE_ROWS, Page, Row, StorageUnavailableError, Table, Write
from tests.simulation.scheduler import Scheduler


@dataclass(frozen=True, slots=True)
class FaultyTable:
    """The real table; now and then it does not answer, before or after it has done what was asked.

    `chance`: how often. `seen` hears of every write that was made, also of those whose answer was lost.
    """

    inner: Table
    scheduler: Scheduler
    chance: Callable[[float], float]
    seen: Callable[[Sequence[Write]], None]

    def get(self, partition: str, key: str) -> Row | None:
        self._before("a read")
        return self.inner.get(partition, key)

    def write(self, writes: Sequence[Write]) -> tuple[str, ...] | None:
        self._before("a write")
        written = self.inner.write(writes)
        if written is None:
            self.scheduler.note("loses a race")
        else:
            self.seen(writes)
        self.scheduler.effect("the end of a write")
        self._perhaps("storage loses an answer")
        return written

    def scan(self, partition: str, *, start: str = "", end: str | None = None, limit: int = PAGE_ROWS) -> Page:
        self._before("a scan")
        return self.inner.scan(partition, start=start, end=end, limit=limit)

    def _before(self, name: str) -> None:
        self.scheduler.effect(name)
        self._perhaps("storage does not answer")

    def _perhaps(self, what: str) -> None:
        _may_fail(self.scheduler, what, self.chance(0.004))


@dataclass(slots=True)
class SimulatedQueue:
    """Delivers to whoever is there: late, twice, out of order, or not at all. Or it does not answer who sends."""

    scheduler: Scheduler
    deliver: Callable[[str, int], None]
    chance: Callable[[float], float]

    def send(self, body: str, *, delay_seconds: float = 0) -> None:
        self.scheduler.effect("a send")
        self._perhaps("the queue does not answer")
        luck, bad = self.scheduler.luck, self.chance(0.05)
        if bad and luck.strikes("a message is lost", bad):
            self.scheduler.note(f"the message is lost: {body[:90]}")
        else:
            self._put(body, delay_seconds + (luck.between("message delay", 0, 30) if bad else 0))
            if bad and luck.strikes("a message comes twice", bad):
                self.scheduler.note(f"the message will come twice: {body[:90]}")
                self._put(body, delay_seconds + luck.between("message delay", 0, 60))
        self.scheduler.effect("the end of a send")
        self._perhaps("the queue loses an answer")

    def _perhaps(self, what: str) -> None:
        _may_fail(self.scheduler, what, self.chance(0.01))

    def _put(self, body: str, delay_seconds: float) -> None:
        self.scheduler.after(delay_seconds, lambda: self.deliver(body, 1))


def _may_fail(scheduler: Scheduler, what: str, chance: float) -> None:
    if chance and scheduler.luck.strikes(what, chance):
        scheduler.note(what)
        raise StorageUnavailableError(f"simulated: {what}")
