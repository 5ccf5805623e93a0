"""The simulated Azure on a loopback port, with or without TLS."""

from __future__ import annotations

import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from urllib.parse import parse_qsl, unquote, urlsplit

from local.simulated_azure.control import controlled
from local.simulated_azure.event_grid_topic import PATH as TOPIC_PATH
from local.simulated_azure.identity import IDENTITY_HEADER
from local.simulated_azure.messages import LostError, Request, Response
from local.simulated_azure.synapse import PATH_PREFIX as SYNAPSE_PREFIX
from local.simulated_azure.web_hooks import WebHooks
from local.simulated_azure.world import SimulatedAzure


class Server:
    """Serves until it is closed. Use it as a context manager."""

    def __init__(
        self, azure: SimulatedAzure, *, port: int = 0, certificate: tuple[Path, Path] | None = None
    ) -> None:
        """`certificate`: paths of a certificate and its key, for https."""
        web_hooks = WebHooks(azure)
        self._http = _HttpServer(("127.0.0.1", port), _handler(azure, web_hooks))
        self._scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
            self._scheme = "https"
        web_hooks.reached_at = self.url
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self._stop = threading.Event()
        threading.Thread(target=azure.events.run, args=(self._stop,), daemon=True).start()

    @property
    def url(self) -> str:
        host = "localhost" if self._scheme == "https" else "127.0.0.1"
        return f"{self._scheme}://{host}:{self._http.server_address[1]}"

    def settings(self) -> dict[str, str]:
        """The app settings that point Baton at it."""
        return {
            "IDENTITY_ENDPOINT": f"{self.url}/msi/token",
            "IDENTITY_HEADER": IDENTITY_HEADER,
            "RESOURCE_MANAGER_ENDPOINT": self.url,
            "POWER_BI_ENDPOINT": self.url,
            "SYNAPSE_ENDPOINT": f"{self.url}{SYNAPSE_PREFIX}/{{workspace}}",
            "FABRIC_ENDPOINT": self.url,
            "ALLOW_LOOPBACK_HTTP": "true",
        }

    def topic_settings(self) -> dict[str, str]:
        """The app settings that have Baton send its events to the simulated topic."""
        return {"EVENT_GRID_TOPIC_ENDPOINT": f"{self.url}{TOPIC_PATH}"}

    def close(self) -> None:
        """Stops listening, and delivering events."""
        self._stop.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is nobody's concern."""


def _handler(azure: SimulatedAzure, web_hooks: WebHooks) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            parts = urlsplit(self.path)
            request = Request(
                method=self.command,
                path=unquote(parts.path),
                query=dict(parse_qsl(parts.query)),
                headers={name.lower(): value for name, value in self.headers.items()},
                body=self.rfile.read(length) if length else b"",
            )
            try:
                told = web_hooks.called_back(request) or controlled(azure, request) or azure.handle(request)
            except LostError:
                self.close_connection = True
                return
            self._answer(told)

        def _answer(self, told: Response) -> None:
            self.send_response(told.status)
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(told.body)))
            self.end_headers()
            self.wfile.write(told.body)

        do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = _serve  # noqa: N815

        def log_message(self, format: str, *arguments: object) -> None:
            """Quiet: what happened is asked for through the control calls."""

    return Handler
