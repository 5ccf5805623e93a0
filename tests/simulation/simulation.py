"""One seed: several instances of Baton, a simulated Azure, callers, bad luck, and then peace."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import requests
from azure.core.credentials import AccessToken

from local.simulated_azure.adapter import SimulatedAdapter
from local.simulated_azure.faults import Fault
from local.simulated_azure.world import SimulatedAzure
from shared.core.definition import Chain, Credential
from shared.core.run import Trigger
from shared.core.timing import Patience
from shared.identity import Identities, Identity
from shared.relay.advance import advance
from shared.relay.cancel import FinishedError, cancel
from shared.relay.messages import AdvanceMessage, WatchMessage, from_body
from shared.relay.start import BusyError, start
from shared.relay.tick import tick
from shared.relay.watch import look
from shared.relay.world import World
from shared.services.reach import Reach
from shared.services.registry import Registry
from shared.settings import Settings
from shared.storage.sqlite import SqliteStorage
from shared.store.places import PlaceStore
from shared.store.runs import RunStore
from shared.store.schedules import ScheduleStore
from tests.simulation.chains import random_chains
from tests.simulation.scheduler import CrashError, Scheduler, Weather
from tests.simulation.storage import FaultyTable, SimulatedQueue

INSTANCES = 3
LAST_SECOND = 4 * 86_400.0
MOST_DEQUEUES = 5
SETTINGS = Settings.from_mapping({"AzureWebJobsStorage": "sqlite::memory:"})


class SimulatedCredential:
    """Gives tokens that never expire."""

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        return AccessToken(f"{scopes[0].removesuffix('/.default')}|99999999999", 99_999_999_999)


class SimulatedIdentities(Identities):
    """Everybody is the same."""

    def of(self, credential: Credential) -> Identity:
        return _IDENTITY


_IDENTITY = Identity(SimulatedCredential(), "the simulation")


class EffectAdapter(SimulatedAdapter):
    """A crash or a freeze may follow every answer. What comes just before a request is the fence's own moment."""

    def __init__(self, azure: SimulatedAzure, scheduler: Scheduler) -> None:
        super().__init__(azure)
        self._scheduler = scheduler

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        try:
            return super().send(request, *args, **kwargs)
        finally:
            self._scheduler.effect(f"{request.method} {(request.url or '').split('?')[0][-60:]}")


@dataclass(slots=True)
class Caller:
    """Somebody who wants a run, and asks again with the same key until it is accepted."""

    chain: Chain
    key: str
    run_ids: set[str] = field(default_factory=set)


class Simulation:
    """`run` plays the seed to its end; what must hold is in `invariants`."""

    def __init__(self, seed: int, patience: Patience | None = None) -> None:
        self.seed = seed
        self.chance = random.Random(seed)
        self.scheduler = Scheduler(random.Random(self.chance.getrandbits(64)))
        self.azure = SimulatedAzure(clock=self.scheduler.now, random=random.Random(self.chance.getrandbits(64)))
        self.storage = SqliteStorage(None, clock=self.scheduler.now)
        self.table = self.storage.table("baton")
        self.chains = random_chains(self.chance, self.azure)
        self.bad_until = self.chance.uniform(600, 3_000)
        self.severity = self.chance.choice([0.0, 0.3, 1.0, 1.0, 3.0])
        self.callers: list[Caller] = []
        self.cancelled: set[str] = set()
        self.others: set[str] = set()
        self.poison: list[str] = []
        self.errors: list[BaseException] = []
        self._bits = random.Random(self.chance.getrandbits(64))
        self._patience = patience or Patience()
        session = requests.Session()
        session.trust_env = False
        session.mount("https://", EffectAdapter(self.azure, self.scheduler))
        self._session = session
        self.worlds = [self._world(number) for number in range(INSTANCES)]

    def run(self) -> None:
        """Bad luck first, then peace until everything has ended or time is up."""
        self._plan()
        self.scheduler.weather = Weather(
            crash=0.004 * self.severity, freeze=0.002 * self.severity, switch=0.3 * min(1, self.severity)
        )
        self._switch_faults_on()
        self.scheduler.run_until(self.bad_until)
        self.scheduler.weather = Weather(switch=0.1)
        self.azure.faults.on.clear()
        self.scheduler.note("the faults stop")
        self.scheduler.run_until(self.bad_until + 300)
        self.scheduler.run_until(LAST_SECOND, self._is_quiet)

    def _is_quiet(self) -> bool:
        return self.scheduler.seconds > self.bad_until + 600 and not list(self.runs.pointers())

    @property
    def runs(self) -> RunStore:
        return RunStore(self.table)

    def luck(self, share: float) -> float:
        """A chance of bad luck: nothing once the faults have stopped."""
        return share * self.severity if self.scheduler.seconds < self.bad_until else 0.0

    def _world(self, number: int) -> World:
        skew = timedelta(seconds=self.chance.uniform(-8, 8) if number else 0)

        def clock() -> datetime:
            return self.scheduler.now() + skew

        table = FaultyTable(self.table, self.scheduler, lambda: self.luck(0.004))
        reach = Reach(
            settings=SETTINGS, identities=SimulatedIdentities(SETTINGS), session=self._session, clock=clock
        )
        queue = SimulatedQueue(
            self.scheduler,
            self._deliver,
            lose=lambda: self.luck(0.05),
            double=lambda: self.luck(0.05),
            delay=lambda: 1 + self.luck(30),
        )
        return World(
            runs=RunStore(table),
            places=PlaceStore(table),
            schedules=ScheduleStore(table),
            queue=queue,
            services=Registry(reach),
            clock=clock,
            random_bits=lambda: self._bits.getrandbits(64),
            patience=self._patience,
        )

    def _plan(self) -> None:
        minute = 60.0
        while minute < LAST_SECOND / 8:
            self.scheduler.at(minute, lambda at=minute: self._tick(at))  # type: ignore[misc]
            minute += 60
        for number in range(self.chance.randint(1, 5)):
            caller = Caller(self.chance.choice(self.chains), f"key {number}")
            self.callers.append(caller)
            when = self.chance.uniform(0, self.bad_until * 0.8)
            for _ in range(self.chance.choice([1, 1, 2, 3])):
                self.scheduler.at(when + self.chance.random() * 5, lambda c=caller: self._call(c))  # type: ignore[misc]
        for _ in range(self.chance.choice([0, 5, 30])):
            self.scheduler.at(self.chance.uniform(0, self.bad_until), self._others_refresh)
        for _ in range(self.chance.choice([0, 0, 1, 2])):
            self.scheduler.at(self.chance.uniform(10, self.bad_until), self._cancel_any)

    def _switch_faults_on(self) -> None:
        if not self.severity:
            return
        share = 0.04 * self.severity
        for operation in ("data_factory.create_run", "power_bi.refresh"):
            self.azure.faults.on += [
                Fault(operation, when="after", lost=True, chance=share),
                Fault(operation, when="after", status=self.chance.choice([500, 502, 503, 504]), chance=share),
                Fault(operation, when="before", status=self.chance.choice([500, 503]), chance=share),
                Fault(operation, when="before", lost=True, chance=share),
                Fault(operation, when="before", status=429, retry_after="20", chance=share),
                Fault(operation, hide_seconds=90, chance=min(0.5, 4 * share)),
            ]
        for operation in ("data_factory.query_runs", "power_bi.history", "data_factory.get_run", "*cancel*"):
            self.azure.faults.on += [
                Fault(operation, status=self.chance.choice([403, 429, 500, 503]), chance=share),
                Fault(operation, when="after", lost=True, chance=share),
            ]
        for operation in ("data_factory.query_runs", "power_bi.history"):
            self.azure.faults.on.append(Fault(operation, no_status=True, chance=share))

    def _spawn(
        self, name: str, work: Callable[[World], object], ended: Callable[[BaseException | None], None]
    ) -> None:
        number = self.scheduler.random.randrange(INSTANCES)
        self.scheduler.spawn(f"{name}@{number}", number, lambda: work(self.worlds[number]), ended)

    def _tick(self, at: float) -> None:
        times = 0 if self.chance.random() < self.luck(0.2) else 2 if self.chance.random() < self.luck(0.2) else 1
        for _ in range(times):
            self._spawn(f"tick {at:.0f}", lambda world: tick(world, self._declared()), self._heard)

    def _declared(self) -> list[Chain]:
        """In the end no schedule brings new runs."""
        return self.chains if self.scheduler.seconds < self.bad_until + 300 else []

    def _others_refresh(self) -> None:
        """Somebody else refreshes a model, when it is not busy."""
        models = self.azure.power_bi.workspaces["w"]
        model = models[self.chance.choice(sorted(models))]
        if all(refresh.status(self.scheduler.now()) != "Unknown" for refresh in model.refreshes):
            kind = self.chance.choice(["Scheduled", "ViaApi", "ViaEnhancedApi", "ViaEnhancedApi"])
            body = {"type": "full"} if kind == "ViaEnhancedApi" else None
            self.others.add(self.azure.power_bi.begin(model, kind, body).id)

    def _call(self, caller: Caller) -> None:
        def work(world: World) -> None:
            trigger = Trigger(type="http", time=world.now())
            run, _ = start(world, caller.chain, trigger, {}, cause=caller.key)
            caller.run_ids.add(run.id)

        def ended(error: BaseException | None) -> None:
            if error is not None and not isinstance(error, BusyError):
                self.scheduler.note(f"{caller.key} asks again after {error!r}")
                self.scheduler.at(self.scheduler.seconds + 5, lambda: self._call(caller))

        self._spawn(caller.key, work, ended)

    def _cancel_any(self) -> None:
        found = sorted(run_id for caller in self.callers for run_id in caller.run_ids)
        if not found:
            return
        run_id = self.chance.choice(found)

        def work(world: World) -> None:
            try:
                cancel(world, run_id)
            except FinishedError:
                return
            self.cancelled.add(run_id)

        self._spawn(f"cancel {run_id}", work, self._heard)

    def _deliver(self, body: str, count: int) -> None:
        def work(world: World) -> None:
            match from_body(body):
                case WatchMessage(place, token):
                    look(world, place, token)
                case AdvanceMessage(run_id, seen):
                    advance(world, run_id, *([seen] if seen else []))

        def ended(error: BaseException | None) -> None:
            self._heard(error)
            if error is None:
                return
            if count >= MOST_DEQUEUES:
                self.poison.append(body)
                return
            after = self.chance.uniform(30, 600) if isinstance(error, CrashError) else 15
            self.scheduler.at(self.scheduler.seconds + after, lambda: self._deliver(body, count + 1))

        self._spawn(f"message {body[:90]}", work, ended)

    def _heard(self, error: BaseException | None) -> None:
        if error is not None:
            self.scheduler.note(f"a call ended with {error!r}")
            self.errors.append(error)
