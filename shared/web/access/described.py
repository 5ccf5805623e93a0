"""What OpenAPI says of the dashboard's doors and of the callback."""

from __future__ import annotations

from typing import Any

from shared.web.answer import PROBLEM
from shared.web.limits import CALLBACK_TOKEN
from shared.web.schemas import CHAIN_PATTERN, RUN_ID_PATTERN, Schema, ref, text

_PAGE = {"content": {"text/html": {"schema": {"type": "string"}}}}
_NEXT = {"Location": {"description": "The page that comes next.", "required": True, "schema": text()}}
_COOKIE = {"Set-Cookie": {"description": "The session.", "schema": text()}}


def door_paths() -> dict[str, Any]:
    """No key and no token is asked for at these."""
    return {
        "/api/dashboard/sign-in": {"get": _shown(), "post": _entered()},
        "/api/dashboard/sign-out": {"post": _left()},
        "/api/runs/{id}/steps/{step}/callback": {"post": _callback()},
    }


def _shown() -> Schema:
    return {
        "operationId": "dashboard_sign_in",
        "summary": "The form that asks for the dashboard's key",
        "parameters": [{"name": "next", "in": "query", "schema": text(), "description": "The page after it."}],
        "responses": {
            "200": _page("The form."),
            "303": _go("To App Service's own sign-in."),
            **_refusals(404, 503),
        },
        "security": [],
    }


def _entered() -> Schema:
    form = {"type": "object", "properties": {"key": text(), "next": text()}, "required": ["key"]}
    return {
        "operationId": "dashboard_enter",
        "summary": "Takes the dashboard's key, and gives a session of 12 hours",
        "requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": form}}},
        "responses": {"303": _go("The key is right.", **_COOKIE), **_refusals(403, 404, 413, 503)},
        "security": [],
    }


def _left() -> Schema:
    return {
        "operationId": "dashboard_sign_out",
        "summary": "Ends the session",
        "responses": {"303": _go("It has ended.", **_COOKIE), **_refusals(403)},
        "security": [],
    }


def _callback() -> Schema:
    token = text(pattern=f"^{CALLBACK_TOKEN.pattern}$")
    accepted = {"type": "object", "properties": {"accepted": {"type": "boolean"}}, "required": ["accepted"]}
    problem = {"content": {PROBLEM: {"schema": ref("Problem")}}}
    return {
        "operationId": "step_callback",
        "summary": "A job says that it is done: Baton looks at it at once, whatever the call says",
        "description": "`{{ callback_url }}` in a step's parameters is this address. A body is not read.",
        "parameters": [
            {"name": "id", "in": "path", "required": True, "schema": text(pattern=RUN_ID_PATTERN)},
            {"name": "step", "in": "path", "required": True, "schema": text(pattern=CHAIN_PATTERN)},
            {"name": "token", "in": "query", "required": True, "schema": token},
        ],
        "responses": {
            "202": {"description": "Baton looks.", "content": {"application/json": {"schema": accepted}}},
            "403": {"description": "The token is not one of this step's.", **problem},
            "500": {"description": "A fault in Baton.", **problem},
            "503": {"description": "The settings have mistakes, or storage does not work just now.", **problem},
        },
        "security": [],
    }


def _page(description: str) -> Schema:
    return {"description": description, **_PAGE}


def _go(description: str, **headers: Schema) -> Schema:
    return {"description": description, "headers": {**_NEXT, **headers}}


def _refusals(*statuses: int) -> Schema:
    why = {
        403: "The key is wrong, or the form comes from another site.",
        404: "The app setting DASHBOARD_KEY is missing.",
        413: "The form is too large.",
        503: "The app setting DASHBOARD_KEY is too short.",
    }
    return {str(status): _page(why[status]) for status in statuses}
