"""A `Table` in Table Storage."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast
from urllib.parse import urlsplit

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError
from azure.data.tables import TableClient, TableEntity, TableTransactionError, UpdateMode

from shared.storage import limits
from shared.storage.azure_errors import Endpoint, code_of, is_conflict, is_missing, translated
from shared.storage.azure_rows import WRITER, from_entity, to_entity
from shared.storage.base import PAGE_ROWS, Delete, Insert, Page, Replace, Row, Upsert, Write

if TYPE_CHECKING:
    from azure.core.paging import PageIterator

# By itself the library repeats a POST (an insert, a batch) after some answers, but not after none.
_REPEATABLE: Final = frozenset({"DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"})
_NO_ETAG: Final = "W/\"datetime'1601-01-01T00%3A00%3A00Z'\""  # no row of ours has it
_NO_ECHO: Final = "return-no-content"

T = TypeVar("T")


class AzureTable:
    """A `Table` in Table Storage."""

    def __init__(self, client: TableClient) -> None:
        self._client = client
        host = urlsplit(client.url).netloc
        self._endpoint = Endpoint("Table Storage", host, "Storage Table Data Contributor")

    def get(self, partition: str, key: str) -> Row | None:
        limits.check_key(partition)
        limits.check_key(key)
        with translated(self._endpoint):
            entity = self._entity(partition, key)
        return None if entity is None else from_entity(entity, _etag(entity))

    def write(self, writes: Sequence[Write]) -> tuple[str, ...] | None:
        limits.check_writes(writes)
        writer = uuid.uuid4().hex
        with translated(self._endpoint):
            try:
                return self._in_table(lambda: self._send(writes, writer))
            except HttpResponseError as error:
                if not is_conflict(error):
                    raise
            return self._etags_if_ours(writes, writer)

    def scan(self, partition: str, *, start: str = "", end: str | None = None, limit: int = PAGE_ROWS) -> Page:
        limits.check_scan(partition, start, end, limit)
        query, parameters = "PartitionKey eq @partition", {"partition": partition}
        if start:
            query, parameters = f"{query} and RowKey ge @start", parameters | {"start": start}
        if end is not None:
            query, parameters = f"{query} and RowKey lt @end", parameters | {"end": end}
        with translated(self._endpoint):
            entities = self._query(query, parameters, limit + 1)
        rows = tuple(from_entity(entity, _etag(entity)) for entity in entities[:limit])
        return Page(rows, entities[limit]["RowKey"] if len(entities) > limit else None)

    def _query(self, query: str, parameters: dict[str, str], wanted: int) -> list[TableEntity]:
        """The first `wanted` entities, or all: the service's pages may be short, or empty, and still go on."""
        entities: list[TableEntity] = []
        token: str | None = None
        try:
            while True:
                ask = min(wanted - len(entities), PAGE_ROWS)
                found = self._client.query_entities(query, parameters=parameters, results_per_page=ask)
                pages = cast("PageIterator[TableEntity]", found.by_page(token))
                entities.extend(next(pages, ()))
                token = pages.continuation_token
                if token is None or len(entities) >= wanted:
                    return entities
        except HttpResponseError as error:
            if is_missing(error, "Table"):
                return []
            raise

    def _entity(self, partition: str, key: str) -> TableEntity | None:
        try:
            return self._client.get_entity(partition, key)
        except HttpResponseError as error:
            if error.status_code == 404:  # the row, or the whole table
                return None
            raise

    def _in_table(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except HttpResponseError as error:
            if not is_missing(error, "Table"):
                raise
        try:
            self._client.create_table()
        except ResourceExistsError as error:
            if code_of(error) != "TableAlreadyExists":
                raise
        return call()

    def _send(self, writes: Sequence[Write], writer: str) -> tuple[str, ...]:
        if len(writes) > 1:
            return self._send_together(writes, writer)
        match writes[0]:
            case Insert(row):
                written = self._create(to_entity(row, writer))
            case Replace(row):
                written = self._client.update_entity(
                    to_entity(row, writer),
                    UpdateMode.REPLACE,
                    etag=row.etag,
                    match_condition=MatchConditions.IfNotModified,
                )
            case Upsert(row):
                written = self._client.upsert_entity(to_entity(row, writer), UpdateMode.REPLACE)
            case Delete(partition, key, None):
                self._client.delete_entity(partition, key)
                return ("",)
            case Delete():  # by itself the library takes a missing row for success, whatever the etag
                return self._send_together(writes, writer)
        return (str(written["etag"]),)

    def _create(self, entity: dict[str, str]) -> dict[str, Any]:
        try:
            return self._client.create_entity(entity, response_preference=_NO_ECHO, retry_on_methods=_REPEATABLE)
        except AttributeError as error:  # the library stumbles over an error that came without an answer
            if isinstance(error.__context__, HttpResponseError):
                raise error.__context__ from None
            raise

    def _send_together(self, writes: Sequence[Write], writer: str) -> tuple[str, ...]:
        left = list(writes)
        while left:
            try:
                results = self._client.submit_transaction(
                    [_operation(write, writer) for write in left], retry_on_methods=_REPEATABLE
                )
            except TableTransactionError as error:
                left.pop(_deleted_before(error, left))
            else:
                etags = dict(zip(map(id, left), results, strict=True))
                return tuple(etags.get(id(write), {}).get("etag", "") for write in writes)
        return ("",) * len(writes)

    def _etags_if_ours(self, writes: Sequence[Write], writer: str) -> tuple[str, ...] | None:
        """After a conflict: the etags if this very call was served before and its answer was lost, else None."""
        rows = [write.row for kind in (Insert, Replace, Upsert) for write in writes if isinstance(write, kind)]
        if not rows or self._etag_if_ours(rows[0], writer) is None:
            return None
        return tuple(
            "" if isinstance(write, Delete) else self._etag_if_ours(write.row, writer) or _NO_ETAG
            for write in writes
        )

    def _etag_if_ours(self, row: Row, writer: str) -> str | None:
        entity = self._entity(row.partition, row.key)
        return _etag(entity) if entity is not None and entity.get(WRITER) == writer else None


def _operation(write: Write, writer: str) -> tuple[str, dict[str, str], dict[str, Any]]:
    held = {"match_condition": MatchConditions.IfNotModified}
    match write:
        case Insert(row):
            return "create", to_entity(row, writer), {}
        case Replace(row):
            return "update", to_entity(row, writer), {"mode": UpdateMode.REPLACE, "etag": row.etag, **held}
        case Upsert(row):
            return "upsert", to_entity(row, writer), {"mode": UpdateMode.REPLACE}
        case Delete(partition, key, etag):
            entity = {"PartitionKey": partition, "RowKey": key}
            return "delete", entity, {} if etag is None else {"etag": etag, **held}


def _deleted_before(error: TableTransactionError, writes: Sequence[Write]) -> int:
    """Which unconditional delete failed the batch because its row is gone already. Raises `error` if none did.

    The service knows no "delete if it is there" within a batch.
    """
    index = int(error.index)
    if error.status_code != 404 or is_missing(error, "Table") or not error.message.startswith(f"{index}:"):
        raise error
    match writes[index]:
        case Delete(_, _, None):
            return index
    raise error


def _etag(entity: TableEntity) -> str:
    return str(entity.metadata["etag"])
