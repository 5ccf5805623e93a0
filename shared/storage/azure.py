"""Tables and queues in Azure Storage, or in Azurite.

The client libraries are imported with this module, so only who opens Azure Storage should import it.

A call is tried three times, with waits that end it within 40 seconds even when nothing answers. Writes are
repeated too: a write that meets what it wrote itself knows it. Tables and queues are made when a write finds
them missing; reading one that is not there finds nothing in it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from azure.core.pipeline.transport import HttpTransport, RequestsTransport
from azure.data.tables import TableClient
from azure.storage.queue import LinearRetry, QueueClient

from shared.storage import limits
from shared.storage.azure_queue import AzureQueue
from shared.storage.azure_table import AzureTable
from shared.storage.base import StorageError

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

CONNECT_TIMEOUT_SECONDS: Final = 3
READ_TIMEOUT_SECONDS: Final = 8
RETRIES: Final = 2  # one for a connection that went stale, one for a service that moves a partition
RETRY_PAUSE_SECONDS: Final = 1  # at most, whatever Retry-After asks: longer waits are the caller's to plan

Transport = HttpTransport[Any, Any]


class AzureStorage:
    """Tables and queues of one storage account. Safe across threads."""

    def __init__(
        self,
        table_client: Callable[[str], TableClient],
        queue_client: Callable[[str], QueueClient],
        transport: Transport,
    ) -> None:
        self._table_client = table_client
        self._queue_client = queue_client
        self._transport = transport

    @classmethod
    def from_connection_string(cls, text: str, *, transport: Transport | None = None) -> AzureStorage:
        """An account by key or signature, or Azurite: `UseDevelopmentStorage=true`, or its full string.

        Raises StorageError for a text that is no connection string, and does not repeat it.
        """
        text = _tidied(text)
        transport = transport or _transport()
        tables, queues = _table_options(transport), _queue_options(transport)
        storage = cls(
            lambda name: TableClient.from_connection_string(text, name, **tables),
            lambda name: QueueClient.from_connection_string(text, name, **queues),
            transport,
        )
        try:  # what is wrong with the text is best told at the start
            storage.table("probe")
            storage.queue("probe")
        except (KeyError, ValueError) as error:
            raise StorageError(f"the storage connection string cannot be used: {error}") from None
        return storage

    @classmethod
    def from_endpoints(
        cls, *, table_uri: str, queue_uri: str, credential: TokenCredential, transport: Transport | None = None
    ) -> AzureStorage:
        """An account by identity: https://<account>.table.core.windows.net and the same with queue.

        Raises StorageError for an address that is not https.
        """
        for uri in (table_uri, queue_uri):
            if urlsplit(uri).scheme != "https" or not urlsplit(uri).hostname:
                raise StorageError(f"a storage endpoint that is used with an identity must be https, not {uri!r}")
        transport = transport or _transport()
        tables, queues = _table_options(transport), _queue_options(transport)
        return cls(
            lambda name: TableClient(table_uri, name, credential=credential, **tables),
            lambda name: QueueClient(queue_uri, name, credential=credential, **queues),
            transport,
        )

    def table(self, name: str) -> AzureTable:
        limits.check_table_name(name)
        return AzureTable(self._table_client(name.lower()))  # one table to Azure, two to Azurite

    def queue(self, name: str) -> AzureQueue:
        limits.check_queue_name(name)
        return AzureQueue(self._queue_client(name))

    def close(self) -> None:
        """Let go of the connections. Closing again does nothing."""
        self._transport.close()


def _tidied(text: str) -> str:
    """Without what one of the two libraries stumbles over: a last semicolon, odd capitals."""
    text = text.strip().rstrip(";")
    return "UseDevelopmentStorage=true" if text.lower() == "usedevelopmentstorage=true" else text


class _Transport(RequestsTransport):  # type: ignore[misc]  # the library hides its type
    """Shared by all clients. It never sleeps for long."""

    def sleep(self, duration: float) -> None:
        super().sleep(min(duration, RETRY_PAUSE_SECONDS))


def _transport() -> Transport:
    transport: Transport = _Transport(
        connection_timeout=CONNECT_TIMEOUT_SECONDS, read_timeout=READ_TIMEOUT_SECONDS
    )
    transport.open()  # here, since opening is not safe across threads
    return transport


def _table_options(transport: Transport) -> dict[str, Any]:
    return {
        "transport": transport,
        "retry_total": RETRIES,
        "retry_backoff_factor": RETRY_PAUSE_SECONDS / 2,  # the first retry is at once, the next after twice this
    }


def _queue_options(transport: Transport) -> dict[str, Any]:
    retry = LinearRetry(backoff=RETRY_PAUSE_SECONDS, random_jitter_range=RETRY_PAUSE_SECONDS, retry_total=RETRIES)
    return {"transport": transport, "retry_policy": retry}
