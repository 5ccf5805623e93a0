"""A process of its own that uses a storage file: `python sqlite_worker.py count|open|write FILE [TIMES]`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from shared.storage.base import Insert, Replace, Row, Upsert
from shared.storage.sqlite import SqliteStorage


def count(storage: SqliteStorage, times: int) -> None:
    """Adds to the row `count` one by one, then tells the messages that fell to this process."""
    table, queue = storage.table("rows"), storage.queue("work")
    while times:
        row = table.get("p", "count")
        assert row is not None
        if table.write([Replace(Row("p", "count", str(int(row.data) + 1), row.etag))]):
            times -= 1
    while found := queue.receive(limit=3):
        tell(*[message.body for message in found if queue.delete(message)])


def write(storage: SqliteStorage) -> None:
    """Writes batches of rows that belong together for ever, and tells the number of each when it is written."""
    table = storage.table("rows")
    number = 0
    while number < 300:  # it is killed long before
        data = str(number)
        rows = [Insert(Row("p", f"left {number:03}", data)), Insert(Row("p", f"right {number:03}", data))]
        assert table.write([*rows, Upsert(Row("p", "head", data))]) is not None
        tell(number)
        number += 1


def tell(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def main(what: str, path: str, times: str = "0") -> None:
    storage = SqliteStorage(path, clock=lambda: datetime.now(UTC))
    if what == "count":
        count(storage, int(times))
    elif what == "write":
        write(storage)
    storage.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
