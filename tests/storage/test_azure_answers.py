"""What Azure Storage's refusals become, and how it is connected to: against canned answers on loopback."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError
from azure.core.pipeline.transport import RequestsTransport

from shared.storage.azure import RETRIES, RETRY_PAUSE_SECONDS, AzureStorage
from shared.storage.base import (
    Delete,
    Insert,
    Message,
    Row,
    StorageError,
    StorageUnavailableError,
    TooLargeError,
    Upsert,
)
from tests.azurite import ACCOUNT_KEY, Azurite, connection_string

MESSAGE = Message("id", "", 1, "receipt", None)  # type: ignore[arg-type]
CALLS: dict[str, Callable[[AzureStorage], object]] = {
    "get": lambda storage: storage.table("rows").get("p", "k"),
    "insert": lambda storage: storage.table("rows").write([Insert(Row("p", "k", ""))]),
    "upsert": lambda storage: storage.table("rows").write([Upsert(Row("p", "k", ""))]),
    "delete": lambda storage: storage.table("rows").write([Delete("p", "k", "etag")]),
    "batch": lambda storage: storage.table("rows").write([Upsert(Row("p", "k", "")), Delete("p", "l")]),
    "scan": lambda storage: storage.table("rows").scan("p"),
    "send": lambda storage: storage.queue("work").send("x"),
    "receive": lambda storage: storage.queue("work").receive(),
    "remove": lambda storage: storage.queue("work").delete(MESSAGE),
    "hide": lambda storage: storage.queue("work").hide(MESSAGE, 1),
    "length": lambda storage: storage.queue("work").length(),
}
QUEUE_CALLS = ("send", "receive", "remove", "hide", "length")
every_call = pytest.mark.parametrize("call", CALLS)


@dataclass
class Canned:
    """A service that gives the same answer to everything, or one answer first and `then` another."""

    status: int = 503
    code: str = "ServerBusy"
    headers: dict[str, str] = field(default_factory=dict)
    then: tuple[int, str] | None = None
    asked: int = 0
    port: int = 0

    @property
    def connection_string(self) -> str:
        return connection_string(blob=1, queue=self.port, table=self.port)


class QuietServer(ThreadingHTTPServer):
    """Has no word about clients that hang up."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


@contextmanager
def serving(canned: Canned) -> Iterator[Canned]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.dumps({"odata.error": {"code": canned.code, "message": {"value": "Said\nso."}}}).encode()
            self.send_response(canned.status)
            named = {"Content-Type": "application/json", "Content-Length": str(len(body))}
            for name, value in (named | canned.headers).items():
                self.send_header(name, value)
            canned.asked += 1
            if canned.then:
                canned.status, canned.code, canned.headers = *canned.then, {}
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815  # the names that http.server calls

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = QuietServer(("127.0.0.1", 0), Handler)
    canned.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield canned
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class QuickTransport(RequestsTransport):  # type: ignore[misc]  # the library hides its type
    """Does not sleep."""

    def sleep(self, duration: float) -> None:
        pass


@contextmanager
def connected(text: str) -> Iterator[AzureStorage]:
    storage = AzureStorage.from_connection_string(text, transport=QuickTransport())
    yield storage
    storage.close()


@every_call
def test_a_busy_service_is_asked_three_times_and_then_unavailable(call: str) -> None:
    with serving(Canned(503, "ServerBusy")) as canned, connected(canned.connection_string) as storage:
        with pytest.raises(StorageUnavailableError, match=r"503 ServerBusy.*unknown"):
            CALLS[call](storage)
        assert canned.asked == RETRIES + 1


@pytest.mark.parametrize(("status", "code"), [(408, ""), (429, ""), (500, "OperationTimedOut"), (504, "")])
def test_a_failing_service_is_unavailable(status: int, code: str) -> None:
    with serving(Canned(status, code)) as canned, connected(canned.connection_string) as storage:
        for call in ("batch", "send"):
            with pytest.raises(StorageUnavailableError, match=f"{status} ?{code}"):
                CALLS[call](storage)


def test_an_hour_of_retry_after_is_not_slept() -> None:
    with serving(Canned(503, "ServerBusy", {"Retry-After": "3600"}, then=(404, "ResourceNotFound"))) as canned:
        storage = AzureStorage.from_connection_string(canned.connection_string)
        began = time.monotonic()
        assert storage.table("rows").get("p", "k") is None
        assert time.monotonic() - began < RETRY_PAUSE_SECONDS + 1
        storage.close()
        assert canned.asked == 2


@every_call
@pytest.mark.parametrize("code", ["AuthorizationPermissionMismatch", "AuthenticationFailed", "SomethingNew"])
def test_refused_credentials_name_the_role_that_helps(call: str, code: str) -> None:
    role = f"Storage {'Queue' if call in QUEUE_CALLS else 'Table'} Data Contributor"
    with (
        serving(Canned(403, code)) as canned,
        connected(canned.connection_string) as storage,
        pytest.raises(StorageError, match=f"refused the credentials .403 {code}.*{role}") as caught,
    ):
        CALLS[call](storage)
    assert not isinstance(caught.value, StorageUnavailableError)


def test_an_account_without_keys_asks_for_an_identity() -> None:
    with (
        serving(Canned(403, "KeyBasedAuthenticationNotPermitted")) as canned,
        connected(canned.connection_string) as storage,
        pytest.raises(StorageError, match="connect with an identity"),
    ):
        storage.table("rows").get("p", "k")


@every_call
def test_any_other_refusal_is_told_with_its_code_and_without_its_tail(call: str) -> None:
    with (
        serving(Canned(400, "InvalidHeaderValue")) as canned,
        connected(canned.connection_string) as storage,
        pytest.raises(StorageError, match=r"400 InvalidHeaderValue.: [^\n]*\Z"),
    ):
        CALLS[call](storage)


@pytest.mark.parametrize(("status", "code"), [(413, "RequestBodyTooLarge"), (400, "EntityTooLarge")])
def test_what_the_service_finds_too_large_is_too_large(status: int, code: str) -> None:
    with (
        serving(Canned(status, code)) as canned,
        connected(canned.connection_string) as storage,
        pytest.raises(TooLargeError, match=code),
    ):
        storage.table("rows").write([Insert(Row("p", "k", ""))])


def test_a_table_that_is_being_deleted_is_unavailable_and_no_lost_race() -> None:
    with serving(Canned(409, "TableBeingDeleted")) as canned, connected(canned.connection_string) as storage:
        with pytest.raises(StorageUnavailableError, match="TableBeingDeleted"):
            storage.table("rows").write([Insert(Row("p", "k", ""))])
        canned.code = "QueueBeingDeleted"
        with pytest.raises(StorageUnavailableError, match="QueueBeingDeleted"):
            storage.queue("work").send("x")


@every_call
def test_a_service_that_is_not_there_is_unavailable(call: str) -> None:
    with serving(Canned()) as canned:
        pass  # nobody listens on its port any more
    with (
        connected(canned.connection_string) as storage,
        pytest.raises(StorageUnavailableError, match="could not be reached"),
    ):
        CALLS[call](storage)


@pytest.mark.filterwarnings("ignore:Testing an element's truth value:DeprecationWarning")  # azure-data-tables'
@every_call
def test_no_error_tells_the_key(call: str, azurite: Azurite) -> None:
    wrong = azurite.connection_string.replace(ACCOUNT_KEY, "c2VjcmV0" + ACCOUNT_KEY)
    with connected(wrong) as storage, pytest.raises(StorageError) as caught:
        CALLS[call](storage)
    assert "c2VjcmV0" not in str(caught.value)
    assert caught.value.__suppress_context__


@every_call
def test_no_error_tells_the_signature_of_an_address(call: str) -> None:
    with serving(Canned()) as canned:
        pass
    signed = canned.connection_string.replace(
        f"AccountKey={ACCOUNT_KEY}", "SharedAccessSignature=sv=2019-02-02&sig=c2VjcmV0"
    )
    with connected(signed) as storage, pytest.raises(StorageUnavailableError) as caught:
        CALLS[call](storage)
    assert "c2VjcmV0" not in str(caught.value)
    assert caught.value.__suppress_context__


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
        "http://127.0.0.1:10001/devstoreaccount1/work/messages",
    }


class Recording(QuickTransport):
    """Reaches nobody, and notes whom it was to reach, and with what right."""

    def __init__(self, asked: list[str]) -> None:
        super().__init__()
        self.asked = asked
        self.rights: set[str | None] = set()

    def send(self, request: Any, **options: Any) -> Any:
        self.asked.append(request.url)
        self.rights.add(request.headers.get("Authorization"))
        raise ServiceRequestError("not sent by the test")


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
