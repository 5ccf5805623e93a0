"""Which runs may have events that have not been sent, and how far each is.

A row points at such a run, and is written ahead of, or together with, what it points at. Beside it a mark says up
to which transition all has been sent; the run's transitions themselves are the events. Both rows go when the run
has ended and everything has been sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from shared.storage.base import MAX_BATCH_ROWS, Delete, Insert, Replace, Row, Table, Upsert, Write

INDEX = "index"  # where the pointers of runs are, too: one batch writes both
_MARK = ".sent"
MOST_RACES = 5


@dataclass(frozen=True, slots=True)
class Due:
    """A run whose events should have been sent by `due_at`. The first of them waits since `since`."""

    run_id: str
    due_at: datetime
    since: datetime
    etag: str = ""  # of the row, as it was read


@dataclass(frozen=True, slots=True)
class Unsent:
    """A run that may have events to send. `sent`: the number of the last transition that is done with.

    `refusals`: how often in a row the topic has refused the event that is next.
    """

    due: Due
    sent: int
    refusals: int
    mark_etag: str | None  # None: nothing has been sent yet


def pointing_row(due: Due) -> Row:
    """The row that has the timer look after a run's events; for batches that write more than it."""
    stored = {"due": due.due_at.astimezone(UTC).isoformat(), "since": due.since.astimezone(UTC).isoformat()}
    return Row(INDEX, f"o.{due.run_id}", json.dumps(stored))


class AlertMarks:
    """The rows about events of runs."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def of(self, run_id: str) -> Unsent | None:
        """None: everything has been sent."""
        key = f"o.{run_id}"
        rows = {row.key: row for row in self._table.scan(INDEX, start=key, end=f"{key}/").rows}
        pointing, mark = rows.get(key), rows.get(key + _MARK)
        if pointing is None:
            return None
        told = json.loads(mark.data) if mark else {}
        etag = mark.etag if mark else None
        return Unsent(_due(pointing), told.get("sent", 0), told.get("refusals", 0), etag)

    def all(self) -> Iterator[Due]:
        """Every run that may have events to send."""
        next_key: str | None = "o."
        while next_key is not None:
            page = self._table.scan(INDEX, start=next_key, end="o/")
            yield from (_due(row) for row in page.rows if not row.key.endswith(_MARK))
            next_key = page.next_key

    def point(self, due: Due) -> None:
        """Before a state change that is an event is saved: it will be sent, whatever happens."""
        self._table.write([Upsert(pointing_row(due))])

    def put_off(self, dues: Sequence[Due]) -> None:
        """Moves the times at which the timer looks again; rows that have changed or gone meanwhile stay so."""
        writes = [Replace(replace(pointing_row(due), etag=due.etag)) for due in dues]
        for first in range(0, len(writes), MAX_BATCH_ROWS):
            batch = writes[first : first + MAX_BATCH_ROWS]
            if self._table.write(batch) is None and len(batch) > 1:
                for write in batch:
                    self._table.write([write])

    def forget(self, unsent: Unsent) -> None:
        """There is no such run."""
        self._table.write([Delete(INDEX, f"o.{unsent.due.run_id}", unsent.due.etag)])

    def progress(self, unsent: Unsent, sent: int, refusals: int = 0) -> Unsent:
        """Notes what has been sent, while there is more to send. Who was further already stays so."""
        row = _mark_row(unsent, sent, refusals)
        etags = self._table.write([_mark_write(row)])
        if etags is None:
            return self.of(unsent.due.run_id) or replace(unsent, sent=sent)
        return replace(unsent, sent=sent, refusals=refusals, mark_etag=etags[0])

    def done(self, unsent: Unsent, sent: int, *, ended: bool) -> None:
        """All is sent, up to this transition: nothing points at the run any more, unless it has changed since."""
        key = f"o.{unsent.due.run_id}"
        for _ in range(MOST_RACES):
            writes: list[Write] = [Delete(INDEX, key, unsent.due.etag)]
            if not ended:
                writes.append(_mark_write(_mark_row(unsent, sent, 0)))
            elif unsent.mark_etag is not None:
                writes.append(Delete(INDEX, key + _MARK, unsent.mark_etag))
            if self._table.write(writes) is not None:
                return
            now = self.of(unsent.due.run_id)
            if now is None:
                return
            if now.due.etag != unsent.due.etag:  # there is more to send; whoever pointed sends it
                if now.sent < sent:
                    self.progress(now, sent)
                return
            unsent, sent = now, max(sent, now.sent)


def _due(row: Row) -> Due:
    stored = json.loads(row.data)
    due_at, since = (datetime.fromisoformat(stored[name]) for name in ("due", "since"))
    return Due(row.key.removeprefix("o."), due_at, since, row.etag)


def _mark_row(unsent: Unsent, sent: int, refusals: int) -> Row:
    told = {"sent": sent, **({"refusals": refusals} if refusals else {})}
    return Row(INDEX, f"o.{unsent.due.run_id}{_MARK}", json.dumps(told), unsent.mark_etag or "")


def _mark_write(row: Row) -> Write:
    return Replace(row) if row.etag else Insert(row)
