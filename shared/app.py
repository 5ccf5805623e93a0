"""The composition root: the only place that knows concrete classes.

Importing this module costs next to nothing; what is heavy is imported when the first call needs it.
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from shared.settings import Settings

if TYPE_CHECKING:
    import requests

    from shared.core.definition import ChainsFile
    from shared.core.timing import Patience
    from shared.identity import Identities
    from shared.ports import Clock, RandomBits
    from shared.relay.world import World
    from shared.storage.base import Queue, Storage

TABLE = "baton"
QUEUE = "baton-work"
POISON_QUEUE = f"{QUEUE}-poison"  # the platform's own name for it


@dataclass(frozen=True)
class Baton:
    """Everything that one process needs: settings, the relay's world, and the chains file."""

    settings: Settings
    world: World
    root: Path
    identities: Identities
    poison: Queue  # where the platform puts messages that could not be done

    @cached_property
    def chains_file(self) -> ChainsFile:
        """Read once per process. Raises ChainsFileError with all mistakes."""
        from shared.chains_file import read

        return read(self.root / self.settings.chains_file, self.settings.app_settings)


def build(
    settings: Settings,
    *,
    storage: Storage,
    root: Path,
    session: requests.Session | None = None,
    clock: Clock | None = None,
    random_bits: RandomBits | None = None,
    patience: Patience | None = None,
) -> Baton:
    """Baton over the given storage. Tests pass another session, clock, randomness and patience."""
    import requests

    from shared.core.timing import Patience
    from shared.identity import Identities
    from shared.relay.callbacks import Callbacks
    from shared.relay.world import Alerts, World
    from shared.services.reach import Reach
    from shared.services.registry import Registry
    from shared.services.web_hook import PostBack
    from shared.store.signing import SigningStore
    from shared.store.stores import stores_over

    logging.getLogger("azure").setLevel(logging.WARNING)  # else every storage call is logged with its headers
    logging.getLogger("urllib3").setLevel(logging.WARNING)  # else addresses with their tokens are
    now = clock or utc_now
    carrier = session or requests.Session()
    identities = Identities(settings, carrier, now)
    reach = Reach(settings=settings, identities=identities, session=carrier, clock=now)
    table = storage.table(TABLE)
    alerts = None
    if settings.event_grid_topic_endpoint is not None:
        from shared.events.topic import Topic
        from shared.store.alerts import AlertMarks
        from shared.store.outbox import Outbox

        sink = Topic(settings.event_grid_topic_endpoint, settings, identities, carrier, now)
        alerts = Alerts(sink=sink, marks=AlertMarks(table), outbox=Outbox(table))
    world = World(
        **stores_over(table),
        post_back=PostBack(settings.callback_hosts, loopback=settings.allow_loopback),
        queue=storage.queue(QUEUE),
        services=Registry(reach),
        clock=now,
        random_bits=random_bits or (lambda: secrets.randbits(64)),
        patience=patience or Patience(grace_seconds=settings.start_grace_seconds),
        alerts=alerts,
        callbacks=Callbacks(SigningStore(table, lambda: secrets.token_bytes(32)).secret, settings.hostname),
    )
    poison = storage.queue(POISON_QUEUE)
    return Baton(settings=settings, world=world, root=root, identities=identities, poison=poison)


def open_storage(settings: Settings) -> Storage:
    """The storage that AzureWebJobsStorage names: an account, or a file on one machine."""
    if settings.sqlite_path is not None:
        from shared.storage.sqlite import SqliteStorage

        path = None if settings.sqlite_path == ":memory:" else Path(settings.sqlite_path)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        return SqliteStorage(path, clock=utc_now)
    from shared.identity import storage_credential
    from shared.storage.azure import AzureStorage

    if settings.storage_connection is not None:
        return AzureStorage.from_connection_string(settings.storage_connection.reveal())
    return AzureStorage.from_endpoints(
        table_uri=settings.storage_table_uri,
        queue_uri=settings.storage_queue_uri,
        credential=storage_credential(settings),
    )


def baton() -> Baton:
    """The process's Baton, made at the first call from the environment."""
    global _made  # noqa: PLW0603
    with _lock:
        if _made is None:
            settings = Settings.from_mapping(os.environ)
            root = Path(__file__).resolve().parent.parent
            _made = build(settings, storage=open_storage(settings), root=root)
        return _made


def install(made: Baton) -> None:
    """Makes this the process's Baton, in place of one from the environment: for hosts that build their own."""
    global _made  # noqa: PLW0603
    with _lock:
        _made = made


def utc_now() -> datetime:
    """The clock of production."""
    return datetime.now(UTC)


_made: Baton | None = None
_lock = threading.Lock()
