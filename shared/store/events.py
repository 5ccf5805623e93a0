"""What became of events that started nothing: how many matched nothing, and which could not start their chain."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from shared.storage.base import Insert, Replace, Row, Table, Upsert
from shared.store.codec import key_of
from shared.store.runs import scan_all

EVENTS = "events"
MOST_RACES = 3
MOST_CHARACTERS = 1_000
MOST_TYPE_CHARACTERS = 200
_UNMATCHED = "unmatched."
_REFUSED = "refused."


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedEvent:
    """The last event that could not start a chain. `chain` is None for what was no event at all."""

    chain: str | None
    place: str
    at: datetime
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmatched:
    """How many events of one day (UTC) matched no chain, and the type of the last."""

    day: str
    count: int
    last_type: str


class EventStore:
    """One row for each day with unmatched events, and one for each pattern that had a refused event."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def count_unmatched(self, now: datetime, type_name: str, more: int) -> bool:
        """So many more. False when too many others were counting at the same time, and these are not counted."""
        key = f"{_UNMATCHED}{now:%Y%m%d}"
        for _ in range(MOST_RACES):
            row = self._table.get(EVENTS, key)
            count = more + (0 if row is None else json.loads(row.data)["count"])
            stored = json.dumps({"count": count, "type": type_name[:MOST_TYPE_CHARACTERS]})
            write = (
                Insert(Row(EVENTS, key, stored)) if row is None else Replace(Row(EVENTS, key, stored, row.etag))
            )
            if self._table.write([write]) is not None:
                return True
        return False

    def unmatched(self, now: datetime) -> Unmatched:
        """Today's."""
        day = f"{now:%Y%m%d}"
        row = self._table.get(EVENTS, f"{_UNMATCHED}{day}")
        stored = json.loads('{"count": 0, "type": ""}' if row is None else row.data)
        return Unmatched(day=f"{now:%Y-%m-%d}", count=stored["count"], last_type=stored["type"])

    def note_refused(self, refused: RefusedEvent) -> None:
        stored = {
            "chain": refused.chain,
            "place": refused.place,
            "at": refused.at.isoformat(),
            "why": refused.why[:MOST_CHARACTERS],
        }
        self._table.write([Upsert(Row(EVENTS, f"{_REFUSED}{key_of(refused.place)}", json.dumps(stored)))])

    def refused(self) -> Iterator[RefusedEvent]:
        """The last of each pattern."""
        for row in scan_all(self._table, EVENTS, _REFUSED, "refused/"):
            stored = json.loads(row.data)
            at = datetime.fromisoformat(stored["at"])
            yield RefusedEvent(chain=stored["chain"], place=stored["place"], at=at, why=stored["why"])
