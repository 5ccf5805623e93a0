"""What the descriptions of several calls share: parameters, bodies, answers and problems."""

from __future__ import annotations

from shared.web.answer import PROBLEM
from shared.web.limits import IDEMPOTENCY_KEY, MAX_BODY_BYTES
from shared.web.schemas import RUN_ID_PATTERN, Schema, ref, text

JSON = "application/json"
_SECONDS = {"type": "string", "pattern": "^[0-9]+$"}
RETRY = {"Retry-After": {"description": "Seconds to wait before the next call.", "schema": _SECONDS}}
LOCATION = {
    "Location": {
        "description": "Where the run is.",
        "required": True,
        "schema": text(pattern=RUN_ID_PATTERN.replace("^", "^/api/runs/", 1)),
    }
}
WHY = {
    400: "Something in the call is wrong; `errors` has each mistake with its place.",
    401: "The function key, or the Entra token, is missing or wrong.",
    404: "There is nothing of that name.",
    403: "The caller lacks the app role, or the call comes from a page of another site.",
    409: "Not in the state that this run, or this chain, is in.",
    502: "The service refused to tell.",
    413: "More than a run can carry.",
    429: "Too many runs of this chain wait already.",
    500: "A fault in Baton.",
    503: "The settings or the chains file have mistakes, or storage does not work just now.",
}


def in_path(name: str, pattern: str, description: str) -> Schema:
    schema = text(pattern=pattern)
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}


def run_id() -> Schema:
    return in_path("id", RUN_ID_PATTERN, "A run's id, as a start or a list gave it.")


def in_query(name: str, schema: Schema, description: str) -> Schema:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def json_of(description: str, schema: str) -> Schema:
    return {"description": description, "content": {JSON: {"schema": ref(schema)}}}


def run(description: str, headers: Schema) -> Schema:
    return {**json_of(description, "Run"), "headers": headers}


def accepted(description: str) -> Schema:
    return {**run(description, LOCATION | required(RETRY)), "links": _links()}


def key(scope: str) -> Schema:
    return {
        "name": "Idempotency-Key",
        "in": "header",
        "description": f"The same key on the same {scope} gives the same run.",
        "schema": text(pattern=f"^{IDEMPOTENCY_KEY.pattern}$"),
    }


def body(schema: str) -> Schema:
    return {
        "description": f"At most {MAX_BODY_BYTES:,} bytes of UTF-8. May be left out.",
        "content": {JSON: {"schema": ref(schema)}},
    }


def problems(*statuses: int) -> Schema:
    """These, and those that any call may answer."""
    some = {str(status): problem(status) for status in sorted({*statuses, 403, 500, 503})}
    return {**some, "401": _refused()}


def problem(status: int) -> Schema:
    headers = {"headers": RETRY} if status in (429, 503) else {}
    return {"description": WHY[status], "content": {PROBLEM: {"schema": ref("Problem")}}, **headers}


def _refused() -> Schema:
    """The platform, asking for a key, answers nothing more; Baton, asking for a token, a problem."""
    return {"description": WHY[401], "content": {PROBLEM: {"schema": ref("Problem")}}}


def required(headers: dict[str, Schema]) -> dict[str, Schema]:
    return {name: {**header, "required": True} for name, header in headers.items()}


def _links() -> Schema:
    parameters = {"id": "$response.body#/id"}
    return {
        name: {"operationId": name, "parameters": parameters} for name in ("get_run", "cancel_run", "rerun_run")
    }
