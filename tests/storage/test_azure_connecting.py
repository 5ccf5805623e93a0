"""How Azure Storage is connected to: by connection string, or by identity."""

from __future__ import annotations

import time
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from shared.storage.azure import AzureStorage
from shared.storage.base import StorageError, StorageUnavailableError
from tests.azurite import ACCOUNT_KEY, Azurite
from tests.storage.canned import CALLS, QUEUE_CALLS, connected, every_call
from tests.storage.transport import Recording


@pytest.mark.parametrize("text", ["", "nonsense", "AccountName=a", "AccountName=a;AccountKey=", "a=b;c=d"])
def test_a_text_that_is_no_connection_string_is_refused_at_once(text: str) -> None:
    with pytest.raises(StorageError, match="connection string cannot be used"):
        AzureStorage.from_connection_string(text)


def test_a_key_that_is_no_base64_is_told(azurite: Azurite) -> None:
    text = azurite.connection_string.replace(ACCOUNT_KEY, "x")
    for call in ("get", "send"):
        with connected(text) as storage, pytest.raises(StorageError, match="no valid credentials"):
            CALLS[call](storage)


@pytest.mark.parametrize(
    "text", ["UseDevelopmentStorage=true", "UseDevelopmentStorage=true;", " usedevelopmentstorage=TRUE; "]
)
def test_the_short_form_for_the_emulator_is_understood(text: str) -> None:
    asked: list[str] = []
    storage = AzureStorage.from_connection_string(text, transport=Recording(asked))
    for call in ("get", "send"):
        with pytest.raises(StorageUnavailableError):
            CALLS[call](storage)
    assert {url.split("(")[0].split("?")[0] for url in asked} == {
        "http://127.0.0.1:10002/devstoreaccount1/rows",
        "http://127.0.0.1:10001/devstoreaccount1/jobs/messages",
    }


class Identity:
    """A credential that always has a token, or never."""

    def __init__(self, refusal: str | None = None) -> None:
        self.refusal = refusal
        self.scopes: set[str] = set()

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        self.scopes |= set(scopes)
        if self.refusal:
            raise ClientAuthenticationError(self.refusal)
        return AccessToken("token", int(time.time()) + 3_600)


TABLE_URI, QUEUE_URI = "https://baton.table.core.windows.net", "https://baton.queue.core.windows.net/"


@every_call
def test_an_identity_is_used_with_the_scope_of_storage(call: str) -> None:
    identity, transport = Identity(), Recording([])
    storage = AzureStorage.from_endpoints(
        table_uri=TABLE_URI, queue_uri=QUEUE_URI, credential=identity, transport=transport
    )
    service = "queue" if call in QUEUE_CALLS else "table"
    with pytest.raises(StorageUnavailableError, match=rf"{service.title()} Storage at baton\.{service}\.core"):
        CALLS[call](storage)
    assert identity.scopes == {"https://storage.azure.com/.default"}
    assert transport.rights == {"Bearer token"}


@every_call
def test_an_identity_without_a_token_is_told_with_the_reason(call: str) -> None:
    identity = Identity("AADSTS7000215: invalid client secret\nTrace ID: 1")
    storage = AzureStorage.from_endpoints(
        table_uri=TABLE_URI, queue_uri=QUEUE_URI, credential=identity, transport=Recording([])
    )
    with pytest.raises(StorageError, match=r"AADSTS7000215: invalid client secret\Z") as caught:
        CALLS[call](storage)
    assert not isinstance(caught.value, StorageUnavailableError)


@pytest.mark.parametrize("uri", ["http://baton.table.core.windows.net", "baton.table.core.windows.net", ""])
def test_an_identity_is_sent_over_https_only(uri: str) -> None:
    for table_uri, queue_uri in ((uri, QUEUE_URI), (TABLE_URI, uri)):
        with pytest.raises(StorageError, match="must be https"):
            AzureStorage.from_endpoints(table_uri=table_uri, queue_uri=queue_uri, credential=Identity())
