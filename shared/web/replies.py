"""How the API's HTTP triggers answer."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import azure.functions as func

if TYPE_CHECKING:
    from shared.app import Baton
    from shared.web.answer import Answer


def answered(req: func.HttpRequest, function: str, call: Callable[[Baton], Answer]) -> func.HttpResponse:
    """The call's answer, if the caller may make it."""
    from shared.web import serve

    return response(refused(req, function) or serve.answered(call))


def refused(req: func.HttpRequest, function: str) -> Answer | None:
    """The answer for who may not call the function; None for who may."""
    from shared.web.access.gate import refusal

    return refusal(function, req.method, headers_of(req), os.environ)


def headers_of(req: func.HttpRequest) -> dict[str, str]:
    """With names in lower case."""
    return {name.lower(): value for name, value in req.headers.items()}


def response(answer: Answer) -> func.HttpResponse:
    """The answer as the worker takes it."""
    return func.HttpResponse(
        answer.body, status_code=answer.status, headers=dict(answer.headers), mimetype=answer.mimetype
    )
