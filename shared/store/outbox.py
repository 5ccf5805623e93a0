"""Events that belong to no run, with the states that they tell of; and how the topic is.

All rows are in one partition, so that a state and the event of its change are saved in one batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from shared.core.alerts import Alert
from shared.storage.base import MAX_BATCH_ROWS, Delete, Insert, Replace, Row, Table, Upsert, Write
from shared.store.codec import decode, encode, key_of
from shared.store.runs import scan_all

OUTBOX = "outbox"
_TOPIC = "topic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An event that has not been sent. `refusals`: how often the topic has refused it, and until when it rests."""

    alert: Alert
    refusals: int = 0
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class HeldWaiting:
    """A waiting event as it was read."""

    waiting: Waiting
    key: str
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenUp:
    """The last event that the topic would not take."""

    id: str
    at: datetime
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicState:
    """How the topic is. `since` None: it takes events. `not_before`: when it is tried again."""

    since: datetime | None = None
    failures: int = 0
    not_before: datetime | None = None
    code: str = ""
    message: str = ""
    given_up: GivenUp | None = None


class Outbox:
    """States with events; events on their way; the topic's state."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def state(self, key: str) -> Row | None:
        """The row that `save` wrote under this key; its etag goes into the next `save`."""
        return self._table.get(OUTBOX, f"s.{key}")

    def states(self, prefix: str) -> dict[str, Row]:
        """The rows of all keys that begin so, by key. The prefix ends in a dot."""
        rows = scan_all(self._table, OUTBOX, f"s.{prefix}", f"s.{prefix[:-1]}/")
        return {row.key.removeprefix("s."): row for row in rows}

    def save(self, key: str, data: str, etag: str, alert: Alert | None = None) -> bool:
        """Saves a state and the event of its change, in one batch. False when somebody else was faster.

        `key` names the state (letters, digits, `.`, `_`, `-`), `data` is its text, `etag` that of the row which
        `state` gave, or "" where there is none yet. An event that is saved is sent, at least once, after all
        earlier events of its subject: let `sequence` grow within the subject.
        """
        row = Row(OUTBOX, f"s.{key}", data, etag)
        writes: list[Write] = [Replace(row) if etag else Insert(row)]
        if alert is not None:
            held = Row(OUTBOX, _key(alert), encode(Waiting, Waiting(alert=alert)))
            writes.append(Insert(held))
        return self._table.write(writes) is not None

    def waiting(self) -> Iterator[HeldWaiting]:
        """Events that have not been sent; those of one subject in their order."""
        for row in scan_all(self._table, OUTBOX, "e.", "e/"):
            yield HeldWaiting(decode(Waiting, row.data), row.key, row.etag)

    def sent(self, done: Sequence[HeldWaiting]) -> None:
        """The events need no more sending."""
        for first in range(0, len(done), MAX_BATCH_ROWS):
            self._table.write([Delete(OUTBOX, held.key) for held in done[first : first + MAX_BATCH_ROWS]])

    def refused(self, held: HeldWaiting, due_at: datetime) -> None:
        """The topic would not take it; it is tried again at that time."""
        waiting = replace(held.waiting, refusals=held.waiting.refusals + 1, due_at=due_at)
        self._table.write([Replace(Row(OUTBOX, held.key, encode(Waiting, waiting), held.etag))])

    def topic(self) -> TopicState:
        """How the topic is, as far as the last to send anything knows."""
        row = self._table.get(OUTBOX, _TOPIC)
        return TopicState() if row is None else decode(TopicState, row.data)

    def note_topic(self, state: TopicState) -> None:
        """A lost race loses a word about the topic, which is no loss."""
        self._table.write([Upsert(Row(OUTBOX, _TOPIC, encode(TopicState, state)))])


def _key(alert: Alert) -> str:
    return f"e.{key_of(alert.subject.replace('/', '.'))}.{alert.sequence:012d}"
