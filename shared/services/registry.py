"""Which file serves which type of connection. A new type is one line here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from shared.core.definition import Connection
from shared.ports import Service
from shared.services.data_factory import DataFactory
from shared.services.fabric import Fabric
from shared.services.power_bi_workspace import PowerBiWorkspace
from shared.services.reach import Reach
from shared.services.synapse import Synapse

SERVICES: dict[str, Callable[[Connection, Reach], Service]] = {
    "data_factory": DataFactory,
    "power_bi": PowerBiWorkspace,
    "synapse": Synapse,
    "fabric": Fabric,
}


class Registry:
    """Makes one service for each connection, and keeps it."""

    def __init__(
        self, reach: Reach, kinds: Mapping[str, Callable[[Connection, Reach], Service]] | None = None
    ) -> None:
        self._reach = reach
        self._kinds = kinds or SERVICES
        self._made: dict[Connection, Service] = {}
        self._lock = threading.Lock()

    def __call__(self, connection: Connection) -> Service:
        with self._lock:
            service = self._made.get(connection)
            if service is None:
                service = self._made[connection] = self._kinds[connection.type](connection, self._reach)
            return service
