"""One piece of bad luck for each run: at its start, or at the first look at its state in the job's second half."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

from bench.peers.stage import Case
from bench.peers.virtual_time import CrashError
from local.simulated_azure.faults import Fault, Faults, When

Moment = Literal["start", "look"]
HALF = 0.5  # of the job: by then every tool waits, and every tool looks once more, however seldom it looks

# The calls that start a job and that read its state, by any tool.
STARTS = {"adf": "data_factory.create_run", "fabric": "fabric.run", "refresh": "power_bi.refresh"}
LOOKS: dict[str, tuple[str, ...]] = {
    "adf": ("data_factory.get_run", "data_factory.query_runs"),
    "fabric": ("fabric.instance", "fabric.list", "fabric.notebook_instance"),
    "refresh": ("power_bi.history", "power_bi.get_refresh"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Misfortune:
    """What goes wrong once in each run. `seconds`: how long; 0 is one call."""

    name: str
    moment: Moment
    what: str  # in words
    fault: Fault | None = None  # None: the process dies
    seconds: float = 0.0


def _look(name: str, what: str, fault: Fault, *, seconds: float = 0.0) -> Misfortune:
    return Misfortune(name=name, moment="look", what=what, fault=fault, seconds=seconds)


MISFORTUNES = (
    Misfortune(name="crash", moment="start", what="the process dies after the start was accepted"),
    Misfortune(
        name="lost", moment="start", what="a start is accepted, its answer is lost", fault=Fault("*", lost=True)
    ),
    Misfortune(
        name="start-503",
        moment="start",
        what="a start is accepted, the answer is 503",
        fault=Fault("*", status=503),
    ),
    Misfortune(name="restart", moment="look", what="the process dies while it waits, and a new one is there"),
    _look("look-429", "a look is answered 429, Retry-After 30", Fault("*", status=429, retry_after="30")),
    _look("look-500", "one look is answered 500", Fault("*", status=500)),
    _look("look-403", "one look is answered 403", Fault("*", status=403)),
    _look("look-lost", "the connection drops in one look", Fault("*", lost=True)),
    _look("outage", "all looks are answered 503 for 30 seconds", Fault("*", status=503), seconds=30.0),
)


@dataclass(slots=True)
class OncePerRun(Faults):
    """Strikes the run that it was last armed for, at the first chance that comes `wait_seconds` later."""

    misfortune: Misfortune = MISFORTUNES[0]
    operations: tuple[str, ...] = ()
    seconds: Callable[[], float] = lambda: 0.0
    wait_seconds: float = 0.0
    _from: float = 0.0
    _until: float | None = field(default=None)
    struck: int = 0

    def arm(self) -> None:
        """From now on the next run is met."""
        self._from, self._until = self.seconds() + self.wait_seconds, None

    def due(self, operation: str, when: When) -> Fault | None:
        wanted: When = "after" if self.misfortune.moment == "start" else "before"
        if when != wanted or not any(fnmatchcase(operation, each) for each in self.operations):
            return None
        now = self.seconds()
        if self._until is None and now >= self._from:
            self._until = now + self.misfortune.seconds
            self.struck += 1
        elif self._until is None or now >= self._until:
            return None
        if self.misfortune.fault is None:
            raise CrashError(self.misfortune.what)
        return self.misfortune.fault


def once_per_run(misfortune: Misfortune, case: Case, seconds: Callable[[], float]) -> OncePerRun:
    """Faults for the first job of the case's runs."""
    chance = random.Random(0)
    if misfortune.moment == "start":
        return OncePerRun(chance, [], misfortune, (STARTS[case.kind],), seconds)
    return OncePerRun(chance, [], misfortune, LOOKS[case.kind], seconds, case.minutes * 60 * HALF)
