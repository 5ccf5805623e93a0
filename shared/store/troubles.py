"""Work messages that could not be done: which run or place they were about, when, and why."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime

from shared.core.trouble import Trouble
from shared.storage.base import Row, Table, Upsert
from shared.store.runs import scan_all

TROUBLES = "troubles"
MOST_CHARACTERS = 1_000


class TroubleStore:
    """One row for each run, place or unreadable message: the latest trouble with it."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def note(self, trouble: Trouble) -> None:
        stored = {
            "about": trouble.about[:MOST_CHARACTERS],
            "run": trouble.run_id,
            "at": trouble.at.isoformat(),
            "why": trouble.why[:MOST_CHARACTERS],
        }
        self._table.write([Upsert(Row(TROUBLES, _key(trouble.about), json.dumps(stored)))])

    def of(self, run_id: str) -> Trouble | None:
        """The run's latest, if it ever had one."""
        row = self._table.get(TROUBLES, _key(run_id))
        return None if row is None else _trouble(row)

    def all(self) -> Iterator[Trouble]:
        """Each run's, place's and message's latest."""
        return (_trouble(row) for row in scan_all(self._table, TROUBLES, "", "~"))


def _key(about: str) -> str:
    return hashlib.sha256(about.encode()).hexdigest()[:40]


def _trouble(row: Row) -> Trouble:
    stored = json.loads(row.data)
    return Trouble(
        about=stored["about"], run_id=stored["run"], at=datetime.fromisoformat(stored["at"]), why=stored["why"]
    )
