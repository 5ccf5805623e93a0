"""How far apart looks are, so that all places of one identity together ask no more than a service allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.core.definition import Connection, ConnectionType
from shared.core.pace import SHORTEST_SECONDS, shared_seconds
from shared.store.places import HeldWatch, PlaceStore, Watch

READ_ANEW_SECONDS = 20

# Half of what a service allows one identity, as starts, single reads and others' calls come on top. Fabric: 200
# calls a minute. Data Factory: 25 reads a second of Resource Manager, some of them further pages. Power BI and
# Synapse publish no limit; Power BI is known to refuse for an hour those who ask too often.
LOOKS_A_MINUTE: Mapping[ConnectionType, float] = {
    "fabric": 100,
    "power_bi": 200,
    "data_factory": 600,
    "synapse": 600,
}


@dataclass(slots=True)
class Budgets:
    """One for each process. Remembers for a while which places are watched; it is right enough when it is late."""

    _read: tuple[datetime, tuple[HeldWatch, ...]] | None = None  # when, and what; threads may both read anew

    def spacing_seconds(self, places: PlaceStore, key: str, connection: Connection, now: datetime) -> float:
        """The least time between two looks at this place."""
        others = [
            _pause_seconds(held.watch)
            for held in self._lately_watched(places, now)
            if held.key != key and held.watch.active and _is_alike(held.watch.place.connection, connection)
        ]
        return shared_seconds(LOOKS_A_MINUTE[connection.type], others)

    def _lately_watched(self, places: PlaceStore, now: datetime) -> tuple[HeldWatch, ...]:
        read = self._read
        if read is None or now >= read[0] + timedelta(seconds=READ_ANEW_SECONDS):
            read = self._read = now, tuple(places.watches())
        return read[1]


def _is_alike(one: Connection, other: Connection) -> bool:
    """Whether they are calls of the same identity to the same service."""
    return one.type == other.type and one.credential == other.credential


def _pause_seconds(watch: Watch) -> float:
    if watch.looked_at is None:
        return SHORTEST_SECONDS
    return (watch.next_look_at - watch.looked_at).total_seconds()
