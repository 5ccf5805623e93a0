"""What stands before Baton in Azure, as callers see it: a door that lets in who has a token of the right scope.

It adds the key, as a Baton that takes tokens alone would not need one, and asks callers to come back sooner, so
that tests are quick. It can lose answers.
"""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

RESOURCE = "api://5a1e5000-0000-0000-0000-000000000009"
SCOPE = f"{RESOURCE}/.default"


class Door:
    """`asked`: method, path and Idempotency-Key of each call that got in. `loses`: answers still to be lost."""

    def __init__(self, target: str, key: str) -> None:
        self.target, self.key = target, key
        self.asked: list[tuple[str, str, str | None]] = []
        self.loses = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def opens(self, handler: BaseHTTPRequestHandler) -> bool:
        token = handler.headers.get("Authorization", "").removeprefix("Bearer ")
        return handler.headers.get("x-functions-key") == self.key or token.split("|")[0] in (RESOURCE, SCOPE)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


def _handler(door: Door) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if not door.opens(self):
                self.send_error(401)
                return
            key = self.headers.get("Idempotency-Key")
            door.asked.append((self.command, self.path, key))
            headers = {"x-functions-key": door.key, **({"Idempotency-Key": key} if key else {})}
            answer = requests.request(
                self.command, door.target + self.path, data=body, headers=headers, timeout=30
            )
            if door.loses:
                door.loses -= 1
                self.close_connection = True
                return
            self.send_response(answer.status_code)
            for name in ("Content-Type", "Location"):
                if name in answer.headers:
                    self.send_header(name, answer.headers[name])
            if "Retry-After" in answer.headers:
                self.send_header("Retry-After", "1")
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_POST = do_GET  # noqa: N815  as http.server calls it

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    return Handler
