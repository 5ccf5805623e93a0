"""Which chains are paused: a row for each, kept whatever is deployed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime

from shared.core.pause import Pause
from shared.storage.base import Delete, Insert, Replace, Row, Table
from shared.store.runs import scan_all

PAUSES = "pauses"


class PauseStore:
    """One row for each chain that is paused, or was a short while ago."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def of(self, chain: str) -> Pause | None:
        """The chain's pause, also one that is over. One read."""
        row = self._table.get(PAUSES, chain)
        return None if row is None else _pause(row)

    def all(self) -> Iterator[Pause]:
        """Every pause, also those that are over."""
        return (_pause(row) for row in scan_all(self._table, PAUSES, "", "~"))

    def save(self, pause: Pause) -> bool:
        """False when somebody else has changed it since it was read."""
        stored = {
            "since": pause.since.isoformat(),
            "until": pause.until and pause.until.isoformat(),
            "reason": pause.reason,
            "released": pause.released,
        }
        row = Row(PAUSES, pause.chain, json.dumps(stored), pause.etag)
        return self._table.write([Replace(row) if pause.etag else Insert(row)]) is not None

    def forget(self, pause: Pause) -> None:
        """Drops a pause that is over, unless it has changed since it was read."""
        self._table.write([Delete(PAUSES, pause.chain, pause.etag)])


def _pause(row: Row) -> Pause:
    stored = json.loads(row.data)
    until = stored["until"]
    return Pause(
        chain=row.key,
        since=datetime.fromisoformat(stored["since"]),
        until=until and datetime.fromisoformat(until),
        reason=stored["reason"],
        released=stored["released"],
        etag=row.etag,
    )
