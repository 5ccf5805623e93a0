"""What only Azure's tables and queues need: to be made, and pages that end early."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from shared.storage.azure import AzureStorage
from shared.storage.base import Delete, Insert, Replace, Row, Table, Upsert, Write
from tests.azurite import Azurite
from tests.storage.transport import Transport


@pytest.fixture
def name() -> str:
    return uuid.uuid4().hex[:20]


@pytest.fixture
def storage(azurite: Azurite) -> Iterator[AzureStorage]:
    opened = AzureStorage.from_connection_string(azurite.connection_string)
    yield opened
    opened.close()


@pytest.fixture
def table(storage: AzureStorage, name: str) -> Table:
    return storage.table(f"rows{name}")


def shortened(request: Any) -> None:
    """Makes the service give pages of 7, whatever was asked."""
    if "$top=" in request.url:
        head, _, tail = request.url.partition("$top=")
        request.url = f"{head}$top=7{tail.lstrip('0123456789')}"


def test_short_pages_are_followed_until_the_limit_or_the_end(azurite: Azurite, table: Table, name: str) -> None:
    table.write([Insert(Row("p", f"{number:02}", "")) for number in range(40)])
    asked: list[str] = []

    def counted(request: Any) -> None:
        shortened(request)
        asked.append(request.url)

    storage = AzureStorage.from_connection_string(azurite.connection_string, transport=Transport(before=counted))
    page = storage.table(f"rows{name}").scan("p", limit=20)
    assert [row.key for row in page.rows] == [f"{number:02}" for number in range(20)]
    assert page.next_key == "20"
    assert len(asked) == 3
    assert len(storage.table(f"rows{name}").scan("p").rows) == 40
    storage.close()


def test_an_empty_page_that_goes_on_is_no_end(azurite: Azurite, table: Table, name: str) -> None:
    table.write([Insert(Row("p", "a", "")), Insert(Row("p", "b", ""))])
    emptied: list[str] = []

    def empty_the_first(request: Any) -> None:
        if not emptied:
            emptied.append(request.url)
            request.url = request.url.replace("%27p%27", "%27nothing%27")

    def goes_on(request: Any, response: Any) -> None:
        if "nothing" in request.url:
            for part, value in (("PartitionKey", b"p"), ("RowKey", b"a")):
                response.headers[f"x-ms-continuation-Next{part}"] = base64.b64encode(value).decode()

    storage = AzureStorage.from_connection_string(
        azurite.connection_string, transport=Transport(empty_the_first, goes_on)
    )
    assert [row.key for row in storage.table(f"rows{name}").scan("p").rows] == ["a", "b"]
    assert "nothing" not in emptied[0]
    storage.close()


def test_tables_and_queues_are_made_by_the_first_write_only(storage: AzureStorage, name: str) -> None:
    new, work = storage.table(f"new{name}"), storage.queue(f"new-{name}")
    assert new.get("p", "k") is None
    assert new.scan("p").rows == ()
    assert new.write([Delete("p", "k")]) == ("",)
    assert work.receive() == ()
    assert new.write([Insert(Row("p", "k", "")), Insert(Row("p", "l", ""))]) is not None
    work.send("x")
    assert work.length() == 1


@pytest.mark.parametrize(
    "write", [Insert(Row("p", "k", "")), Upsert(Row("p", "k", "")), Replace(Row("p", "k", "", 'W/"x"'))]
)
def test_a_single_write_makes_the_table_it_misses(storage: AzureStorage, name: str, write: Write) -> None:
    table = storage.table(f"new{name}")
    etags = table.write([write])
    assert (etags is None) == isinstance(write, Replace)
    assert table.write([Insert(Row("p", "other", ""))]) is not None
