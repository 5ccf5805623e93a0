"""The SQLite file behind `SqliteStorage`: opening it, its schema, and its transactions."""

from __future__ import annotations

import itertools
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from shared.storage.base import StorageError, StorageUnavailableError

BUSY_SECONDS = 10.0  # how long a write waits for another process's write
SCHEMA_VERSION = 1

_SWITCH_PAUSE_SECONDS = 0.01
_MEMORY_PAGE_BYTES = 16_384  # rows of some KB are written twice as fast as with the usual 4,096
_SCHEMA = (
    # A rowid table: rows are too big to live inside the index, as they would WITHOUT ROWID.
    """CREATE TABLE stored_rows (
        name TEXT NOT NULL, partition TEXT NOT NULL, key TEXT NOT NULL, data TEXT NOT NULL, etag TEXT NOT NULL,
        PRIMARY KEY (name, partition, key))""",
    """CREATE TABLE messages (
        id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, body TEXT NOT NULL,
        visible_us INTEGER NOT NULL, inserted_us INTEGER NOT NULL,
        dequeue_count INTEGER NOT NULL DEFAULT 0, receipt TEXT NOT NULL DEFAULT '')""",
    "CREATE INDEX messages_by_visibility ON messages (name, visible_us, id)",
    "CREATE TABLE openings (count INTEGER NOT NULL)",
    "INSERT INTO openings VALUES (0)",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)

Execute = Callable[..., sqlite3.Cursor]


class Database:
    """One connection, used by one thread at a time. SQLite's errors leave it as StorageError."""

    def __init__(self, path: str | Path | None) -> None:
        self._where = "in memory" if path is None else str(path)
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        try:
            self._connection = sqlite3.connect(
                ":memory:" if path is None else path,
                timeout=BUSY_SECONDS,
                isolation_level=None,  # transactions are begun here, not by the driver
                check_same_thread=False,
            )
        except sqlite3.Error as error:
            raise self._translated(error, "cannot be opened") from error
        weakref.finalize(self, self._connection.close)  # one forgotten in a test is no warning
        try:
            self._opening = self._prepare(in_memory=path is None)
        except BaseException:
            self._connection.close()
            raise

    def new_tag(self) -> str:
        """A text that no other opening of this file has used or will use."""
        return f"{self._opening}-{next(self._numbers)}"

    @contextmanager
    def reading(self) -> Iterator[Execute]:
        with self._lock:
            try:
                yield self._connection.execute
            except sqlite3.Error as error:
                raise self._translated(error) from error

    @contextmanager
    def writing(self, *, several: bool = False) -> Iterator[Execute]:
        """`several` statements stand or fall together; a single one is a transaction by itself."""
        with self._lock:
            execute = self._connection.execute
            try:
                if several:
                    execute("BEGIN IMMEDIATE")
                yield execute
                if several and self._connection.in_transaction:
                    execute("COMMIT")
            except BaseException as error:
                self._roll_back()
                if isinstance(error, sqlite3.Error):
                    raise self._translated(error) from error
                raise

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _prepare(self, *, in_memory: bool) -> int:
        """Settings and schema. Returns how often the file has been opened, this time included."""
        try:
            if in_memory:
                self._connection.execute(f"PRAGMA page_size = {_MEMORY_PAGE_BYTES}")
            else:
                self._use_write_ahead_log()
                self._connection.execute("PRAGMA synchronous = FULL")
        except sqlite3.Error as error:
            raise self._translated(error, "cannot be opened") from error
        with self.writing(several=True) as execute:
            self._make_schema(execute)
            execute("UPDATE openings SET count = count + 1")
            (count,) = execute("SELECT count FROM openings").fetchone()
        return int(count)

    def _use_write_ahead_log(self) -> None:
        """For this switch alone SQLite does not wait when another process is at the same."""
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(_SWITCH_PAUSE_SECONDS)
            else:
                return

    def _make_schema(self, execute: Execute) -> None:
        (version,) = execute("PRAGMA user_version").fetchone()
        if version == SCHEMA_VERSION:
            return
        (tables,) = execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
        if version or tables:
            raise StorageError(
                f"SQLite storage {self._where} is not of schema version {SCHEMA_VERSION}: "
                "another program made it, or another version of this one. Give another path."
            )
        for statement in _SCHEMA:
            execute(statement)

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):  # what broke the transaction is what is told
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _translated(self, error: sqlite3.Error, what: str = "failed") -> StorageError:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return StorageUnavailableError(f"SQLite storage {self._where} is held by another process: {error}")
        hint = "; its folder must exist and be writable" if code == sqlite3.SQLITE_CANTOPEN else ""
        return StorageError(f"SQLite storage {self._where} {what}: {error}{hint}")
