"""The description of the calls that hold chains back and let them go on. Part of `openapi.py`."""

from __future__ import annotations

from typing import Any

from shared.web.openapi_parts import RETRY, body, in_path, json_of, key, problems, required
from shared.web.schemas import CHAIN_PATTERN, RUN_ID_PATTERN, Schema, text


def paths() -> dict[str, Any]:
    """Every path with its methods."""
    return {
        "/api/chains/{chain}/pause": {"post": _pause()},
        "/api/chains/{chain}/resume": {"post": _resume()},
        "/api/chains/{chain}/backfill": {"post": _begin_backfill()},
        "/api/backfills/{id}": {"get": _get_backfill()},
        "/api/backfills/{id}/cancel": {"post": _cancel_backfill()},
    }


def _pause() -> Schema:
    return {
        "operationId": "pause_chain",
        "summary": "Have a chain start nothing by itself",
        "description": "Scheduled times, events and pipelines that it follows start nothing until it is resumed,"
        " and are not made up for. Runs under way go on; runs that wait for a slot wait on. A chain that is paused"
        " already stays so, with the reason and the end that are given now.",
        "parameters": [_chain()],
        "requestBody": body("PauseBody"),
        "responses": {"200": json_of("The chain's pause.", "PauseState"), **problems(400, 404, 413)},
    }


def _resume() -> Schema:
    return {
        "operationId": "resume_chain",
        "summary": "Let a paused chain go on",
        "description": "Also of a chain that is declared no more, if it is paused.",
        "parameters": [_chain()],
        "responses": {"200": json_of("Not paused.", "PauseState"), **problems(404)},
    }


def _begin_backfill() -> Schema:
    return {
        "operationId": "begin_backfill",
        "summary": "Run scheduled times afterwards, in order",
        "description": "Each time gets a run as its schedule would have started it. Times that have a run are left"
        " alone, unless `rerun` says otherwise. Say `from` and `to`, or `times`.",
        "parameters": [_chain(), key("chain")],
        "requestBody": {**body("BackfillBody"), "description": "The times, and how.", "required": True},
        "responses": {
            "202": _accepted("The backfill. Its first runs begin soon."),
            **problems(400, 404, 409, 413),
        },
    }


def _get_backfill() -> Schema:
    shown = {**json_of("The backfill. `Retry-After` while it goes on.", "Backfill"), "headers": RETRY}
    return {
        "operationId": "get_backfill",
        "summary": "How far a backfill is",
        "parameters": [_backfill()],
        "responses": {"200": shown, **problems(404)},
    }


def _cancel_backfill() -> Schema:
    return {
        "operationId": "cancel_backfill",
        "summary": "Stop a backfill: no further time is begun",
        "parameters": [_backfill()],
        "requestBody": body("BackfillCancelBody"),
        "responses": {"202": _accepted("The backfill, being stopped."), **problems(400, 404, 409, 413)},
    }


def _accepted(description: str) -> Schema:
    where = text(pattern=RUN_ID_PATTERN.replace("^", "^/api/backfills/", 1))
    location = {"Location": {"description": "Where the backfill is.", "required": True, "schema": where}}
    links = {
        name: {"operationId": name, "parameters": {"id": "$response.body#/id"}}
        for name in ("get_backfill", "cancel_backfill")
    }
    return {**json_of(description, "Backfill"), "headers": {**location, **required(RETRY)}, "links": links}


def _backfill() -> Schema:
    return in_path("id", RUN_ID_PATTERN, "A backfill's id, as its beginning gave it.")


def _chain() -> Schema:
    return in_path("chain", CHAIN_PATTERN, "The name of a declared chain.")
