"""What is watched where: claims (a job belongs to one attempt for ever), watched jobs, and each place's watch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

from shared.ports import Place, WatchedJob
from shared.storage.base import Delete, Insert, Replace, Row, Table, Upsert
from shared.store.codec import decode, encode, key_of
from shared.store.runs import scan_all

WATCHES = "watches"


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """A place that is looked at. Only the message that carries `token` may look; older copies die out.

    `looked_at`: when the last look that worked began; the next one asks for what changed since. `wide_at`: when
    the last one began that asked for everything. `not_before`: until when the service, throttling, asked to be
    left alone.
    """

    place: Place
    token: str
    next_look_at: datetime
    active: bool = True
    looked_at: datetime | None = None
    wide_at: datetime | None = None
    spacing_seconds: float = 0  # the least time between two looks
    failures: int = 0
    refusals: int = 0  # of those failures, the last ones in a row that were a definite no
    failing_since: datetime | None = None
    error: str | None = None
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class HeldWatch:
    """A watch as it was read, with the etag that a save must still meet."""

    key: str
    watch: Watch
    etag: str


def place_key(place: Place) -> str:
    """A short name of a place that is safe in keys and messages: the same target, the same name.

    What the chains file calls the connection, and which credential opens it, makes no other place: else a job
    could be claimed there a second time.
    """
    there = place.connection
    named = (there.subscription, there.resource_group, there.factory, there.workspace)
    return _key_of_target(there.type, *((name or "").lower() for name in named), place.scope)


@lru_cache(maxsize=1_024)
def _key_of_target(kind: str, *target: str | None) -> str:
    digest = hashlib.sha256(json.dumps([kind, *target]).encode()).hexdigest()
    return f"{kind}.{digest[:16]}"


class PlaceStore:
    """Claims, watched jobs and watches."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def claim(self, key: str, watched: WatchedJob, owner: str) -> bool:
        """Books the job for its owner, and has it watched. False when it belongs to somebody else.

        `owner` is the same whenever the same attempt claims again.
        """
        partition = f"place.{key}"
        claim = Row(partition, f"c.{key_of(watched.job.id)}", owner)
        job = Row(partition, f"j.{key_of(watched.job.id)}", encode(WatchedJob, watched))
        if self._table.write([Insert(claim), Upsert(job)]) is not None:
            return True
        return self.owner(key, watched.job.id) == owner

    def owner(self, key: str, job_id: str) -> str | None:
        """Who has claimed the job, if anyone."""
        row = self._table.get(f"place.{key}", f"c.{key_of(job_id)}")
        return None if row is None else row.data

    def watched(self, key: str) -> list[WatchedJob]:
        """The jobs under way at the place."""
        return [decode(WatchedJob, row.data) for row in scan_all(self._table, f"place.{key}", "j.", "j/")]

    def update(self, key: str, watched: WatchedJob) -> None:
        """Notes what changed about a job, if it is still watched: somebody may have let go of it meanwhile."""
        there = self._table.get(f"place.{key}", f"j.{key_of(watched.job.id)}")
        if there is not None:
            self._table.write([Replace(replace(there, data=encode(WatchedJob, watched)))])

    def unwatch(self, key: str, job_id: str) -> None:
        """The job needs no further looks. Its claim stays."""
        self._table.write([Delete(f"place.{key}", f"j.{key_of(job_id)}")])

    def watch(self, key: str) -> HeldWatch | None:
        row = self._table.get(WATCHES, key)
        return None if row is None else HeldWatch(key, decode(Watch, row.data), row.etag)

    def watches(self) -> Iterator[HeldWatch]:
        """The watch of every place that has, or lately had, jobs under way."""
        for row in scan_all(self._table, WATCHES, "", "~"):
            yield HeldWatch(row.key, decode(Watch, row.data), row.etag)

    def begin(self, key: str, watch: Watch) -> bool:
        """The first watch of a place. False when somebody else was first."""
        return self._table.write([Insert(Row(WATCHES, key, encode(Watch, watch)))]) is not None

    def save(self, held: HeldWatch, watch: Watch) -> HeldWatch | None:
        """The watch with its new etag; None when somebody else has saved it since it was read."""
        etags = self._table.write([Replace(Row(WATCHES, held.key, encode(Watch, watch), held.etag))])
        return None if etags is None else replace(held, watch=watch, etag=etags[0])

    def end(self, held: HeldWatch) -> bool:
        """Drops the watch of a place without jobs. False when it has changed since it was read."""
        return self._table.write([Delete(WATCHES, held.key, held.etag)]) is not None
