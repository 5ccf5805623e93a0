"""One virtual clock for code that was not written for it: `time`, `asyncio` and plain blocking calls.

Everything happens in one thread. Blocking code runs in greenlets: its `time.sleep` lets the others go on, and the
clock jumps to whatever is due next. Coroutines run on an event loop that reads the same clock. Nothing but a
sleep takes virtual time, so an hour of polling costs what its calls cost.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from asyncio import events
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from greenlet import getcurrent, greenlet

T = TypeVar("T")
START = datetime(2026, 11, 21, 5, 30, tzinfo=UTC)


class CrashError(BaseException):
    """The process that did this has died: nothing after this point happens in it."""


class VirtualTime:
    """The clock, the event loop, and the greenlets that wait for them. `install` puts it in place of `time`."""

    def __init__(self, start: datetime = START) -> None:
        self.seconds = 0.0
        self._start = start
        self._epoch = start.timestamp()
        self.loop = _Loop(self)
        self._hub = getcurrent()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.seconds)

    def install(self) -> None:
        """From now on this process sleeps and reads the time by this clock. What it measures itself with
        (`process_time`, `perf_counter`) stays real.
        """
        time.time = lambda: self._epoch + self.seconds
        time.monotonic = lambda: self.seconds
        time.sleep = self.sleep  # type: ignore[assignment]

    def at(self, seconds: float, act: Callable[[], object]) -> None:
        """Has `act` done at that time, as blocking code that may sleep."""
        self.loop.call_at(seconds, self._begin, act)

    def after(self, seconds: float, act: Callable[[], object]) -> None:
        self.at(self.seconds + seconds, act)

    def spawn(self, act: Callable[[], object]) -> None:
        """Has `act` done as soon as others let it."""
        self.loop.call_soon(self._begin, act)

    def sleep(self, seconds: float) -> None:
        """As `time.sleep`. In a coroutine it keeps the whole event loop waiting, as the real one does."""
        task = getcurrent()
        if task is self._hub:
            self.seconds += max(0.0, seconds)
            return
        self.loop.call_later(max(0.0, seconds), self._resume, task)
        self._hub.switch()

    def wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        """What the coroutine gives, awaited by blocking code: the others go on meanwhile."""
        task = getcurrent()
        waiting = self.loop.create_task(work)
        waiting.add_done_callback(lambda _: self._resume(task))
        self._hub.switch()
        return waiting.result()

    def run(self, ended: asyncio.Future[None]) -> None:
        """Goes on until it has ended. Raises RuntimeError when nothing is left that could end it."""
        self.loop.run_until_complete(ended)

    def close(self) -> None:
        """The event loop is of no further use."""
        self.loop.close()

    def _begin(self, act: Callable[[], object]) -> None:
        self._resume(greenlet(act, parent=self._hub))

    def _resume(self, task: greenlet) -> None:
        """Blocking code does not know that it is called from an event loop, as in a process of its own."""
        events._set_running_loop(None)  # noqa: SLF001 - there is no other way to say so
        try:
            task.switch()
        finally:
            events._set_running_loop(self.loop)  # noqa: SLF001


class _Loop(asyncio.SelectorEventLoop):
    """Reads the virtual clock. What it would have a thread do is done at once."""

    def __init__(self, clock: VirtualTime) -> None:
        super().__init__(_JumpingSelector(clock))
        self._virtual = clock
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self._virtual.seconds

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it belongs to whoever awaits it
            future.set_exception(error)
        return future


class _JumpingSelector(selectors.DefaultSelector):
    """Does not wait: the clock goes on to when the wait would have ended."""

    def __init__(self, clock: VirtualTime) -> None:
        super().__init__()
        self._virtual = clock

    def select(self, timeout: float | None = None) -> Any:
        found = super().select(0)
        if not found:
            if timeout is None:
                raise RuntimeError("everything waits, and nothing is due")
            self._virtual.seconds += max(0.0, timeout)
        return found
