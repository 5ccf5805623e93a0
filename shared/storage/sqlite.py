"""Tables and queues in SQLite: the embedded default for one machine, and in memory for tests.

A file may be shared by several processes and threads. What was written survives the death of a process at any
moment. It survives a power cut too, because each commit waits for the disk (synchronous=FULL): a start intent
that were forgotten after its job began would start the job twice. Only a disk that lies about having written
can lose the last commits; the write-ahead log keeps the file consistent even then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from shared.storage import limits
from shared.storage.base import (
    PAGE_ROWS,
    Delete,
    Insert,
    Message,
    Page,
    Replace,
    Row,
    Write,
)
from shared.storage.sqlite_database import Database, Execute

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_GET = "SELECT data, etag FROM stored_rows WHERE name = ? AND partition = ? AND key = ?"
_INSERT = (
    "INSERT INTO stored_rows (name, partition, key, data, etag) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_UPSERT = "REPLACE INTO stored_rows (name, partition, key, data, etag) VALUES (?, ?, ?, ?, ?)"
_REPLACE = "UPDATE stored_rows SET data = ?, etag = ? WHERE name = ? AND partition = ? AND key = ? AND etag = ?"
_DELETE = "DELETE FROM stored_rows WHERE name = ? AND partition = ? AND key = ?"
_DELETE_HELD = f"{_DELETE} AND etag = ?"
_SCAN = """SELECT key, data, etag FROM stored_rows WHERE name = ? AND partition = ? AND key >= ?
    ORDER BY key LIMIT ?"""
_SCAN_TO = """SELECT key, data, etag FROM stored_rows WHERE name = ? AND partition = ? AND key >= ? AND key < ?
    ORDER BY key LIMIT ?"""

_SEND = "INSERT INTO messages (name, body, visible_us, inserted_us) VALUES (?, ?, ?, ?)"
_VISIBLE = """SELECT id, body, dequeue_count, inserted_us FROM messages WHERE name = ? AND visible_us <= ?
    ORDER BY visible_us, id LIMIT ?"""
_TAKE = "UPDATE messages SET visible_us = ?, dequeue_count = ?, receipt = ? WHERE id = ?"
_HIDE = "UPDATE messages SET visible_us = ?, receipt = ? WHERE id = ? AND name = ? AND receipt = ?"
_REMOVE = "DELETE FROM messages WHERE id = ? AND name = ? AND receipt = ?"
_LENGTH = "SELECT COUNT(*) FROM messages WHERE name = ?"


class SqliteStorage:
    """Tables and queues in one file, or (path None) in memory, private to this object.

    The file's folder must exist. Safe across threads; each process opens its own. Message visibility follows
    `clock`. Raises StorageError when the path cannot be opened or holds something else.
    """

    def __init__(self, path: str | Path | None, *, clock: Callable[[], datetime]) -> None:
        self._database = Database(path)
        self._clock = clock

    def table(self, name: str) -> SqliteTable:
        limits.check_table_name(name)
        return SqliteTable(self._database, name.lower())  # to Azure, case makes no other table

    def queue(self, name: str) -> SqliteQueue:
        limits.check_queue_name(name)
        return SqliteQueue(self._database, name, self._clock)

    def close(self) -> None:
        """Let go of the file. What is in memory is gone. Closing again does nothing."""
        self._database.close()


class SqliteTable:
    """A `Table` in SQLite."""

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._name = name

    def get(self, partition: str, key: str) -> Row | None:
        limits.check_key(partition)
        limits.check_key(key)
        with self._database.reading() as execute:
            found = execute(_GET, (self._name, partition, key)).fetchone()
        return None if found is None else Row(partition, key, *found)

    def write(self, writes: Sequence[Write]) -> tuple[str, ...] | None:
        limits.check_writes(writes)
        etag = self._database.new_tag()  # one for the batch: an etag is compared within its own row only
        with self._database.writing(several=len(writes) > 1) as execute:
            for write in writes:
                if not self._apply(execute, write, etag):
                    if len(writes) > 1:
                        execute("ROLLBACK")
                    return None
        return tuple("" if isinstance(write, Delete) else etag for write in writes)

    def _apply(self, execute: Execute, write: Write, etag: str) -> bool:
        """Whether the write's condition held."""
        if isinstance(write, Delete):
            target = (self._name, write.partition, write.key)
            if write.etag is None:
                execute(_DELETE, target)
                return True
            return execute(_DELETE_HELD, (*target, write.etag)).rowcount == 1
        row = write.row
        if isinstance(write, Replace):
            values = (row.data, etag, self._name, row.partition, row.key, row.etag)
            return execute(_REPLACE, values).rowcount == 1
        statement = _INSERT if isinstance(write, Insert) else _UPSERT
        return execute(statement, (self._name, row.partition, row.key, row.data, etag)).rowcount == 1

    def scan(self, partition: str, *, start: str = "", end: str | None = None, limit: int = PAGE_ROWS) -> Page:
        limits.check_scan(partition, start, end, limit)
        with self._database.reading() as execute:
            if end is None:
                cursor = execute(_SCAN, (self._name, partition, start, limit + 1))
            else:
                cursor = execute(_SCAN_TO, (self._name, partition, start, end, limit + 1))
            found = cursor.fetchall()
        rows = tuple(Row(partition, *columns) for columns in found[:limit])
        return Page(rows, found[limit][0] if len(found) > limit else None)


class SqliteQueue:
    """A `Queue` in SQLite, in order of visibility."""

    def __init__(self, database: Database, name: str, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._name = name
        self._clock = clock

    def send(self, body: str, *, delay_seconds: float = 0) -> None:
        limits.check_message(body, delay_seconds)
        now_us = self._now_us()
        with self._database.writing() as execute:
            execute(_SEND, (self._name, body, now_us + _microseconds(delay_seconds), now_us))

    def receive(self, *, limit: int = 1, hidden_seconds: float = 60) -> tuple[Message, ...]:
        limits.check_receive(limit, hidden_seconds)
        now_us = self._now_us()
        with self._database.reading() as execute:  # asking an empty queue must not make others wait
            if execute(_VISIBLE, (self._name, now_us, 1)).fetchone() is None:
                return ()
        until_us = now_us + _microseconds(hidden_seconds)
        receipt = self._database.new_tag()
        with self._database.writing(several=True) as execute:
            found = execute(_VISIBLE, (self._name, now_us, limit)).fetchall()
            for number, _, count, _ in found:
                execute(_TAKE, (until_us, count + 1, receipt, number))
        return tuple(
            Message(str(number), body, count + 1, receipt, _EPOCH + timedelta(microseconds=inserted_us))
            for number, body, count, inserted_us in found
        )

    def delete(self, message: Message) -> bool:
        with self._database.writing() as execute:
            return execute(_REMOVE, (message.id, self._name, message.receipt)).rowcount == 1

    def hide(self, message: Message, hidden_seconds: float) -> Message | None:
        limits.check_delay(hidden_seconds)
        until_us = self._now_us() + _microseconds(hidden_seconds)
        receipt = self._database.new_tag()
        with self._database.writing() as execute:
            held = execute(_HIDE, (until_us, receipt, message.id, self._name, message.receipt)).rowcount == 1
        return replace(message, receipt=receipt) if held else None

    def length(self) -> int:
        with self._database.reading() as execute:
            (count,) = execute(_LENGTH, (self._name,)).fetchone()
        return int(count)

    def _now_us(self) -> int:
        # Whole microseconds: a message is visible exactly when a simulated clock says so.
        return (self._clock() - _EPOCH) // _MICROSECOND


def _microseconds(seconds: float) -> int:
    return round(seconds * 1_000_000)
