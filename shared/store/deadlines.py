"""Where each chain stands with its deadline."""

from __future__ import annotations

from dataclasses import dataclass

from shared.core.deadlines import Standing
from shared.storage.base import Insert, Replace, Row, Table, Write
from shared.store.codec import decode, encode
from shared.store.runs import scan_all

DEADLINES = "deadlines"


@dataclass(frozen=True, slots=True)
class HeldStanding:
    """A standing as it was read, with the etag that a save must still meet; "" when there is no row yet."""

    chain: str
    standing: Standing
    etag: str = ""


class DeadlineStore:
    """One row for each chain that has, or had, a deadline."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def standings(self) -> dict[str, HeldStanding]:
        """By chain."""
        rows = scan_all(self._table, DEADLINES, "", "~")
        return {row.key: HeldStanding(row.key, decode(Standing, row.data), row.etag) for row in rows}

    def save(self, held: HeldStanding) -> bool:
        """False when somebody else was faster."""
        return self._table.write([write_of(held)]) is not None


def write_of(held: HeldStanding) -> Write:
    row = Row(DEADLINES, held.chain, encode(Standing, held.standing), held.etag)
    return Replace(row) if held.etag else Insert(row)
