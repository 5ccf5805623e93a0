"""What only the embedded storage is exposed to: files, other processes, sudden death, and the passed clock."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from shared.storage.base import (
    PAGE_ROWS,
    Insert,
    Replace,
    Row,
    StorageError,
    StorageUnavailableError,
    Upsert,
)
from shared.storage.sqlite import SqliteStorage
from tests.storage.conftest import Clock

WORKER = Path(__file__).with_name("sqlite_worker.py")
ROOT = WORKER.parent.parent.parent


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "baton.db"


def worker(*arguments: object) -> subprocess.Popen[str]:
    """Another process that uses the file; see sqlite_worker.py for what it can do."""
    return subprocess.Popen(
        [sys.executable, str(WORKER), *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_what_was_written_is_there_when_the_file_is_opened_again(path: Path, clock: Clock) -> None:
    with closing(SqliteStorage(path, clock=clock)) as storage:
        etags = storage.table("rows").write([Insert(Row("p", "k", "x"))])
        storage.queue("work").send("y")
    assert etags is not None
    with closing(SqliteStorage(str(path), clock=clock)) as storage:
        assert storage.table("rows").get("p", "k") == Row("p", "k", "x", etags[0])
        assert [message.body for message in storage.queue("work").receive()] == ["y"]


def test_etags_and_receipts_never_repeat_over_openings(path: Path, clock: Clock) -> None:
    seen: set[str] = set()
    for _ in range(3):
        with closing(SqliteStorage(path, clock=clock)) as one, closing(SqliteStorage(path, clock=clock)) as two:
            for storage in (one, two, one):
                etags = storage.table("rows").write([Upsert(Row("p", "k", ""))])
                assert etags is not None
                assert seen.isdisjoint(etags)
                seen |= {*etags}


def test_storages_in_memory_are_private(clock: Clock) -> None:
    with closing(SqliteStorage(None, clock=clock)) as one, closing(SqliteStorage(None, clock=clock)) as two:
        one.table("rows").write([Insert(Row("p", "k", ""))])
        assert two.table("rows").get("p", "k") is None
        assert one.table("rows").get("p", "k") is not None


def test_in_memory_everything_repeats_exactly(clock: Clock) -> None:
    def story() -> list[object]:
        with closing(SqliteStorage(None, clock=clock)) as storage:
            etags = storage.table("rows").write([Insert(Row("p", "k", ""))])
            storage.queue("work").send("x")
            return [etags, storage.queue("work").receive()]

    assert story() == story()


@pytest.mark.parametrize("seconds", [0.1, 0.000001, 1 / 3, 59.999999, 604_800])
def test_a_delayed_message_shows_at_the_very_moment_and_not_a_microsecond_before(
    clock: Clock, seconds: float
) -> None:
    clock.now += timedelta(microseconds=123_457)
    with closing(SqliteStorage(None, clock=clock)) as storage:
        queue = storage.queue("work")
        queue.send("x", delay_seconds=seconds)
        clock.now += timedelta(seconds=seconds) - timedelta(microseconds=1)
        assert queue.receive() == ()
        clock.now += timedelta(microseconds=1)
        assert len(queue.receive()) == 1


def test_messages_come_in_the_order_in_which_they_show(clock: Clock) -> None:
    with closing(SqliteStorage(None, clock=clock)) as storage:
        queue = storage.queue("work")
        for body, delay_seconds in (("4", 3), ("2", 1), ("3", 1), ("1", 0)):
            queue.send(body, delay_seconds=delay_seconds)
        clock.advance(5)
        assert [message.body for message in queue.receive(limit=32)] == ["1", "2", "3", "4"]


def test_a_message_remembers_to_the_microsecond_when_it_was_sent(clock: Clock) -> None:
    clock.now += timedelta(microseconds=987_654)
    with closing(SqliteStorage(None, clock=clock)) as storage:
        storage.queue("work").send("x")
        sent_at = clock.now
        clock.advance(10)
        (message,) = storage.queue("work").receive()
        assert message.inserted_at == sent_at


def test_a_closed_storage_says_so_and_may_be_closed_again(clock: Clock) -> None:
    storage = SqliteStorage(None, clock=clock)
    table, queue = storage.table("rows"), storage.queue("work")
    storage.close()
    storage.close()
    for call in (lambda: table.get("p", "k"), lambda: table.write([Upsert(Row("p", "k", ""))]), queue.receive):
        with pytest.raises(StorageError, match="closed"):
            call()


def test_a_path_in_a_folder_that_is_not_there_is_told(tmp_path: Path, clock: Clock) -> None:
    with pytest.raises(StorageError, match=r"baton.db cannot be opened: .*; its folder must exist"):
        SqliteStorage(tmp_path / "none" / "baton.db", clock=clock)


def test_a_folder_is_no_file(tmp_path: Path, clock: Clock) -> None:
    with pytest.raises(StorageError, match="cannot be opened"):
        SqliteStorage(tmp_path, clock=clock)


def test_a_file_of_another_kind_is_told_and_left_alone(path: Path, clock: Clock) -> None:
    path.write_text("chains: {}\n" * 100)
    with pytest.raises(StorageError, match="cannot be opened: file is not a database"):
        SqliteStorage(path, clock=clock)
    assert path.read_text() == "chains: {}\n" * 100


@pytest.mark.parametrize("statement", ["CREATE TABLE theirs (a)", "PRAGMA user_version = 99"])
def test_a_database_of_another_program_or_version_is_told_and_left_alone(
    path: Path, clock: Clock, statement: str
) -> None:
    with closing(sqlite3.connect(path)) as theirs:
        theirs.execute(statement)
        theirs.commit()
        with pytest.raises(StorageError, match="not of schema version 1"):
            SqliteStorage(path, clock=clock)
        assert theirs.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0] <= 1


def test_a_commit_waits_for_the_disk_and_readers_do_not_wait_for_writers(path: Path, clock: Clock) -> None:
    with closing(SqliteStorage(path, clock=clock)) as storage, closing(sqlite3.connect(path)) as another:
        assert another.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        with storage._database.reading() as execute:
            assert execute("PRAGMA synchronous").fetchone() == (2,)
        another.execute("BEGIN IMMEDIATE")
        assert storage.table("rows").get("p", "k") is None
        assert storage.queue("work").receive() == ()


def test_a_file_that_another_process_keeps_locked_is_unavailable(path: Path, clock: Clock) -> None:
    with closing(SqliteStorage(path, clock=clock)) as storage, closing(sqlite3.connect(path)) as another:
        with storage._database.reading() as execute:
            execute("PRAGMA busy_timeout = 10")
        another.execute("BEGIN IMMEDIATE")
        table, queue = storage.table("rows"), storage.queue("work")
        one, two = Upsert(Row("p", "k", "")), Upsert(Row("p", "l", ""))
        calls: list[Callable[[], object]] = [
            lambda: table.write([one]),
            lambda: table.write([one, two]),
            lambda: queue.send("x"),
        ]
        for call in calls:
            with pytest.raises(StorageUnavailableError, match="held by another process"):
                call()
        another.rollback()
        assert table.write([one, two]) is not None


def test_threads_with_storages_of_their_own_share_a_file(path: Path, clock: Clock) -> None:
    def contend(number: int) -> bool:
        with closing(SqliteStorage(path, clock=clock)) as storage:
            row = Row("p", "k", str(number))
            return storage.table("rows").write([Insert(row), Insert(Row("p", f"of-{number}", ""))]) is not None

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(contend, range(16))).count(True) == 1


def test_two_processes_that_count_in_one_file_lose_nothing(path: Path, clock: Clock) -> None:
    with closing(SqliteStorage(path, clock=clock)) as storage:
        storage.table("rows").write([Insert(Row("p", "count", "0"))])
        for number in range(200):
            storage.queue("work").send(str(number))
        workers = [worker("count", path, 200) for _ in range(2)]
        received = [process.communicate(timeout=30)[0].split() for process in workers]
        assert [process.returncode for process in workers] == [0, 0]
        row = storage.table("rows").get("p", "count")
        assert row is not None
        assert row.data == "400"
        assert sorted(map(int, received[0] + received[1])) == list(range(200))
        assert storage.queue("work").length() == 0


def test_threads_that_open_a_new_file_at_one_moment_all_succeed(tmp_path: Path, clock: Clock) -> None:
    together = threading.Barrier(8)

    def open_new(number: int) -> None:
        together.wait(10)
        SqliteStorage(tmp_path / f"{number}.db", clock=clock).close()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(open_new, [number for number in range(10) for _ in range(8)]))


def test_processes_that_open_a_new_file_together_all_succeed(path: Path) -> None:
    workers = [worker("open", path) for _ in range(4)]
    assert [process.wait(30) for process in workers] == [0] * 4
    for process in workers:
        assert process.stdout is not None
        process.stdout.close()


def test_a_process_killed_in_mid_write_leaves_whole_batches_and_all_that_it_was_told_of(
    path: Path, clock: Clock
) -> None:
    process = worker("write", path)
    assert process.stdout is not None
    told = -1
    for line in process.stdout:
        told = int(line)
        if told >= 50:
            os.kill(process.pid, signal.SIGKILL)
            break
    told = max(told, *map(int, process.stdout.read().split()), -1)  # told before it died, not yet read
    process.stdout.close()
    assert process.wait(10) == -signal.SIGKILL
    with closing(SqliteStorage(path, clock=clock)) as storage:
        rows = storage.table("rows").scan("p", limit=PAGE_ROWS).rows
        left = [int(row.data) for row in rows if row.key.startswith("left")]
        right = [int(row.data) for row in rows if row.key.startswith("right")]
        assert left == right
        assert told in (max(left), max(left) - 1)
        (head,) = (row for row in rows if row.key == "head")
        assert int(head.data) == max(left)
        assert storage.table("rows").write([Replace(Row("p", "head", "next", head.etag))]) is not None
    with closing(sqlite3.connect(path)) as checked:
        assert checked.execute("PRAGMA integrity_check").fetchone() == ("ok",)
