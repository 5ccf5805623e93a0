"""CloudEvents 1.0 as a JSON Schema, written from the rules of the specification."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from shared.events.schemas import schema
from tests.api.driving import closed

_TEXT = {"type": "string", "minLength": 1}
_TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"

# Context attributes: lower-case letters and digits. The payload is `data` or `data_base64`, and never both.
ENVELOPE: dict[str, Any] = {
    "type": "object",
    "required": ["id", "source", "specversion", "type"],
    "properties": {
        "id": _TEXT,
        "source": {**_TEXT, "pattern": r"^[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+$"},  # a URI reference
        "specversion": {"const": "1.0"},
        "type": _TEXT,
        "subject": _TEXT,
        "time": {"type": "string", "pattern": _TIME, "format": "date-time"},
        "datacontenttype": {"type": "string", "pattern": r"^[a-z0-9.+-]+/[a-z0-9.+-]+(;.*)?$"},
        "dataschema": {"type": "string", "pattern": r"^[A-Za-z][A-Za-z0-9+.-]*:"},
        "data": {},
        "data_base64": {"type": "string"},
    },
    "patternProperties": {r"^[a-z0-9]{1,20}$": {"type": ["string", "integer", "boolean", "object", "array"]}},
    "propertyNames": {"pattern": r"^([a-z0-9]+|data_base64)$"},
    "not": {"required": ["data", "data_base64"]},
}


@cache
def _validator(kind: str | None) -> Draft202012Validator:
    return Draft202012Validator(ENVELOPE if kind is None else closed(schema(kind)), format_checker=FormatChecker())


def problems(event: Mapping[str, Any]) -> list[str]:
    """What is wrong with an event: by CloudEvents, and by the schema of its own data."""
    found = [error.message for error in _validator(None).iter_errors(event)]
    return found + [error.message for error in _validator(str(event["type"])).iter_errors(event["data"])]
