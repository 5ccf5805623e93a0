"""Which file serves which type of connection. A new type is one function here, which imports its file: a process
loads what its connections need."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from shared.core.definition import Connection
from shared.ports import Service

if TYPE_CHECKING:
    from shared.services.reach import Reach


def _data_factory(connection: Connection, reach: Reach) -> Service:
    from shared.services.data_factory import DataFactory

    return DataFactory(connection, reach)


def _power_bi(connection: Connection, reach: Reach) -> Service:
    from shared.services.power_bi_workspace import PowerBiWorkspace

    return PowerBiWorkspace(connection, reach)


def _synapse(connection: Connection, reach: Reach) -> Service:
    from shared.services.synapse import Synapse

    return Synapse(connection, reach)


def _fabric(connection: Connection, reach: Reach) -> Service:
    from shared.services.fabric import Fabric

    return Fabric(connection, reach)


SERVICES: dict[str, Callable[[Connection, Reach], Service]] = {
    "data_factory": _data_factory,
    "power_bi": _power_bi,
    "synapse": _synapse,
    "fabric": _fabric,
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
