"""Requests and answers, before any socket is involved."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Json = Any
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a client sent. Header names are lower case; `query` holds each name's last value."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Json:
        """The body as JSON; None when there is none. Raises ValueError for what is no JSON."""
        return json.loads(self.body) if self.body.strip() else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What the service answers."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    garbled: bool = False  # as no document of the service has it, on purpose


class LostError(Exception):
    """The connection ends without an answer. `sent`: the request had arrived, and may have had its effect."""

    def __init__(self, *, sent: bool = True) -> None:
        super().__init__("the connection was dropped")
        self.sent = sent


def answer(status: int, body: Json = None, **headers: str) -> Response:
    """A JSON answer; header names are written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is None:
        return Response(status=status, headers=named)
    named.setdefault("Content-Type", "application/json; charset=utf-8")
    return Response(status=status, headers=named, body=json.dumps(body).encode())


def problem(status: int, code: str, message: str, **headers: str) -> Response:
    """The error envelope that Resource Manager and Power BI share."""
    return answer(status, {"error": {"code": code, "message": message}}, **headers)


def parsed_time(text: str) -> datetime:
    """RFC 3339, with any number of decimals; without a zone it is UTC. Raises ValueError."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no time")
    seconds, decimals, zone = match.groups()
    digits = (decimals or "0")[:6].ljust(6, "0")
    return datetime.fromisoformat(f"{seconds}.{digits}{'+00:00' if zone in (None, 'Z') else zone}")


def long_time(time: datetime | None) -> str | None:
    """As Data Factory writes it: seven decimals and Z."""
    return (
        None
        if time is None
        else f"{time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}0Z"
    )


def short_time(time: datetime, *, zone: str = "Z") -> str:
    """As Power BI writes it: milliseconds, with Z in histories and without it in details."""
    utc = time.astimezone(UTC)
    return utc.strftime("%Y-%m-%dT%H:%M:%S.") + f"{utc.microsecond // 1000:03d}{zone}"
