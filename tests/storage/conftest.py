"""The storages that the contract is tried on: SQLite in memory, SQLite in a file, and Azurite."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.storage.azure import AzureStorage
from shared.storage.base import Queue, Storage, Table
from shared.storage.sqlite import SqliteStorage
from tests.azurite import Azurite, start_azurite


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    now: datetime = datetime(2026, 11, 21, 5, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class World:
    """A storage with names of its own in it, and a way to let its time pass."""

    storage: Storage
    wait: Callable[[float], None]
    table: Table = field(init=False)
    queue: Queue = field(init=False)

    def __post_init__(self) -> None:
        unique = uuid.uuid4().hex[:20]
        self.table = self.storage.table(f"rows{unique}")
        self.queue = self.storage.queue(f"work-{unique}")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def azurite() -> Iterator[Azurite]:
    with start_azurite() as running:
        yield running


@pytest.fixture(params=["memory", "file", "azurite"])
def world(request: pytest.FixtureRequest, clock: Clock, tmp_path: Path) -> Iterator[World]:
    if request.param == "azurite":
        running: Azurite = request.getfixturevalue("azurite")
        storage = AzureStorage.from_connection_string(running.connection_string)
        yield World(storage, time.sleep)
        storage.close()
        return
    embedded = SqliteStorage(tmp_path / "baton.db" if request.param == "file" else None, clock=clock)
    yield World(embedded, clock.advance)
    embedded.close()


@pytest.fixture
def table(world: World) -> Table:
    return world.table


@pytest.fixture
def queue(world: World) -> Queue:
    return world.queue
