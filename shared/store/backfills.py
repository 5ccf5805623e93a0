"""Backfills: a row for each, a mark for each that is not done, and a row for each key that has begun one.

All in one partition, so that a backfill exists together with its mark, and ends together with it.
What a backfill is gets imported where one is read or written: every process has this store, and few have one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.core.ids import chain_of
from shared.storage.base import (
    MAX_ROW_CHARACTERS,
    Delete,
    Insert,
    Replace,
    Row,
    Table,
    TooLargeError,
    Write,
)
from shared.store.codec import decode, encode, key_of
from shared.store.runs import scan_all

if TYPE_CHECKING:
    from shared.core.backfill import Backfill

BACKFILLS = "backfills"
_GROWTH_CHARACTERS = 200  # of a time, once its run and its end are known


@dataclass(frozen=True, slots=True)
class HeldBackfill:
    """A backfill as it was read or written, with the etag that a save must still meet."""

    backfill: Backfill
    etag: str


class BackfillStore:
    """Every backfill that ever began."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def load(self, backfill_id: str) -> HeldBackfill | None:
        """None when there is none of that id."""
        if chain_of(backfill_id) is None:
            return None
        from shared.core.backfill import Backfill

        row = self._table.get(BACKFILLS, f"b.{backfill_id}")
        return None if row is None else HeldBackfill(decode(Backfill, row.data), row.etag)

    def begun_by(self, chain: str, key: str) -> str | None:
        """The id of the backfill that this key has begun, if it has."""
        row = self._table.get(BACKFILLS, _key(chain, key))
        return None if row is None else row.data

    def create(self, backfill: Backfill, key: str | None) -> bool:
        """False when the key has begun one already. Raises TooLargeError."""
        from shared.core.backfill import Backfill

        data = encode(Backfill, backfill)
        if len(data) + _GROWTH_CHARACTERS * len(backfill.times) > MAX_ROW_CHARACTERS:
            raise TooLargeError("the backfill's definition, parameters and times do not fit into one row")
        writes: list[Write] = [
            Insert(Row(BACKFILLS, f"b.{backfill.id}", data)),
            Insert(Row(BACKFILLS, f"a.{backfill.id}", "")),
        ]
        if key is not None:
            writes.append(Insert(Row(BACKFILLS, _key(backfill.chain, key), backfill.id)))
        return self._table.write(writes) is not None

    def save(self, held: HeldBackfill, backfill: Backfill) -> bool:
        """False when somebody else has saved it since it was read. With its end, its mark goes."""
        from shared.core.backfill import Backfill, BackfillStatus

        writes: list[Write] = [Replace(Row(BACKFILLS, f"b.{backfill.id}", encode(Backfill, backfill), held.etag))]
        if backfill.status is not BackfillStatus.RUNNING:
            writes.append(Delete(BACKFILLS, f"a.{backfill.id}"))
        return self._table.write(writes) is not None

    def under_way(self) -> Iterator[str]:
        """The ids of those that are not done. One scan of few rows, or none."""
        return (row.key[2:] for row in scan_all(self._table, BACKFILLS, "a.", "a/"))


def _key(chain: str, key: str) -> str:
    return f"k.{key_of(f'{chain} {key}')}"
