"""What a call answers, before any web framework is involved; and errors as problem+json (RFC 9457)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

PROBLEM = "application/problem+json"


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
        errors: Sequence[Mapping[str, str]] = (),
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
            **({"errors": self.errors} if self.errors else {}),
            **self.members,
        }
        return Answer(status=self.status, body=_dumps(body), mimetype=PROBLEM, headers=self.headers)


def json_answer(status: int, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status=status, body=_dumps(body), headers=dict(headers or {}))


def _dumps(body: Any) -> str:
    return json.dumps(body, ensure_ascii=False)
