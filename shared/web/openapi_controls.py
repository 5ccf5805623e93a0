"""The description of the calls that hold chains back and let them go on. Part of `openapi.py`."""

from __future__ import annotations

from typing import Any

from shared.web.openapi import _body, _in_path, _json, _problems
from shared.web.schemas import CHAIN_PATTERN, Schema


def paths() -> dict[str, Any]:
    """Every path with its methods."""
    return {
        "/api/chains/{chain}/pause": {"post": _pause()},
        "/api/chains/{chain}/resume": {"post": _resume()},
    }


def _pause() -> Schema:
    return {
        "operationId": "pause_chain",
        "summary": "Have a chain start nothing by itself",
        "description": "Scheduled times, events and pipelines that it follows start nothing until it is resumed,"
        " and are not made up for. Runs under way go on; runs that wait for a slot wait on. A chain that is paused"
        " already stays so, with the reason and the end that are given now.",
        "parameters": [_chain()],
        "requestBody": _body("PauseBody"),
        "responses": {"200": _json("The chain's pause.", "PauseState"), **_problems(400, 404, 413)},
    }


def _resume() -> Schema:
    return {
        "operationId": "resume_chain",
        "summary": "Let a paused chain go on",
        "description": "Also of a chain that is declared no more, if it is paused.",
        "parameters": [_chain()],
        "responses": {"200": _json("Not paused.", "PauseState"), **_problems(404)},
    }


def _chain() -> Schema:
    return _in_path("chain", CHAIN_PATTERN, "The name of a declared chain.")
