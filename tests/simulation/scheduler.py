"""Several instances of Baton in one thread: their calls interleave at every effect, as the seed says.

Each call (a message, a tick, an HTTP request) is a greenlet. Before and after every effect it comes back here,
and the seed decides who goes on, who crashes and who freezes. Time stands still but for what effects take, and
jumps to the next thing that is due when nobody can go on.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from greenlet import GreenletExit, getcurrent, greenlet

from tests.simulation.luck import Luck

START = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)
EFFECT_SECONDS = 0.01


class CrashError(GreenletExit):
    """The instance died: nothing after this point of its calls happens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """How bad the luck is, as chances for each effect."""

    crash: float = 0.0
    freeze: float = 0.0
    most_frozen_seconds: float = 400.0
    switch: float = 0.3


@dataclass(eq=False, slots=True)
class Call:
    """One call under way on an instance."""

    name: str
    instance: int
    task: greenlet
    ended: Callable[[BaseException | None], None]
    asleep_until: float = 0.0


@dataclass(slots=True)
class Scheduler:
    """The only clock, and the only chooser. `told` takes the lines of the history, where one is wanted."""

    luck: Luck
    told: list[str] | None = None
    weather: Weather = field(default_factory=Weather)
    seconds: float = 0.0
    effects: int = 0
    _calls: list[Call] = field(default_factory=list)
    _timers: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _hub: greenlet | None = None
    _doomed: int | None = None

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def note(self, text: str) -> None:
        """A line of the history, with the time and the call that it belongs to."""
        if self.told is not None:
            call = self._current()
            who = f"{call.name} on {'ABCDEFGH'[call.instance]}" if call else ""
            self.told.append(f"{self.seconds:10.3f}  {who:34} {text}")

    def at(self, seconds: float, act: Callable[[], None]) -> None:
        """Has `act` done when the time has come."""
        heapq.heappush(self._timers, (max(seconds, self.seconds), next(self._numbers), act))

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        self.at(self.seconds + seconds, act)

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
        self.seconds += EFFECT_SECONDS
        call = self._current() if self._hub is not None else None
        if call is None or self._hub is None:  # also: what is being torn down has no effects any more
            return
        weather = self.weather
        if weather.crash and self.luck.strikes("crash", weather.crash):
            self.note(f"instance {'ABCDEFGH'[call.instance]} crashes at {name}")
            self._doomed = call.instance
            raise CrashError
        if weather.freeze and self.luck.strikes("freeze", weather.freeze):
            seconds = 1 + weather.most_frozen_seconds * self.luck.between("freeze", 0, 1) ** 3
            self.note(f"freezes at {name} for {seconds:.0f} s")
            self.sleep(seconds)
        elif weather.switch and self.luck.strikes("switch", weather.switch):
            self._hub.switch()

    def sleep(self, seconds: float) -> None:
        """The call under way goes on when so much time has passed."""
        if self._hub is not None and (call := self._current()) is not None:
            call.asleep_until = self.seconds + seconds
            self._hub.switch()

    def kill(self, instance: int) -> None:
        """Ends an instance and all that it is doing. To be called from a timer."""
        self._doomed = instance
        self._bury()

    def is_idle(self) -> bool:
        """Whether no call is under way, not even a frozen one."""
        return not self._calls

    def current_task(self) -> greenlet:
        """What stands for the call under way."""
        return getcurrent()

    def run_until(self, end: float, stop: Callable[[], bool] = lambda: False) -> None:
        """Goes on until the time, or until `stop` says so between two calls."""
        self._hub = getcurrent()
        while not stop():
            ready = [call for call in self._calls if call.asleep_until <= self.seconds]
            if ready:
                several = len(ready) > 1
                self._resume(ready[self.luck.one_of("who is next", len(ready)) if several else 0])
            elif not self._jump(end):
                break
        self._hub = None

    def _current(self) -> Call | None:
        current = getcurrent()
        for call in self._calls:
            if call.task is current:
                return call
        return None

    def _jump(self, end: float) -> bool:
        """Lets time go on to whatever is next; False when the end is reached first."""
        wakes = min((call.asleep_until for call in self._calls), default=math.inf)
        due = self._timers[0][0] if self._timers else math.inf
        if min(wakes, due) > end:
            self.seconds = max(self.seconds, end)
            return False
        self.seconds = max(self.seconds, min(wakes, due))
        self._fire()
        return True

    def _fire(self) -> None:
        while self._timers and self._timers[0][0] <= self.seconds:
            heapq.heappop(self._timers)[2]()

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
        self._fire()

    def _bury(self) -> None:
        """A crashed instance takes down everything that it was doing."""
        doomed, self._doomed = self._doomed, None
        for call in [call for call in self._calls if call.instance == doomed]:
            self._calls.remove(call)
            call.task.throw(CrashError)
            call.ended(CrashError())
