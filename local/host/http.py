"""A small threaded HTTP/1.1 server on the loopback interface, with keep-alive and a graceful end.

It frames messages and nothing else: what a request means is the business of the function it is given. The access
log has the path without its query, because queries carry keys.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable
from email.message import Message
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

from local.host.messages import WebRequest, WebResponse

logger = logging.getLogger(__name__)
LOOPBACK = "127.0.0.1"
MAX_BODY_BYTES = 100 * 1024 * 1024
IDLE_SECONDS = 120
_POLL_SECONDS = 0.05
_LONGEST_LINE = 65_536
_WITHOUT_BODY = frozenset({204, 205, 304})

Answer = Callable[[WebRequest], WebResponse]


class FramingError(Exception):
    """The request cannot be read further. Its connection ends with `status`."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class LoopbackServer(ThreadingHTTPServer):
    """Serves in background threads. `port` 0 picks a free one."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, answer: Answer) -> None:
        self.answer = answer
        self.stopping = False
        self._connections: dict[socket.socket, bool] = {}
        self._changed = threading.Condition()
        self._loop: threading.Thread | None = None
        super().__init__((LOOPBACK, port), _Handler)

    @property
    def base_url(self) -> str:
        return f"http://{LOOPBACK}:{self.server_address[1]}"

    def server_bind(self) -> None:
        # The base class would ask the name service for this machine's name, which can take seconds.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = LOOPBACK, self.server_address[1]

    def start(self) -> None:
        self._loop = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": _POLL_SECONDS}, name="http", daemon=True
        )
        self._loop.start()

    def stop_listening(self) -> None:
        """Accepts nothing more and ends idle connections. Those with a running request end after its response."""
        self.stopping = True
        if self._loop is not None:
            self.shutdown()
            self._loop.join()
        self.server_close()
        with self._changed:
            for connection in [connection for connection, busy in self._connections.items() if not busy]:
                _hang_up(connection, socket.SHUT_RD)

    def close_connections(self, timeout_seconds: float) -> bool:
        """Waits for responses under way; then cuts what is left. False when something had to be cut."""
        with self._changed:
            ended = self._changed.wait_for(lambda: not self._connections, timeout=timeout_seconds)
            for connection in self._connections:
                _hang_up(connection, socket.SHUT_RDWR)
        return ended

    def mark(self, connection: socket.socket, *, busy: bool) -> None:
        """A busy connection is left alone while the server stops listening."""
        with self._changed:
            self._connections[connection] = busy
            if self.stopping and not busy:
                _hang_up(connection, socket.SHUT_RD)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.mark(request, busy=False)
        super().process_request(request, client_address)

    def close_request(self, request: Any) -> None:
        super().close_request(request)
        with self._changed:
            self._connections.pop(request, None)
            self._changed.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002  as the base class has it
        logger.debug("a connection ended early", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    server: LoopbackServer

    def __getattr__(self, name: str) -> Callable[[], None]:
        # The base class looks up do_GET, do_POST, ...; every method, known or not, goes the same way.
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _serve(self) -> None:
        self.server.mark(self.connection, busy=True)
        started = time.monotonic()
        path, _, query = self.path.partition("?")
        try:
            body = _read_body(self.headers, self.rfile)
        except FramingError as error:
            self.close_connection = True
            response = WebResponse(error.status)
        else:
            response = self._answer(self._request(path, query, body))
        self.close_connection = self.close_connection or self.server.stopping
        self.wfile.write(_framed(response, method=self.command, close=self.close_connection))
        elapsed_ms = (time.monotonic() - started) * 1000
        logger.info("%s %s %d %.0f ms", self.command, _printable(path), response.status, elapsed_ms)
        self.server.mark(self.connection, busy=False)

    def _answer(self, request: WebRequest) -> WebResponse:
        try:
            return self.server.answer(request)
        # A fault of the host itself must not look like a lost connection.
        except Exception:
            logger.exception("the host failed to answer %s %s", request.method, _printable(request.path))
            return WebResponse(500)

    def _request(self, path: str, query: str, body: bytes) -> WebRequest:
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            known = headers.get(name.lower())
            headers[name.lower()] = value if known is None else f"{known},{value}"
        origin = f"http://{headers['host']}" if headers.get("host") else self.server.base_url
        return WebRequest(self.command, path, query, headers, body, origin)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the base class would log whole request lines, with the keys in them."""


def _read_body(headers: Message, stream: Any) -> bytes:
    """A chunked body is read and dropped: without Content-Length Azure hands functions an empty body."""
    length_text = headers.get("content-length")
    encoding = headers.get("transfer-encoding")
    if encoding is not None:
        if encoding.lower() != "chunked" or length_text is not None:
            raise FramingError(400)
        _drop_chunks(stream)
        return b""
    if length_text is None:
        return b""
    if not (length_text.isascii() and length_text.isdigit()):
        raise FramingError(400)
    if len(length_text) > 18 or int(length_text) > MAX_BODY_BYTES:
        raise FramingError(413)
    body: bytes = stream.read(int(length_text))
    if len(body) < int(length_text):
        raise FramingError(400)
    return body


def _drop_chunks(stream: Any) -> None:
    total = 0
    while True:
        line: bytes = stream.readline(_LONGEST_LINE)
        try:
            size = int(line.split(b";")[0].strip(), 16)
        except ValueError as error:
            raise FramingError(400) from error
        total += size
        if size < 0 or total > MAX_BODY_BYTES:
            raise FramingError(413)
        if size == 0:
            break
        if len(stream.read(size + 2)) < size + 2:
            raise FramingError(400)
    while stream.readline(_LONGEST_LINE).strip():
        pass  # trailers mean nothing here


def _framed(response: WebResponse, *, method: str, close: bool) -> bytes:
    status = response.status
    reason = HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
    lines = [f"HTTP/1.1 {status} {reason}", f"date: {formatdate(usegmt=True)}"]
    has_body = status not in _WITHOUT_BODY
    dropped = set() if has_body else {"content-type"}
    lines += [f"{name}: {value}" for name, value in response.headers if name not in dropped]
    if status not in {204, 304}:
        lines.append(f"content-length: {len(response.body) if has_body else 0}")
    if close:
        lines.append("connection: close")
    head = "\r\n".join([*lines, "", ""]).encode("latin-1")
    return head + response.body if has_body and method != "HEAD" else head


def _printable(path: str) -> str:
    return path.encode("unicode_escape").decode()


def _hang_up(connection: socket.socket, how: int) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(how)
