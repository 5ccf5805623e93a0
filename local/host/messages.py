"""One request and one response, apart from the sockets that carry them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class WebRequest:
    """`path` is as it came: percent-encoded, without the query. Header names are lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    origin: str = "http://localhost"

    @property
    def url(self) -> str:
        return f"{self.origin}{self.path}{'?' if self.query else ''}{self.query}"

    def parameters(self) -> dict[str, str]:
        """The query, decoded. Empty values are dropped and repeated names are joined by commas, as in Azure."""
        values: dict[str, str] = {}
        for name, value in parse_qsl(self.query):
            values[name] = f"{values[name]},{value}" if name in values else value
        return values

    def parameter(self, name: str) -> str:
        """One query value whatever the case of its name, or ""."""
        return next((value for key, value in self.parameters().items() if key.lower() == name.lower()), "")


@dataclass(frozen=True, slots=True)
class WebResponse:
    """Content-Length, Connection and Date are the server's and are not among the headers."""

    status: int
    body: bytes = b""
    headers: Headers = ()


def json_response(status: int, value: object) -> WebResponse:
    return WebResponse(status, json.dumps(value).encode(), (("content-type", "application/json; charset=utf-8"),))


def text_response(status: int, text: str) -> WebResponse:
    return WebResponse(status, text.encode(), (("content-type", "text/plain; charset=utf-8"),))
