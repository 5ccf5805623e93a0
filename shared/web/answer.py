"""What a call answers, before any web framework is involved; and errors as problem+json (RFC 9457)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

PROBLEM = "application/problem+json"


MOST_PATH_CHARACTERS = 300
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong with a call, and its place in it, such as `parameters.region`."""

    path: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Status, body and headers of an HTTP answer."""

    status: int
    body: str
    mimetype: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


class ProblemError(Exception):
    """A call that cannot be served as asked. `errors`: every single problem, each with its place."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[Mistake] = (),
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.members = members

    def answer(self) -> Answer:
        body = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            **({"errors": [_error(mistake) for mistake in self.errors]} if self.errors else {}),
            **self.members,
        }
        return Answer(status=self.status, body=_dumps(body), mimetype=PROBLEM, headers=self.headers)


def json_answer(status: int, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status=status, body=_dumps(body), headers=dict(headers or {}))


def _error(mistake: Mistake) -> dict[str, str]:
    path = mistake.path or '""'
    if len(path) > MOST_PATH_CHARACTERS:
        path = f"{path[: MOST_PATH_CHARACTERS - 1]}…"
    return {"path": path, "detail": mistake.detail}


def _dumps(body: Any) -> str:
    """JSON that can be sent. Messages may hold callers' names, and those half characters."""
    return _HALF_CHARACTER.sub("\ufffd", json.dumps(body, ensure_ascii=False))
