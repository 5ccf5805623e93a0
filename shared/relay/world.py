"""What every use case works with, and how it says what it did."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from shared.core.definition import StepDefinition
from shared.core.timing import Patience
from shared.ports import AlertSink, Clock, PostBack, RandomBits, Sender, Service, Services
from shared.relay.budgets import Budgets
from shared.relay.callbacks import Callbacks
from shared.store.alerts import AlertMarks
from shared.store.backfills import BackfillStore
from shared.store.deadlines import DeadlineStore
from shared.store.events import EventStore
from shared.store.follows import FollowStore
from shared.store.pauses import PauseStore
from shared.store.places import PlaceStore
from shared.store.runs import RunStore
from shared.store.schedules import ScheduleStore
from shared.store.troubles import TroubleStore
from shared.store.web_hooks import WebHookStore

if TYPE_CHECKING:
    from shared.store.outbox import Outbox


def secrets_missing() -> bytes:
    raise RuntimeError("this world signs nothing")


log = logging.getLogger("baton")


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerts:
    """What it takes to tell the world outside."""

    sink: AlertSink
    marks: AlertMarks
    outbox: Outbox


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Stores, messages, services, time and randomness, as one process has them."""

    runs: RunStore
    places: PlaceStore
    pauses: PauseStore
    schedules: ScheduleStore
    deadlines: DeadlineStore
    follows: FollowStore
    troubles: TroubleStore
    events: EventStore
    web_hooks: WebHookStore
    backfills: BackfillStore
    queue: Sender
    services: Services
    post_back: PostBack
    clock: Clock
    random_bits: RandomBits
    patience: Patience
    alerts: Alerts | None = None  # None: there is no topic, and nothing of it costs anything
    budgets: Budgets = field(default_factory=Budgets)
    inline_advances: int = 8  # runs that one look advances by itself; the rest go to the queue
    callbacks: Callbacks = field(default=Callbacks(secrets_missing, ""))

    def now(self) -> datetime:
        return self.clock()

    def fresh_id(self) -> str:
        """Unlike any other."""
        return f"{self.random_bits() & (2**64 - 1):016x}"

    def service_of(self, definition: StepDefinition) -> Service:
        return self.services(definition.connection)


def say(action: str, *, level: int = logging.INFO, **fields: object) -> None:
    """One log line: a stable action and what it was about. Never a parameter's value, a token or a URL."""
    told = " ".join(f"{name}={value}" for name, value in fields.items() if value is not None)
    log.log(level, "action=%s %s", action, told)
