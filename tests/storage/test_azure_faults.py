"""Azure Storage when answers are lost, cut short, or late: against a real emulator behind a lossy connection."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from azure.core.exceptions import ServiceResponseError

from shared.storage.azure import RETRIES, AzureStorage
from shared.storage.base import (
    Delete,
    Insert,
    Message,
    Queue,
    Replace,
    Row,
    StorageUnavailableError,
    Table,
    Upsert,
    Write,
)
from tests.azurite import Azurite, connection_string
from tests.storage.proxy import LossyProxy, lossy_proxy
from tests.storage.transport import Transport


@pytest.fixture
def name() -> str:
    return uuid.uuid4().hex[:20]


@pytest.fixture
def proxy(azurite: Azurite) -> Iterator[LossyProxy]:
    with lossy_proxy(azurite.table_port) as running:
        yield running


@pytest.fixture
def queue_proxy(azurite: Azurite) -> Iterator[LossyProxy]:
    with lossy_proxy(azurite.queue_port) as running:
        yield running


@pytest.fixture
def storage(proxy: LossyProxy, queue_proxy: LossyProxy) -> Iterator[AzureStorage]:
    text = connection_string(blob=1, queue=queue_proxy.port, table=proxy.port)
    opened = AzureStorage.from_connection_string(text, transport=Transport())
    yield opened
    opened.close()


@pytest.fixture
def table(storage: AzureStorage, name: str) -> Table:
    table = storage.table(f"rows{name}")
    table.write([Upsert(Row("q", "makes the table", ""))])
    return table


@pytest.fixture
def queue(storage: AzureStorage, name: str) -> Queue:
    queue = storage.queue(f"work-{name}")
    queue.send("makes the queue")
    assert all(queue.delete(message) for message in queue.receive())
    return queue


@pytest.fixture
def other(azurite: Azurite, name: str) -> Iterator[Table]:
    """The same table as somebody else sees it, over a good connection."""
    opened = AzureStorage.from_connection_string(azurite.connection_string)
    yield opened.table(f"rows{name}")
    opened.close()


def inserted(table: Table, key: str, data: str = "") -> str:
    etags = table.write([Insert(Row("p", key, data))])
    assert etags is not None
    return etags[0]


@pytest.mark.parametrize("lost", range(1, RETRIES + 1))
def test_an_insert_whose_answer_is_lost_counts_as_won(table: Table, proxy: LossyProxy, lost: int) -> None:
    proxy.lose = lost
    etags = table.write([Insert(Row("p", "k", "mine"))])
    assert proxy.lose == 0
    assert etags is not None
    assert table.get("p", "k") == Row("p", "k", "mine", etags[0])
    assert table.write([Replace(Row("p", "k", "next", etags[0]))]) is not None


def test_a_replace_whose_answer_is_lost_counts_as_won(table: Table, proxy: LossyProxy) -> None:
    etag = inserted(table, "k", "1")
    proxy.lose = 1
    etags = table.write([Replace(Row("p", "k", "2", etag))])
    assert proxy.lose == 0
    assert etags is not None
    assert table.get("p", "k") == Row("p", "k", "2", etags[0])


def test_writes_without_condition_are_repeated_after_a_lost_answer(table: Table, proxy: LossyProxy) -> None:
    proxy.lose = 1
    assert table.write([Upsert(Row("p", "k", "1"))]) is not None
    proxy.lose = 1
    assert table.write([Delete("p", "k")]) == ("",)
    assert table.get("p", "k") is None


def batch_of_all_kinds(table: Table) -> list[Write]:
    replaced, deleted = inserted(table, "replaced"), inserted(table, "deleted")
    inserted(table, "dropped")
    return [
        Delete("p", "dropped"),
        Delete("p", "missing"),
        Upsert(Row("p", "upserted", "u")),
        Replace(Row("p", "replaced", "r", replaced)),
        Insert(Row("p", "new", "n")),
        Delete("p", "deleted", deleted),
    ]


@pytest.mark.parametrize("served", [1, 2], ids=["the first answer", "the answer of the batch"])
def test_a_batch_whose_answer_is_lost_counts_as_won(table: Table, proxy: LossyProxy, served: int) -> None:
    writes = batch_of_all_kinds(table)
    if served == 2:
        del writes[1]
    proxy.lose = 1
    etags = table.write(writes)
    assert proxy.lose == 0
    assert etags is not None
    written = {
        write.row.key: etag for write, etag in zip(writes, etags, strict=True) if not isinstance(write, Delete)
    }
    assert {row.key: row.etag for row in table.scan("p").rows} == written
    assert [etag for write, etag in zip(writes, etags, strict=True) if isinstance(write, Delete)] == [""] * (
        len(writes) - 3
    )


def test_a_batch_of_which_no_answer_comes_is_unknown_and_may_have_happened(
    table: Table, proxy: LossyProxy
) -> None:
    proxy.lose = RETRIES + 1
    with pytest.raises(StorageUnavailableError, match="unknown"):
        table.write([Insert(Row("p", "a", "")), Insert(Row("p", "b", ""))])
    assert [row.key for row in table.scan("p").rows] == ["a", "b"]


def test_an_answer_that_is_cut_short_leaves_the_outcome_unknown(table: Table, proxy: LossyProxy) -> None:
    proxy.cut = RETRIES + 1
    with pytest.raises(StorageUnavailableError, match="unknown"):
        table.write([Insert(Row("p", "a", "")), Insert(Row("p", "b", ""))])
    proxy.cut = RETRIES + 1
    with pytest.raises(StorageUnavailableError):
        table.scan("p")
    proxy.cut = 0
    assert [row.key for row in table.scan("p").rows] == ["a", "b"]


def test_reads_are_repeated_after_a_lost_answer(table: Table, proxy: LossyProxy) -> None:
    etag = inserted(table, "k", "1")
    proxy.lose = RETRIES
    assert table.get("p", "k") == Row("p", "k", "1", etag)
    proxy.lose = RETRIES
    assert len(table.scan("p").rows) == 1


def test_a_conflict_with_somebody_else_is_lost_though_an_answer_was_lost_too(
    table: Table, other: Table, proxy: LossyProxy
) -> None:
    etag = inserted(other, "k", "the same")
    proxy.lose = 1
    assert table.write([Insert(Row("p", "k", "the same"))]) is None
    stale = other.write([Replace(Row("p", "k", "2", etag))])
    assert stale is not None
    proxy.lose = 1
    assert table.write([Replace(Row("p", "k", "2", etag)), Insert(Row("p", "l", ""))]) is None


def test_a_row_that_was_changed_after_a_lost_answer_is_not_overwritten_with_the_etag_that_comes_back(
    azurite: Azurite, table: Table, other: Table, name: str
) -> None:
    etag = inserted(other, "k", "1")

    def changed_by_somebody(request: Any, response: Any) -> None:
        row = other.get("p", "k")
        if request.method == "POST" and row is not None and row.data == "2":
            other.write([Replace(Row("p", "k", "theirs", row.etag))])
            response.close()
            raise ServiceResponseError("lost by the test")

    storage = AzureStorage.from_connection_string(
        azurite.connection_string, transport=Transport(after=changed_by_somebody)
    )
    etags = storage.table(f"rows{name}").write([Replace(Row("p", "k", "2", etag)), Insert(Row("p", "proof", ""))])
    storage.close()
    assert etags is not None
    assert table.write([Replace(Row("p", "k", "3", etags[0]))]) is None
    assert table.write([Replace(Row("p", "proof", "3", etags[1]))]) is not None
    row = table.get("p", "k")
    assert row is not None
    assert row.data == "theirs"


def test_a_message_whose_answer_is_lost_is_sent_at_least_once(queue: Queue, queue_proxy: LossyProxy) -> None:
    queue_proxy.lose = 1
    queue.send("x")
    assert queue_proxy.lose == 0
    assert {message.body for message in queue.receive(limit=32)} == {"x"}


def test_a_delete_whose_answer_is_lost_leaves_no_message(queue: Queue, queue_proxy: LossyProxy) -> None:
    queue.send("x")
    (message,) = queue.receive()
    queue_proxy.lose = 1
    queue.delete(message)
    assert queue.length() == 0


def test_a_queue_that_never_answers_is_unavailable(queue: Queue, queue_proxy: LossyProxy) -> None:
    message = Message("id", "", 1, "receipt", None)  # type: ignore[arg-type]
    calls: list[Callable[[], object]] = [
        lambda: queue.send("x"),
        queue.receive,
        lambda: queue.delete(message),
        lambda: queue.hide(message, 1),
        queue.length,
    ]
    for call in calls:
        queue_proxy.lose = RETRIES + 1
        with pytest.raises(StorageUnavailableError, match="Queue Storage at 127"):
            call()
