"""`GET /api/openapi.json`: the HTTP API, described as OpenAPI 3.1. Tests hold it against what the code answers."""

from __future__ import annotations

from typing import Any

from shared.core.run import RunStatus
from shared.web import jobs
from shared.web.access.described import door_paths
from shared.web.answer import Answer, json_answer
from shared.web.limits import (
    CURSOR,
    DEFAULT_LIMIT,
    MOST_EVENT_BODY_BYTES,
    MOST_LISTED,
)
from shared.web.openapi_parts import (
    JSON,
    RETRY,
    WHY,
    accepted,
    body,
    in_path,
    in_query,
    json_of,
    key,
    problem,
    problems,
    run,
    run_id,
)
from shared.web.pages.described import page_paths
from shared.web.schemas import CHAIN_PATTERN, Schema, ref, schemas, text, words

VERSION = "0.1.0"
KEY_ALONE: list[Schema] = [{"key_in_header": []}, {"key_in_query": []}]


def openapi() -> Answer:
    """The document. It is there even when the settings or the chains file are broken."""
    return json_answer(200, document())


def document() -> dict[str, Any]:
    """The whole document as plain data."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Baton",
            "version": VERSION,
            "description": "Starts chains of data jobs, watches them, and refreshes reports when they succeed.",
        },
        "servers": [{"url": "/"}],
        "security": [{"key_in_header": []}, {"key_in_query": []}, {"entra": []}],
        "paths": paths(),
        "components": {"schemas": schemas(), "securitySchemes": _security_schemes()},
    }


def paths() -> dict[str, Any]:
    """Every path with its methods."""
    from shared.web import openapi_controls  # which is made of what stands here

    return {
        "/api/chains/{chain}/runs": {"post": _start_run()},
        "/api/runs": {"get": _list_runs()},
        "/api/runs/{id}": {"get": _get_run()},
        "/api/runs/{id}/cancel": {"post": _cancel_run()},
        "/api/runs/{id}/rerun": {"post": _rerun_run()},
        "/api/chains": {"get": _list_chains()},
        "/api/connections/{name}/jobs": {"get": _list_jobs()},
        "/api/events": {"post": _receive_events(), "options": _events_handshake()},
        "/api/health": {"get": _health()},
        "/api/openapi.json": {"get": _openapi()},
        **page_paths(),
        **openapi_controls.paths(),
        **door_paths(),
    }


def _start_run() -> Schema:
    return {
        "operationId": "start_run",
        "summary": "Start a run of a chain",
        "parameters": [in_path("chain", CHAIN_PATTERN, "The name of a declared chain."), key("chain")],
        "requestBody": body("StartBody"),
        "responses": {
            "202": accepted("The run. Its first jobs have been started, or have failed."),
            **problems(400, 404, 409, 413, 429),
        },
    }


def _rerun_run() -> Schema:
    return {
        "operationId": "rerun_run",
        "summary": "Run an ended run again: what failed, all of it, or from a step on",
        "description": "A new run. Steps that succeeded and are not to run again keep their result. With `failed`,"
        " a pipeline whose run failed is continued from its failed activity. The chain is taken as it is declared"
        " now if its steps, their order and the parameters' names are those of the earlier run, else as that run"
        " had it.",
        "parameters": [run_id(), key("run")],
        "requestBody": body("RerunBody"),
        "responses": {
            "202": accepted("The new run. Its first jobs have been started, or have failed."),
            **problems(400, 404, 409, 413, 429),
        },
    }


def _get_run() -> Schema:
    return {
        "operationId": "get_run",
        "summary": "One run with its steps",
        "parameters": [run_id()],
        "responses": {"200": run("The run. `Retry-After` while it is running.", RETRY), **problems(404)},
    }


def _list_runs() -> Schema:
    limit = {"type": "integer", "minimum": 1, "maximum": MOST_LISTED, "default": DEFAULT_LIMIT}
    cursor = "Where an earlier answer left off. A page may be shorter than `limit` and still have one."
    return {
        "operationId": "list_runs",
        "summary": "Runs, newest first",
        "description": "An empty value in the query is as good as none. Names that are not listed are refused.",
        "parameters": [
            in_query("chain", text(pattern=CHAIN_PATTERN), "Only runs of this chain."),
            in_query("status", words(RunStatus), "Only runs with this status."),
            in_query("limit", limit, "How many runs at most."),
            in_query("cursor", text(pattern=f"^{CURSOR.pattern}$"), cursor),
        ],
        "responses": {"200": json_of("A page of runs.", "RunPage"), **problems(400)},
    }


def _cancel_run() -> Schema:
    return {
        "operationId": "cancel_run",
        "summary": "Stop a run: nothing further starts, and its jobs are cancelled",
        "parameters": [run_id()],
        "responses": {
            "202": accepted("The run, being cancelled."),
            **problems(404, 409),
        },
    }


def _list_chains() -> Schema:
    return {
        "operationId": "list_chains",
        "summary": "What is declared, when it fires next, how it went last",
        "responses": {"200": json_of("All chains.", "Chains"), **problems()},
    }


def _list_jobs() -> Schema:
    limit = {"type": "integer", "minimum": 1, "maximum": jobs.MOST_LISTED, "default": jobs.DEFAULT_LIMIT}
    moment = text(format="date-time")
    narrowed = "One {}. Only at a connection of such a type; there it may be required."
    return {
        "operationId": "list_jobs",
        "summary": "What ran at a connection, whoever started it, newest first",
        "description": "Which of `pipeline`, `item` and `dataset` there is depends on the connection's type.",
        "parameters": [
            in_path("name", CHAIN_PATTERN, "The name of a declared connection."),
            in_query("after", moment, "Jobs that changed after this time; a day before `before` without it."),
            in_query("before", moment, "Jobs that changed before this time; now without it."),
            in_query("status", text(), "In the service's own word."),
            *(in_query(name, text(), narrowed.format(name)) for name in ("pipeline", "item", "dataset")),
            in_query("limit", limit, "How many jobs at most."),
            in_query("cursor", text(), "Where an earlier answer left off."),
        ],
        "responses": {"200": json_of("A page of jobs.", "JobPage"), **problems(400, 404, 502)},
    }


def _receive_events() -> Schema:
    kinds = (JSON, "application/cloudevents+json", "application/cloudevents-batch+json")
    return {
        "operationId": "receive_events",
        "summary": "Events that may start chains, by webhook",
        "description": "Event Grid's own schema and CloudEvents 1.0 (structured, batched, and binary with `ce-`"
        " headers), and Azure Monitor's common alert schema. The same event again starts nothing new. Answers the"
        " handshake of Event Grid's schema. A 503 asks for the same events again.",
        "requestBody": {
            "description": f"At most {MOST_EVENT_BODY_BYTES:,} bytes of UTF-8.",
            "required": True,
            "content": {kind: {"schema": ref("Events")} for kind in kinds},
        },
        "responses": {"200": json_of("What became of them.", "EventsReceived"), **problems(400, 413)},
        "security": KEY_ALONE,
    }


def _events_handshake() -> Schema:
    allowed = {"description": "The origin of the request.", "schema": text()}
    return {
        "operationId": "events_handshake",
        "summary": "The handshake of CloudEvents 1.0: whether `WebHook-Request-Origin` may deliver",
        "responses": {
            "200": {
                "description": "It may, if the answer says so.",
                "headers": {"WebHook-Allowed-Origin": allowed},
            },
            **problems(403),
        },
        "security": KEY_ALONE,
    }


def _health() -> Schema:
    failing = problem(503)
    failing["description"] = f"A connection does not work. Or: {WHY[503]}"
    failing["content"] = {JSON: {"schema": ref("Health")}, **failing["content"]}
    return {
        "operationId": "health",
        "summary": "Whether every connection can do what the chains need, and why not",
        "responses": {"200": json_of("All is well.", "Health"), **problems(), "503": failing},
    }


def _openapi() -> Schema:
    described = {"description": "This document.", "content": {JSON: {"schema": {"type": "object"}}}}
    return {
        "operationId": "openapi",
        "summary": "This document",
        "responses": {"200": described, **problems()},
    }


def _security_schemes() -> Schema:
    return {
        "key_in_header": {"type": "apiKey", "in": "header", "name": "x-functions-key"},
        "key_in_query": {"type": "apiKey", "in": "query", "name": "code"},
        "entra": {"type": "http", "scheme": "bearer", "description": "With `CALLERS=entra`: a token for the app."},
    }
