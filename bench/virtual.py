"""One instance of Baton in virtual time: the real relay, stores and services, no sleep, no socket.

Starts, messages and ticks happen in the order of their times; what happens takes no virtual time.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from azure.core.credentials import AccessToken

from bench.counting import CountingQueue, CountingServices, CountingTable, Counts, Stopwatch, TimedAdapter
from local.simulated_azure.world import SimulatedAzure
from shared.core.definition import Chain, Credential
from shared.core.run import Trigger
from shared.core.timing import Patience
from shared.events.topic import Topic
from shared.identity import Identities, Identity
from shared.relay.start import start
from shared.relay.tick import tick
from shared.relay.world import Alerts, World
from shared.services.reach import Reach
from shared.services.registry import Registry
from shared.services.web_hook import PostBack
from shared.settings import Settings
from shared.storage.sqlite import SqliteStorage
from shared.store.alerts import AlertMarks
from shared.store.outbox import Outbox
from shared.store.runs import RunStore
from shared.store.stores import stores_over
from shared.work import on_message

TOPIC = "https://evgt-baton.westeurope-1.eventgrid.azure.net/api/events"
T0 = datetime(2026, 11, 21, 5, 30, tzinfo=UTC)
BATCH = 8  # messages that a host fetches at once (host.json)
TICK = timedelta(minutes=1)
LONGEST = timedelta(days=3)


class EndlessCredential:
    """Gives tokens that never expire."""

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        return AccessToken(f"{scopes[0].removesuffix('/.default')}|99999999999", 99_999_999_999)


class OneIdentity(Identities):
    """Everybody is the same."""

    def of(self, credential: Credential) -> Identity:
        return _IDENTITY


_IDENTITY = Identity(EndlessCredential(), "the benchmark")


@dataclass(frozen=True, slots=True)
class Begin:
    """A run that somebody wants, so long after the beginning."""

    after_seconds: float
    chain: Chain


class VirtualBaton:
    """`play` starts what is wanted, and goes on until all runs have ended, and all events are sent."""

    def __init__(self, seed: int = 1, *, topic: bool = False) -> None:
        self.now = T0
        self.counts: Counts = Counter()
        self.simulation = Stopwatch()
        self.most_active = 0
        self.most_queries = 0  # of the factory, between two ticks
        self.azure = SimulatedAzure(clock=lambda: self.now, random=random.Random(seed))
        storage = SqliteStorage(None, clock=lambda: self.now)
        table = CountingTable(storage.table("baton"), self.counts)
        self.queue = CountingQueue(storage.queue("baton-work"), self.counts, lambda: self.now)
        bits = random.Random(seed + 1)
        session = requests.Session()
        session.trust_env = False
        session.mount("https://", TimedAdapter(self.azure, self.simulation))
        settings = Settings.from_mapping({"AzureWebJobsStorage": "sqlite::memory:"})
        reach = Reach(settings=settings, identities=OneIdentity(settings), session=session, clock=lambda: self.now)
        self.runs = RunStore(storage.table("baton"))  # its looks are not counted
        self.marks = AlertMarks(storage.table("baton"))
        sink = Topic(TOPIC, settings, reach.identities, session, lambda: self.now)
        alerts = Alerts(sink=sink, marks=AlertMarks(table), outbox=Outbox(table))
        self.world = World(
            **stores_over(table),
            post_back=PostBack((), loopback=False),
            queue=self.queue,
            services=CountingServices(Registry(reach), self.counts),
            clock=lambda: self.now,
            random_bits=lambda: bits.getrandbits(64),
            patience=Patience(),
            alerts=alerts if topic else None,
        )

    def play(self, wanted: Sequence[Begin]) -> list[str]:
        """The ids of the runs. Raises RuntimeError when they do not end."""
        waiting = sorted(wanted, key=lambda begin: -begin.after_seconds)
        ids: list[str] = []
        next_tick = T0 + TICK
        queries = 0
        while waiting or any(self.runs.pointers()) or any(self.marks.all()):
            due = [next_tick, self.queue.next_due() or next_tick]
            if waiting:
                due.append(T0 + timedelta(seconds=waiting[-1].after_seconds))
            self.now = max(self.now, min(due))
            if self.now > T0 + LONGEST:
                raise RuntimeError("the runs do not end")
            while waiting and T0 + timedelta(seconds=waiting[-1].after_seconds) <= self.now:
                ids.append(self._start(waiting.pop().chain))
            self._deliver()
            if self.now >= next_tick:
                tick(self.world, ())
                next_tick += TICK
                self.most_active = max(self.most_active, sum(1 for _ in self.runs.pointers()))
                asked = self.azure.calls["data_factory.query_runs"]
                self.most_queries = max(self.most_queries, asked - queries)
                queries = asked
        return ids

    @property
    def minutes(self) -> float:
        """Virtual minutes since the beginning."""
        return (self.now - T0).total_seconds() / 60

    def _start(self, chain: Chain) -> str:
        run, _ = start(self.world, chain, Trigger(type="http", time=self.now), {})
        return run.id

    def _deliver(self) -> None:
        while received := self.queue.receive(BATCH):
            for message in received:
                on_message(self.world, message.body)
                self.queue.delete(message)
