"""Followed places: when each is looked at next, and how far each follow there has come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.core.follows import Progress
from shared.ports import Place
from shared.storage.base import Delete, Insert, Replace, Row, Table
from shared.store.codec import decode, encode
from shared.store.runs import scan_all

FOLLOWS = "follows"


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedPlace:
    """A place whose jobs chains follow. Only the message that carries `token` may look; older copies die out.

    `progress`: by chain and what it follows there. `failures`: looks in a row that did not work, and `error` why.
    """

    place: Place
    token: str
    next_look_at: datetime
    progress: Mapping[str, Progress] = field(default_factory=dict)
    failures: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class HeldPlace:
    """A followed place as it was read, with the etag that a save must still meet."""

    key: str
    followed: FollowedPlace
    etag: str


class FollowStore:
    """One row for each followed place."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def load(self, key: str) -> HeldPlace | None:
        row = self._table.get(FOLLOWS, key)
        return None if row is None else _held(row)

    def all(self) -> Iterator[HeldPlace]:
        """Every place that chains follow, or lately did."""
        return (_held(row) for row in scan_all(self._table, FOLLOWS, "", "~"))

    def begin(self, key: str, followed: FollowedPlace) -> HeldPlace | None:
        """The first row of a place. None when somebody else was first."""
        etags = self._table.write([Insert(Row(FOLLOWS, key, encode(FollowedPlace, followed)))])
        return None if etags is None else HeldPlace(key, followed, etags[0])

    def save(self, held: HeldPlace, followed: FollowedPlace) -> HeldPlace | None:
        """The row with its new etag; None when somebody else has saved it since it was read."""
        etags = self._table.write([Replace(Row(FOLLOWS, held.key, encode(FollowedPlace, followed), held.etag))])
        return None if etags is None else replace(held, followed=followed, etag=etags[0])

    def end(self, held: HeldPlace) -> bool:
        """Forgets a place that nobody follows any more. False when it has changed since it was read."""
        return self._table.write([Delete(FOLLOWS, held.key, held.etag)]) is not None


def _held(row: Row) -> HeldPlace:
    return HeldPlace(row.key, decode(FollowedPlace, row.data), row.etag)
