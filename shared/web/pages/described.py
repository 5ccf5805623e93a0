"""The dashboard's routes as OpenAPI describes them: pages and forms for people, no data for programs."""

from __future__ import annotations

from typing import Any

from shared.web.schemas import CHAIN_PATTERN, RUN_ID_PATTERN, Schema, text

_FORM = "application/x-www-form-urlencoded"


def page_paths() -> dict[str, Any]:
    """Every path of the dashboard with its methods."""
    run, chain, name = _part("id", RUN_ID_PATTERN), _part("chain", CHAIN_PATTERN), _part("name", CHAIN_PATTERN)
    home = "/api/dashboard"
    return {
        home: {"get": _page("dashboard", "Every chain with its freshness, what runs, and what broke")},
        f"{home}/runs/{{id}}": {"get": _page("dashboard_run", "A run with its timeline", run)},
        f"{home}/chains/{{chain}}": {"get": _page("dashboard_chain", "A chain with its history", chain)},
        f"{home}/connections/{{name}}": {
            "get": _page("dashboard_connection", "What ran at a connection, whoever started it", name)
        },
        f"{home}/runs/{{id}}/cancel": {"post": _form("dashboard_cancel", "The button that cancels a run", run)},
        f"{home}/runs/{{id}}/rerun": {"post": _form("dashboard_rerun", "The button that reruns a run", run)},
        f"{home}/chains/{{chain}}/runs": {"post": _form("dashboard_start", "The form that starts a run", chain)},
        f"{home}/assets/{{file}}": {"get": _asset()},
    }


def _page(name: str, summary: str, *parameters: Schema) -> Schema:
    return {
        "operationId": name,
        "summary": summary,
        **({"parameters": list(parameters)} if parameters else {}),
        "responses": {"200": _html("The page."), "default": _html("A page that says what is wrong.")},
    }


def _form(name: str, summary: str, *parameters: Schema) -> Schema:
    location = {"Location": {"description": "The page of the run.", "schema": text()}}
    fields = {"type": "object", "additionalProperties": text()}
    return {
        "operationId": name,
        "summary": summary,
        "parameters": list(parameters),
        "requestBody": {"content": {_FORM: {"schema": fields}}},
        "responses": {
            "303": {"description": "It was done.", "headers": location},
            "default": _html("A page that says what is wrong."),
        },
    }


def _asset() -> Schema:
    return {
        "operationId": "dashboard_asset",
        "summary": "The pages' style sheet and script",
        "security": [],
        "parameters": [_part("file", "^[A-Za-z0-9.]+$")],
        "responses": {
            "200": {"description": "The file.", "content": {"text/css": {}, "text/javascript": {}}},
            "404": {"description": "There is no such file."},
        },
    }


def _part(name: str, pattern: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": text(pattern=pattern)}


def _html(description: str) -> Schema:
    return {"description": description, "content": {"text/html": {"schema": text()}}}
