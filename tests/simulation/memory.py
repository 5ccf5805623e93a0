"""A table in plain memory, as fast as can be: what it answers is what the embedded store answers."""

from __future__ import annotations

import itertools
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.storage import limits
from shared.storage.base import PAGE_ROWS, Delete, Insert, Page, Replace, Row, Write


@dataclass(slots=True)
class _Partition:
    """`keys` are sorted."""

    rows: dict[str, Row] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)


class MemoryTable:
    """A `Table` for one thread."""

    def __init__(self) -> None:
        self._partitions: defaultdict[str, _Partition] = defaultdict(_Partition)
        self._numbers = itertools.count(1)

    def get(self, partition: str, key: str) -> Row | None:
        limits.check_key(partition)
        limits.check_key(key)
        return self._partitions[partition].rows.get(key)

    def write(self, writes: Sequence[Write]) -> tuple[str, ...] | None:
        held = self._partitions[limits.check_writes(writes)]
        if not all(_may(held, write) for write in writes):
            return None
        etag = str(next(self._numbers))
        for write in writes:
            _apply(held, write, etag)
        return tuple("" if isinstance(write, Delete) else etag for write in writes)

    def scan(self, partition: str, *, start: str = "", end: str | None = None, limit: int = PAGE_ROWS) -> Page:
        limits.check_scan(partition, start, end, limit)
        held = self._partitions[partition]
        first = bisect_left(held.keys, start)
        last = len(held.keys) if end is None else bisect_left(held.keys, end)
        rows = tuple(held.rows[key] for key in held.keys[first : min(last, first + limit)])
        return Page(rows, held.keys[first + limit] if first + limit < last else None)


def _may(held: _Partition, write: Write) -> bool:
    """Whether the write's condition holds."""
    if isinstance(write, Delete):
        there = held.rows.get(write.key)
        return write.etag is None or (there is not None and there.etag == write.etag)
    there = held.rows.get(write.row.key)
    if isinstance(write, Insert):
        return there is None
    return not isinstance(write, Replace) or (there is not None and there.etag == write.row.etag)


def _apply(held: _Partition, write: Write, etag: str) -> None:
    if isinstance(write, Delete):
        if held.rows.pop(write.key, None) is not None:
            del held.keys[bisect_left(held.keys, write.key)]
        return
    row = write.row
    if row.key not in held.rows:
        insort(held.keys, row.key)
    held.rows[row.key] = Row(row.partition, row.key, row.data, etag)
