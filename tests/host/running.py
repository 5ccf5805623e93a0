"""Hosts for tests: sample apps, storage in memory, a clock and a stop signal that tests move."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from local.host import Host, Keys
from local.host.host import utc_now
from local.host.index import FunctionEntry, load_functions
from shared.storage.sqlite import SqliteStorage

APPS = Path(__file__).parent / "apps"
KEYS = Keys(master="master-key", function="function-key", event_grid="grid-key")
SETTINGS = {"SCHEDULE": "0 0 3 * * *", "QUEUE": "work"}
HOST_JSON: Mapping[str, object] = {
    "version": "2.0",
    "extensionBundle": {"id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "[4.*, 5.0.0)"},
    "extensions": {"queues": {"maxPollingInterval": "00:00:00.100"}},
}
T0 = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


@dataclass
class FakeClock:
    """A clock that stands still until it is moved."""

    now: datetime = T0

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class FakeStop:
    """A stop signal whose waits move the clock instead of taking time. Gives itself after `waits` of them."""

    clock: FakeClock
    waits: int
    waited: list[float] = field(default_factory=list)

    def is_set(self) -> bool:
        return len(self.waited) >= self.waits

    def wait(self, timeout: float | None = None) -> bool:
        self.waited.append(timeout or 0.0)
        self.clock.advance(timeout or 0.0)
        return self.is_set()


@dataclass(frozen=True)
class Reply:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@contextmanager
def running(
    app: str,
    *,
    settings: Mapping[str, str] | None = None,
    host_json: Mapping[str, object] = HOST_JSON,
    clock: Callable[[], datetime] = utc_now,
) -> Iterator[tuple[Host, SqliteStorage]]:
    """A started host of a sample app. It is stopped at the end, within a second."""
    storage = SqliteStorage(None, clock=clock)
    host = Host(
        APPS / app,
        storage=storage,
        settings=settings or SETTINGS,
        host_json=host_json,
        port=0,
        keys=KEYS,
        clock=clock,
    )
    host.start()
    try:
        yield host, storage
    finally:
        host.stop(grace_seconds=5)
        storage.close()


def call(
    host: Host,
    method: str,
    target: str,
    *,
    body: bytes | str | Iterator[bytes] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """One request on a connection of its own. An iterator as the body is sent in chunks."""
    connection = http.client.HTTPConnection(urlsplit(host.base_url).netloc, timeout=10)
    try:
        connection.request(method, target, body=body, headers=dict(headers or {}))
        response = connection.getresponse()
        return Reply(response.status, response.getheaders(), response.read())
    finally:
        connection.close()


def recorded(host: Host) -> list[dict[str, object]]:
    """What the functions of the app `triggers` were given so far."""
    found: list[dict[str, object]] = json.loads(call(host, "GET", "/api/record").body)
    return found


def functions_of(app: str) -> dict[str, FunctionEntry]:
    return {entry.name: entry for entry in load_functions(APPS / app, SETTINGS)}


def record_of(entry: FunctionEntry) -> list[dict[str, object]]:
    """The list in which the app `triggers` keeps what its functions were given."""
    found: list[dict[str, object]] = entry.function.__globals__["record"]
    return found
