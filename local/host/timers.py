"""The timer trigger: fires on its NCRONTAB schedule, one invocation at a time.

The time of the last tick is kept in a table row, so a tick that was missed while the host was down is made up
for at start: once, with `past_due` set, however many were missed.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from typing import Protocol

from local.host.errors import HostStoppingError, InvocationFailedError
from local.host.index import FunctionEntry, TimerTrigger
from local.host.invoke import Invoker, refuse_result
from local.host.ncrontab import Schedule, next_after, parse
from local.host.payloads import timer_payload
from shared.storage.base import Row, StorageError, Table, Upsert

__all__ = ["StopSignal", "Timer", "next_after", "parse"]

logger = logging.getLogger(__name__)
TABLE = "localhosttimers"
PARTITION = "timers"
# Long waits are cut up, so that a laptop that slept notices the time when it wakes.
LONGEST_WAIT_SECONDS = 10.0
RETRY_SECONDS = 5.0
_MONITORED_FROM_SECONDS = 60


class StopSignal(Protocol):
    """What the host waits on: `threading.Event`, or a test's own."""

    def is_set(self) -> bool: ...

    def wait(self, timeout: float | None = None) -> bool: ...


class Timer:
    """One timer function. `run` is its thread; `begin` and `step` are what it does."""

    def __init__(
        self,
        entry: FunctionEntry,
        trigger: TimerTrigger,
        *,
        table: Table,
        invoker: Invoker,
        clock: Callable[[], datetime],
        stop: StopSignal,
    ) -> None:
        self._entry = entry
        self._run_on_startup = trigger.run_on_startup
        self._schedule = parse(trigger.schedule)
        self._table = table
        self._invoker = invoker
        self._clock = clock
        self._stop = stop
        self._monitored = trigger.use_monitor and not _is_fast(self._schedule, clock())
        self._last: datetime | None = None
        self._next: datetime | None = None

    def run(self) -> None:
        """Until the stop signal."""
        begun = False
        while not self._stop.is_set():
            try:
                if not begun:
                    self.begin()
                    begun = True
                wait_seconds = self.step()
            except HostStoppingError:
                return
            except StorageError as error:
                logger.warning("timer %s: its last tick could not be read: %s", self._entry.name, error)
                wait_seconds = RETRY_SECONDS
            self._stop.wait(wait_seconds)

    def begin(self) -> None:
        """Makes up for a missed tick, or runs at startup when the function asks for it."""
        now = self._clock()
        self._next = next_after(self._schedule, now)
        updated = self._recorded()
        missed = None if updated is None else next_after(self._schedule, updated)
        if missed is not None and missed <= now:
            self._fire(now, due=missed, past_due=True)
        elif self._run_on_startup:
            self._fire(now, due=now, past_due=False)
        elif updated is None:
            self._record(now)

    def step(self) -> float:
        """Fires when it is time. Returns how many seconds to wait before the next look."""
        now = self._clock()
        if self._next is not None and self._next <= now:
            self._fire(now, due=self._next, past_due=False)
            now = self._clock()
        if self._next is None:
            return LONGEST_WAIT_SECONDS
        return min(max((self._next - now).total_seconds(), 0.0), LONGEST_WAIT_SECONDS)

    def _fire(self, now: datetime, *, due: datetime, past_due: bool) -> None:
        last = self._last
        # Armed from when this one began: if it runs over the next tick, that one follows at once, late.
        self._next = next_after(self._schedule, now)
        # A failure was logged where it ran; as in Azure, the next chance is the next tick.
        with contextlib.suppress(InvocationFailedError):
            self._invoker.call(
                self._entry,
                lambda: timer_payload(self._entry, past_due=past_due, last=last, updated=last, next_time=due),
                refuse_result,
            )
        self._last = now
        self._record(now)

    def _recorded(self) -> datetime | None:
        row = self._table.get(PARTITION, self._entry.name) if self._monitored else None
        if row is None:
            return None
        kept = json.loads(row.data)
        self._last = datetime.fromisoformat(kept["last"]) if kept["last"] else None
        return datetime.fromisoformat(kept["updated"])

    def _record(self, now: datetime) -> None:
        if not self._monitored:
            return
        kept = {"last": self._last.isoformat() if self._last else None, "updated": now.isoformat()}
        try:
            self._table.write([Upsert(Row(PARTITION, self._entry.name, json.dumps(kept)))])
        except StorageError as error:
            # The function has run; raising here would run it again at once.
            logger.warning("timer %s: its last tick could not be kept: %s", self._entry.name, error)


def _is_fast(schedule: Schedule, now: datetime) -> bool:
    """More often than once a minute. Azure keeps no status of such a schedule."""
    times = [now]
    for _ in range(6):
        upcoming = next_after(schedule, times[-1])
        if upcoming is None:
            return False
        times.append(upcoming)
    return any((later - sooner).total_seconds() < _MONITORED_FROM_SECONDS for sooner, later in pairwise(times[1:]))
