"""The table of the simulation answers like the embedded store."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.storage.base import Delete, Insert, Replace, Row, Table, Upsert, Write
from shared.storage.sqlite import SqliteStorage
from tests.simulation.memory import MemoryTable

CALLS = 4_000
KEYS = ("a", "a.b", "a.c", "b", "Z", "é")


def test_the_same_calls_have_the_same_answers() -> None:
    storage = SqliteStorage(None, clock=lambda: datetime.now(UTC))
    ours, real = _Called(MemoryTable()), _Called(storage.table("rows"))
    chance = random.Random(1)
    for _ in range(CALLS):
        call = chance.choice([_get, _write, _write, _scan])
        state = chance.getstate()
        answer = call(ours, chance)
        chance.setstate(state)
        assert answer == call(real, chance)
    storage.close()


def test_it_refuses_what_the_store_refuses() -> None:
    table = MemoryTable()
    for refused in (
        [],
        [Insert(Row("p", "a/b", ""))],
        [Delete("p", "a"), Delete("p", "a")],
        [Delete("p", "a", "")],
    ):
        with pytest.raises(ValueError, match=r"batch|key|etag"):
            table.write(refused)
    with pytest.raises(ValueError, match="limit is"):
        table.scan("p", limit=0)


class _Called:
    """A table, and the last etags that it gave for each key: they differ from store to store."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.etags: dict[str, list[str]] = {key: ["none"] for key in KEYS}


def _get(called: _Called, chance: random.Random) -> Any:
    row = called.table.get("p", chance.choice(KEYS))
    return row and (row.key, row.data, row.etag == called.etags[row.key][-1])


def _write(called: _Called, chance: random.Random) -> Any:
    writes = [_any_write(called, key, chance) for key in chance.sample(KEYS, chance.choice([1, 1, 2, 3]))]
    etags = called.table.write(writes)
    for write, etag in zip(writes, etags or (), strict=False):
        if etag and not isinstance(write, Delete):
            called.etags[write.row.key].append(etag)
    return etags and [bool(etag) for etag in etags]


def _any_write(called: _Called, key: str, chance: random.Random) -> Write:
    etag = called.etags[key][-1 if chance.random() < 0.7 else 0]
    row = Row("p", key, str(chance.random()), etag)
    writes: list[Write] = [Insert(row), Upsert(row), Replace(row), Delete("p", key), Delete("p", key, etag)]
    return chance.choice(writes)


def _scan(called: _Called, chance: random.Random) -> Any:
    start, end = chance.choice(["", "a", "a.", "b"]), chance.choice([None, "a/", "b", "~"])
    page = called.table.scan("p", start=start, end=end, limit=chance.choice([1, 2, 100]))
    return [(row.key, row.data) for row in page.rows], page.next_key
