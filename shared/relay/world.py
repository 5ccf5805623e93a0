"""What every use case works with, and how it says what it did."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime

from shared.core.definition import StepDefinition
from shared.core.timing import Patience
from shared.ports import Clock, RandomBits, Sender, Service, Services
from shared.relay.callbacks import Callbacks
from shared.store.events import EventStore
from shared.store.places import PlaceStore
from shared.store.runs import RunStore
from shared.store.schedules import ScheduleStore
from shared.store.troubles import TroubleStore


def secrets_missing() -> bytes:
    raise RuntimeError("this world signs nothing")


log = logging.getLogger("baton")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Stores, messages, services, time and randomness, as one process has them."""

    runs: RunStore
    places: PlaceStore
    schedules: ScheduleStore
    troubles: TroubleStore
    events: EventStore
    queue: Sender
    services: Services
    clock: Clock
    random_bits: RandomBits
    patience: Patience
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
