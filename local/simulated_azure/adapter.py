"""Serves a requests session in process: no socket, the same exceptions as a real connection gives."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import requests
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse
from urllib3.exceptions import ProtocolError

from local.simulated_azure.messages import LostError, Request, Response
from local.simulated_azure.world import SimulatedAzure


class SimulatedAdapter(BaseAdapter):
    """Mount it: `session.mount("https://", SimulatedAdapter(azure))`."""

    def __init__(self, azure: SimulatedAzure) -> None:
        super().__init__()
        self._azure = azure

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: ARG002
        timeout: Any = None,  # noqa: ARG002
        verify: Any = True,  # noqa: ARG002
        cert: Any = None,  # noqa: ARG002
        proxies: Mapping[str, str] | None = None,  # noqa: ARG002
    ) -> requests.Response:
        try:
            told = self._azure.handle(simulated_request(request))
        except LostError as lost:
            aborted = ProtocolError("Connection aborted.", ConnectionResetError(104, "Connection reset by peer"))
            raise requests.ConnectionError(aborted, request=request) from lost
        return as_requests(request, told)

    def close(self) -> None:
        """There is nothing to close."""


def simulated_request(request: requests.PreparedRequest) -> Request:
    """A prepared request as the simulation takes it."""
    parts = urlsplit(request.url or "")
    body = request.body or b""
    return Request(
        method=request.method or "GET",
        path=unquote(parts.path),
        query=dict(parse_qsl(parts.query)),
        headers={name.lower(): str(value) for name, value in request.headers.items()} | {"host": parts.netloc},
        body=body.encode() if isinstance(body, str) else bytes(body),
    )


def as_requests(request: requests.PreparedRequest, told: Response) -> requests.Response:
    raw = HTTPResponse(
        body=BytesIO(told.body), headers=dict(told.headers), status=told.status, preload_content=False
    )
    made = requests.Response()
    made.status_code = told.status
    made.headers = requests.structures.CaseInsensitiveDict(told.headers)
    made.raw = raw
    made.url = request.url or ""
    made.request = request
    made.encoding = "utf-8"
    return made
