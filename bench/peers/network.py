"""The network of a benchmark's process: whatever the client library, its requests reach the simulated Azure.

Three libraries carry the requests of all tools here: requests, aiohttp and httpx. Each is cut at the last place
before its socket, so the clients above keep their own retries, headers and errors. No socket and no TLS is in
any figure.
"""

from __future__ import annotations

import json
import time
from importlib import import_module
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlencode, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ProtocolError

from local.simulated_azure.adapter import as_requests, simulated_request
from local.simulated_azure.messages import LostError, Request, Response
from local.simulated_azure.world import SimulatedAzure


class Network:
    """`azure` may be changed at any time. `own_seconds`: processor time that went into the simulation."""

    def __init__(self, azure: SimulatedAzure) -> None:
        self.azure = azure
        self.own_seconds = 0.0

    def handle(self, request: Request) -> Response:
        """The simulated answer. Raises LostError when the connection is dropped."""
        began = time.process_time()
        try:
            return self.azure.handle(_in_the_newer_form(request))
        finally:
            self.own_seconds += time.process_time() - began

    def install(self, *, coroutines: bool) -> None:
        """Takes the place of every socket. `coroutines`: also of those of aiohttp and httpx."""
        self._carry_requests()
        if coroutines:
            self._carry_aiohttp()
            self._carry_httpx()

    def _carry_requests(self) -> None:
        def send(_: HTTPAdapter, request: requests.PreparedRequest, *__: Any, **___: Any) -> requests.Response:
            try:
                return as_requests(request, self.handle(simulated_request(request)))
            except LostError as lost:
                reset = ConnectionResetError(104, "Connection reset by peer")
                aborted = ProtocolError("Connection aborted.", reset)
                raise requests.ConnectionError(aborted, request=request) from lost

        HTTPAdapter.send = send  # type: ignore[method-assign,assignment]

    def _carry_aiohttp(self) -> None:
        aiohttp = import_module("aiohttp")
        multidict, yarl = import_module("multidict"), import_module("yarl")

        async def send(_: Any, method: str, url: Any, **told: Any) -> AiohttpResponse:
            form, body = told.get("data"), told.get("json")
            sent = urlencode(form) if isinstance(form, dict) else json.dumps(body) if body is not None else form
            given = dict(told.get("headers") or {})
            try:
                answer = self.handle(request_to(method, str(url), given, sent or b""))
            except LostError as lost:
                raise aiohttp.ServerDisconnectedError from lost
            return AiohttpResponse(method, yarl.URL(str(url)), answer, multidict.CIMultiDict(answer.headers))

        aiohttp.ClientSession._request = send  # noqa: SLF001

    def _carry_httpx(self) -> None:
        httpx = import_module("httpx")

        async def send(_: Any, request: Any) -> Any:
            body = await request.aread()
            try:
                answer = self.handle(request_to(request.method, str(request.url), dict(request.headers), body))
            except LostError as lost:
                raise httpx.RemoteProtocolError("Server disconnected without sending a response.") from lost
            return httpx.Response(answer.status, headers=dict(answer.headers), content=answer.body)

        httpx.AsyncHTTPTransport.handle_async_request = send


class AiohttpResponse:
    """What clients use of an aiohttp response."""

    def __init__(self, method: str, url: Any, told: Response, headers: Any) -> None:
        self.method = method
        self.url = url
        self.status = told.status
        self.reason = str(told.status)
        self.headers = headers
        self._told = told.body

    async def read(self) -> bytes:
        return self._told

    async def text(self) -> str:
        return self._told.decode()

    async def json(self) -> Any:
        return json.loads(self._told)

    def raise_for_status(self) -> None:
        """Raises aiohttp's own error for 400 and above."""
        if self.status >= 400:
            aiohttp = import_module("aiohttp")

            info = aiohttp.RequestInfo(self.url, self.method, self.headers, self.url)
            raise aiohttp.ClientResponseError(info, (), status=self.status, message=self.reason)

    def release(self) -> None:
        """There is nothing to give back."""

    close = release


def request_to(method: str, url: str, headers: dict[str, str], body: str | bytes) -> Request:
    """A client's request as the simulation takes it."""
    parts = urlsplit(url)
    return Request(
        method=method.upper(),
        path=unquote(parts.path),
        query=dict(parse_qsl(parts.query)),
        headers={name.lower(): str(value) for name, value in headers.items()} | {"host": parts.netloc},
        body=body.encode() if isinstance(body, str) else bytes(body),
    )


def _in_the_newer_form(request: Request) -> Request:
    """Entra's older token endpoint, which dagster-powerbi uses, names a resource where the newer names a scope."""
    if not request.path.endswith("/oauth2/token"):
        return request
    form = {name: values[-1] for name, values in parse_qs(request.body.decode()).items()}
    form["scope"] = f"{form.pop('resource', '').rstrip('/')}/.default"
    path = request.path.replace("/oauth2/token", "/oauth2/v2.0/token")
    return Request(method="POST", path=path, headers=request.headers, body=urlencode(form).encode())
