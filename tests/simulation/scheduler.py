"""Several instances of Baton in one thread: their calls interleave at every effect, as the seed says.

Each call (a message, a tick, an HTTP request) is a greenlet. Before and after every effect it comes back here,
and the seed decides who goes on, who crashes and who freezes. Time stands still but for what effects take, and
jumps to the next thing that is due when nobody can go on.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from greenlet import GreenletExit, getcurrent, greenlet

START = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)


class CrashError(GreenletExit):
    """The instance died: nothing after this point of its calls happens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """How bad the luck is. Chances are for each effect, or as named."""

    crash: float = 0.0
    freeze: float = 0.0
    freeze_seconds: tuple[float, float] = (1.0, 400.0)
    switch: float = 0.3


@dataclass(eq=False, slots=True)
class Call:
    """One call under way on an instance."""

    name: str
    instance: int
    task: greenlet
    ended: Callable[[BaseException | None], None]
    frozen_until: float = 0.0


@dataclass(slots=True)
class Scheduler:
    """The only clock, and the only chooser."""

    random: random.Random
    weather: Weather = field(default_factory=Weather)
    seconds: float = 0.0
    effects: int = 0
    history: list[str] = field(default_factory=list)
    _calls: list[Call] = field(default_factory=list)
    _timers: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _hub: greenlet | None = None
    _doomed: int | None = None

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def note(self, text: str) -> None:
        """A line of the history that a failing seed prints."""
        self.history.append(f"{self.seconds:10.3f}  {text}")

    def at(self, seconds: float, act: Callable[[], None]) -> None:
        """Has `act` done when the time has come."""
        heapq.heappush(self._timers, (max(seconds, self.seconds), next(self._numbers), act))

    def spawn(
        self,
        name: str,
        instance: int,
        work: Callable[[], object],
        ended: Callable[[BaseException | None], None],
    ) -> None:
        """Begins a call. `ended` hears how it went: None, its exception, or CrashError."""
        self._calls.append(Call(name, instance, greenlet(work), ended))

    def effect(self, name: str) -> None:
        """Called before and after everything that touches the world: here other calls may come between."""
        self.effects += 1
        self.seconds += self.random.random() * 0.02
        current = getcurrent()
        if self._hub is None or current is self._hub:
            return
        chance = self.random.random()
        if chance < self.weather.crash:
            self._doom(current, name)
            raise CrashError
        if chance < self.weather.crash + self.weather.freeze:
            self._freeze(current, name)
            self._hub.switch()
        elif chance > 1 - self.weather.switch:
            self._hub.switch()

    def run_until(self, end: float, stop: Callable[[], bool] = lambda: False) -> None:
        """Goes on until the time, or until `stop` says so between two calls."""
        self._hub = getcurrent()
        while not stop():
            ready = [call for call in self._calls if call.frozen_until <= self.seconds]
            if ready:
                self._resume(self.random.choice(ready))
            elif not self._jump(end):
                break
        self._hub = None

    def _jump(self, end: float) -> bool:
        """Lets time go on to whatever is next; False when the end is reached first."""
        thaw = min((call.frozen_until for call in self._calls), default=math.inf)
        due = self._timers[0][0] if self._timers else math.inf
        if min(thaw, due) > end:
            self.seconds = max(self.seconds, end)
            return False
        self.seconds = max(self.seconds, min(thaw, due))
        while self._timers and self._timers[0][0] <= self.seconds:
            heapq.heappop(self._timers)[2]()
        return True

    def _resume(self, call: Call) -> None:
        error: BaseException | None = None
        try:
            result = call.task.switch()
        except Exception as raised:  # noqa: BLE001 - whatever a call raises is for its host to hear
            error = raised
        else:
            if isinstance(result, CrashError):
                error = result
        if call.task.dead and call in self._calls:
            self._calls.remove(call)
            call.ended(error)
        if self._doomed is not None:
            self._bury()
        while self._timers and self._timers[0][0] <= self.seconds:
            heapq.heappop(self._timers)[2]()

    def _freeze(self, task: greenlet, name: str) -> None:
        call = next(call for call in self._calls if call.task is task)
        low, high = self.weather.freeze_seconds
        call.frozen_until = self.seconds + low + (high - low) * self.random.random() ** 3
        self.note(f"{call.name} freezes at {name} for {call.frozen_until - self.seconds:.0f} s")

    def _doom(self, task: greenlet, name: str) -> None:
        call = next(call for call in self._calls if call.task is task)
        self.note(f"instance {call.instance} crashes at {name} in {call.name}")
        self._doomed = call.instance

    def _bury(self) -> None:
        """A crashed instance takes down everything that it was doing."""
        for call in [call for call in self._calls if call.instance == self._doomed]:
            self._calls.remove(call)
            call.task.throw(CrashError)
            call.ended(CrashError())
        self._doomed = None
