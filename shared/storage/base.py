"""The small table and queue interface that everything Baton remembers goes through.

The limits are those of Azure Storage, and both backends enforce them alike, so that what works on one
machine works in Azure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

MAX_ROW_CHARACTERS = 450_000  # UTF-16 units of `data`: an entity holds 1 MiB, keys and overhead included
MAX_BATCH_ROWS = 100
MAX_KEY_CHARACTERS = 512
MAX_MESSAGE_BYTES = 48 * 1024  # UTF-8; Base64 makes 64 KiB of it
MAX_DELAY_SECONDS = 7 * 86_400
PAGE_ROWS = 1_000


class StorageError(Exception):
    """Storage refused or could not answer. The message says what and why."""


class TooLargeError(StorageError):
    """A row, batch, key or message is over the service's limit; nothing was written."""


class StorageUnavailableError(StorageError):
    """Storage did not answer, or asked for patience. Trying again later may help."""


@dataclass(frozen=True, slots=True)
class Row:
    """One stored row. `data` is text (JSON by convention); `etag` is set on rows that were read or written."""

    partition: str
    key: str
    data: str
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Insert:
    """Write a row that must not exist yet."""

    row: Row


@dataclass(frozen=True, slots=True)
class Replace:
    """Write a row that must still have `row.etag`."""

    row: Row


@dataclass(frozen=True, slots=True)
class Upsert:
    """Write a row whatever is there."""

    row: Row


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a row. With an etag it must still have it; without, a missing row is no conflict."""

    partition: str
    key: str
    etag: str | None = None


Write = Insert | Replace | Upsert | Delete


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in key order. `next_key` is where the next page starts, or None when there is none."""

    rows: tuple[Row, ...]
    next_key: str | None


class Table(Protocol):
    """Rows by partition and key.

    Both are at most MAX_KEY_CHARACTERS long, without / \\ # ?, control characters, line separators, and
    characters above U+FFFF (the service sorts those by UTF-16 unit, not by code point). What breaks this raises
    ValueError or TooLargeError in every method. `data` may be any text without half surrogate pairs.
    """

    def get(self, partition: str, key: str) -> Row | None:
        """The row, or None."""

    def write(self, writes: Sequence[Write]) -> tuple[str, ...] | None:
        """All writes or none, in one partition, each key at most once.

        Returns one etag for each write ("" for a delete), or None when a condition did not hold: the race
        was lost, nothing was written. A call that was served, but whose answer was lost on the way, is
        repeated, knows what it wrote itself, and counts as won: unless it only deleted, or somebody has
        changed its first inserted (else replaced) row since. The etag of any other row changed since is stale.

        Raises TooLargeError before anything is sent, ValueError for an empty batch, two partitions, a key twice,
        a missing etag or a character that keys may not hold, StorageUnavailableError when the outcome is unknown.
        """

    def scan(self, partition: str, *, start: str = "", end: str | None = None, limit: int = PAGE_ROWS) -> Page:
        """Rows with start <= key < end, ascending by code point, at most `limit` (1 to PAGE_ROWS).

        Bounds need not be keys: `end="j/"` ends behind all keys that start with "j.".
        """


@dataclass(frozen=True, slots=True)
class Message:
    """A received message. It is hidden from others until its time is over; `receipt` proves who holds it."""

    id: str
    body: str
    dequeue_count: int
    receipt: str
    inserted_at: datetime


class Queue(Protocol):
    """Messages, delivered at least once, roughly in order. Azure rounds seconds up to whole ones."""

    def send(self, body: str, *, delay_seconds: float = 0) -> None:
        """Add a message that shows after the delay (0 to MAX_DELAY_SECONDS). It never expires.

        Raises TooLargeError over MAX_MESSAGE_BYTES, ValueError for a delay out of range.
        """

    def receive(self, *, limit: int = 1, hidden_seconds: float = 60) -> tuple[Message, ...]:
        """Up to `limit` (1 to 32) visible messages, hidden from others for `hidden_seconds` (>= 1)."""

    def delete(self, message: Message) -> bool:
        """Remove it. False when it was received by someone else since, or is gone: the hold was lost."""

    def hide(self, message: Message, hidden_seconds: float) -> Message | None:
        """Hold on to it, or (0) give it back. Returns it with its new receipt; None when the hold was lost."""

    def length(self) -> int:
        """About how many messages there are, hidden ones included."""


class Storage(Protocol):
    """Where tables and queues live. They are made when they are not there."""

    def table(self, name: str) -> Table:
        """A table: 3 to 63 letters and digits, a letter first. Upper or lower case is the same."""

    def queue(self, name: str) -> Queue:
        """A queue: 3 to 63 lower-case letters, digits and single hyphens."""
