"""One seed: several instances of Baton, a simulated Azure, people, bad luck, and then peace."""

from __future__ import annotations

import random
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, cast

from azure.core.credentials import AccessToken

from local.simulated_azure.world import SimulatedAzure
from shared.core.definition import Chain, Credential
from shared.core.timing import Patience
from shared.events.topic import Topic
from shared.identity import Identities, Identity
from shared.relay.tick import tick
from shared.relay.world import Alerts, World
from shared.services.reach import Reach
from shared.services.registry import Registry
from shared.settings import Settings
from shared.storage.base import Table
from shared.storage.sqlite import SqliteStorage
from shared.store.alerts import AlertMarks
from shared.store.follows import FollowStore
from shared.store.outbox import Outbox
from shared.store.places import PlaceStore
from shared.store.runs import RunStore
from shared.store.schedules import ScheduleStore
from shared.store.stores import stores_over
from shared.work import MOST_DEQUEUES, on_message
from tests.simulation.alerts import TOPIC, Subscriber, outage
from tests.simulation.chains import Maker
from tests.simulation.clients import STRAIGHT, StraightSession, real_session
from tests.simulation.events import Events
from tests.simulation.faults import switch_on
from tests.simulation.followed import FollowBook
from tests.simulation.holds import Holds
from tests.simulation.hooks import Hooks
from tests.simulation.luck import Luck, Misfortune
from tests.simulation.memory import MemoryTable
from tests.simulation.people import People
from tests.simulation.scheduler import CrashError, Scheduler, Weather
from tests.simulation.schedules import NEVER, Calendar
from tests.simulation.storage import FaultyTable, SimulatedQueue
from tests.simulation.swarm import swarm_of
from tests.simulation.wire import Wire
from tests.simulation.witness import Witness

LAST_SECOND = 4 * 86_400.0
MOST_EFFECTS = 50_000  # a hundred times what a seed takes
PEACE_SECONDS = 130.0  # in which schedules still fire
A_TICK = timedelta(seconds=70)  # by then one has come that nothing kept from its work
IDLE_WATCH_SECONDS = 150.0  # in which idle watches are dropped
LATEST_MESSAGE_SECONDS = 700.0  # for so long one that nobody needs any more may be on its way
SETTINGS = Settings.from_mapping({"AzureWebJobsStorage": "sqlite::memory:"})


class SimulatedCredential:
    """Gives tokens that never expire."""

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        return AccessToken(f"{scopes[0].removesuffix('/.default')}|99999999999", 99_999_999_999)


_IDENTITY = Identity(SimulatedCredential(), "the simulation")


class SimulatedIdentities(Identities):
    """Everybody is the same."""

    def of(self, credential: Credential) -> Identity:
        return _IDENTITY


class Simulation:
    """`run` plays the seed to its end, or to the first step that breaks a rule.

    `real`: with the product's own clients and embedded store, which is slower and gives the same history. A
    large seed has that store always.
    """

    def __init__(
        self,
        seed: int,
        *,
        spared: AbstractSet[Misfortune] = frozenset(),
        telling: bool = False,
        real: bool = False,
    ) -> None:
        self.seed = seed
        chance = random.Random(seed)
        self.swarm = swarm_of(seed)
        self.luck = Luck(seed, spared, self.swarm.factors)
        self.scheduler = Scheduler(self.luck, [] if telling else None)
        self.azure = SimulatedAzure(clock=self.scheduler.now, random=random.Random(seed + 1))
        self.storage = SqliteStorage(None, clock=self.scheduler.now) if real or self.swarm.large else None
        self.table: Table = self.storage.table("baton") if self.storage else MemoryTable()
        self.witness = Witness(self.azure, self.scheduler.note)
        self.maker = Maker(chance, self.luck, self.azure)
        chains = self.maker.chains()
        self.declared: list[list[Chain]] = [chains] * self.swarm.instances
        self.calendar = Calendar(ScheduleStore(self.table), chains)
        self.followed = FollowBook(FollowStore(self.table), self.azure, chains)
        self.bad_until = self.swarm.bad_seconds
        self.severity = self.swarm.severity
        self.subscriber = Subscriber(self.azure) if self.swarm.topic else None
        self.poison: list[str] = []
        self.errors: list[BaseException] = []
        self._bits = random.Random(seed + 2)
        self._wire = Wire(self.azure, self.scheduler, self.witness, self.bad)
        handle = self._wire.handle
        session = real_session(handle) if real else cast("Any", StraightSession(handle))
        self._services = None if real else STRAIGHT
        self.hooks = Hooks(self)
        # A crowd, in small: what a look has seen of more than one job goes by message.
        self._inline_advances = 1 if self.luck.strikes("a crowd", 0.4) else 8
        self.worlds = [self._world(number, session) for number in range(self.swarm.instances)]
        self.people = People(self, chance)
        self.events = Events(self)
        self.holds = Holds(self)
        self._ends = False  # nothing new begins any more
        self._is_quiet = False

    @property
    def violations(self) -> list[str]:
        return self.witness.violations

    def run(self) -> None:
        """Bad luck first, then peace until everything has ended or time is up."""
        self.scheduler.at(60.0, self._minute)
        self.people.plan()
        self.events.plan()
        self.holds.plan()
        harm = self.severity
        self.scheduler.weather = Weather(crash=0.003 * harm, freeze=0.0015 * harm, switch=0.3 if harm else 0.0)
        self.azure.faults = switch_on(self.azure, self.luck, harm, self.swarm.factors)
        self.scheduler.run_until(self.bad_until, self._is_broken)
        self.scheduler.weather = Weather(switch=0.05)
        self.azure.faults.on.clear()
        if self.subscriber is not None:
            outage(self.azure, self.scheduler, self.luck)
        self.scheduler.note("the faults stop")
        ticked_at = NEVER
        if self._keeps_schedules():
            self.scheduler.run_until(self.bad_until + PEACE_SECONDS, self._is_broken)
            ticked_at = self.scheduler.now() - A_TICK
        quiet = [replace(chain, schedule=None) for chain in self.calendar.agreed or []]
        self.calendar.deploying([], self.scheduler.now(), ticked_at)
        self.declared = [quiet] * self.swarm.instances  # no schedule brings new runs any more
        self._ends = True
        self.scheduler.run_until(LAST_SECOND, self._is_over)
        late = IDLE_WATCH_SECONDS if self.swarm.stays else LATEST_MESSAGE_SECONDS
        self.scheduler.run_until(min(LAST_SECOND, self.scheduler.seconds + late), self._is_broken)

    def bad(self, share: float) -> float:
        """A chance of bad luck: nothing once the faults have stopped."""
        return share * self.severity if self.scheduler.seconds < self.bad_until else 0.0

    def call(
        self,
        name: str,
        work: Callable[[World, int], object],
        ended: Callable[[BaseException | None], None] | None = None,
    ) -> None:
        """Has one of the instances do it."""
        number = self.luck.one_of("which instance", self.swarm.instances)
        self.scheduler.spawn(name, number, lambda: work(self.worlds[number], number), ended or self.heard)

    def heard(self, error: BaseException | None) -> None:
        """How a call ended."""
        if error is not None:
            self.scheduler.note(f"a call ended with {error!r}")
            self.errors.append(error)

    def _keeps_schedules(self) -> bool:
        """Whether a schedule may still be there; while a deploy is under way nobody can say."""
        return self.calendar.agreed is None or any(chain.schedule for chain in self.calendar.agreed)

    def _is_broken(self) -> bool:
        if self.scheduler.effects > MOST_EFFECTS:
            self.witness.wrong(f"{MOST_EFFECTS:,} effects, and no end")
        return bool(self.witness.violations)

    def _is_over(self) -> bool:
        return self._is_broken() or self._is_quiet

    def _world(self, number: int, session: Any) -> World:
        skew = timedelta(seconds=self.luck.between("clock skew", -1.5, 1.5) if number else 0)

        def clock() -> Any:
            return self.scheduler.now() + skew

        table = FaultyTable(self.table, self.scheduler, self.bad, self.witness.saved)
        reach = Reach(settings=SETTINGS, identities=SimulatedIdentities(SETTINGS), session=session, clock=clock)
        topic = Topic(TOPIC, SETTINGS, reach.identities, session, clock)
        alerts = Alerts(sink=topic, marks=AlertMarks(table), outbox=Outbox(table))
        return World(
            **stores_over(table),
            post_back=self.hooks.hear,
            queue=SimulatedQueue(self.scheduler, self._deliver, self.bad),
            services=self._wire.services(Registry(reach, self._services)),
            clock=clock,
            random_bits=partial(self._bits.getrandbits, 64),
            patience=Patience(),
            alerts=alerts if self.subscriber is not None else None,
            inline_advances=self._inline_advances,
        )

    def _minute(self) -> None:
        """The timer: on time, missed, or twice."""
        self._is_quiet = self._is_quiet or (self._ends and self._nobody_waits())
        if self._is_quiet and not self.swarm.stays:
            return  # but what is still on its way arrives
        if not self.luck.strikes("a tick is missed", self.bad(0.1)):
            self._tick()
            if self.luck.strikes("a tick is doubled", self.bad(0.1)):
                self._tick()
        self.scheduler.after(60, self._minute)

    def _nobody_waits(self) -> bool:
        """Whether nobody waits for anything any more. What is never done is waited for to the end."""
        places = PlaceStore(self.table)
        return (
            self.scheduler.is_idle()
            and not self.people.waiting
            and not self.events.waiting
            and self.holds.is_quiet()
            and self.hooks.is_quiet()
            and not list(RunStore(self.table).pointers())
            and not any(places.watched(held.key) for held in places.watches())
            and not (self.subscriber and self.subscriber.waits_for(self.table))
            and self.followed.settled(self.scheduler.now())
        )

    def _tick(self) -> None:
        def ended(error: BaseException | None) -> None:
            self.heard(error)
            self.calendar.ticked()
            self.followed.ticked()

        self.call("tick", lambda world, number: tick(world, self.declared[number]), ended)

    def _deliver(self, body: str, count: int) -> None:
        def ended(error: BaseException | None) -> None:
            self.heard(error)
            if error is None:
                return
            if count >= MOST_DEQUEUES:
                self.poison.append(body)
                return
            crashed = isinstance(error, CrashError)
            self.scheduler.after(
                self.luck.between("redelivery", 30, 600) if crashed else 15,
                lambda: self._deliver(body, count + 1),
            )

        self.call(
            "message", lambda world, number: on_message(world, body, count, lambda: self.declared[number]), ended
        )
