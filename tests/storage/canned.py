"""A service on loopback that gives canned answers, and every call that storage can make of one."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from shared.storage.azure import AzureStorage
from shared.storage.base import Delete, Insert, Message, Row, Upsert
from tests.azurite import connection_string
from tests.storage.transport import Transport

MESSAGE = Message("id", "", 1, "receipt", None)  # type: ignore[arg-type]
CALLS: dict[str, Callable[[AzureStorage], object]] = {
    "get": lambda storage: storage.table("rows").get("p", "k"),
    "insert": lambda storage: storage.table("rows").write([Insert(Row("p", "k", ""))]),
    "upsert": lambda storage: storage.table("rows").write([Upsert(Row("p", "k", ""))]),
    "delete": lambda storage: storage.table("rows").write([Delete("p", "k", "etag")]),
    "batch": lambda storage: storage.table("rows").write([Upsert(Row("p", "k", "")), Delete("p", "l")]),
    "scan": lambda storage: storage.table("rows").scan("p"),
    "send": lambda storage: storage.queue("jobs").send("x"),
    "receive": lambda storage: storage.queue("jobs").receive(),
    "remove": lambda storage: storage.queue("jobs").delete(MESSAGE),
    "hide": lambda storage: storage.queue("jobs").hide(MESSAGE, 1),
    "length": lambda storage: storage.queue("jobs").length(),
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


@contextmanager
def connected(text: str) -> Iterator[AzureStorage]:
    storage = AzureStorage.from_connection_string(text, transport=Transport())
    yield storage
    storage.close()
