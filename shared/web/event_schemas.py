"""What `/api/events` takes and gives, as JSON Schemas."""

from __future__ import annotations

from typing import Any

from shared.core.events import MOST_NAME_CHARACTERS
from shared.core.monitor_alerts import SCHEMA
from shared.web.limits import MOST_EVENTS

Schema = dict[str, Any]
_NAME: Schema = {"type": "string", "maxLength": MOST_NAME_CHARACTERS}
_NEEDED: Schema = {**_NAME, "minLength": 1}
_ANY_NAME: Schema = {**_NAME, "description": "May be missing."}


def event_schemas() -> dict[str, Schema]:
    """CloudEvent, GridEvent, Alert, and the answer."""
    cloud = {
        "specversion": {"const": "1.0"},
        "id": _NEEDED,
        "source": _NEEDED,
        "type": _NEEDED,
        "subject": _ANY_NAME,
        "time": {"type": "string"},
        "data": {"description": "Any JSON; or `data_base64`."},
    }
    grid = {
        "id": _NEEDED,
        "eventType": _NEEDED,
        "topic": _ANY_NAME,
        "subject": _ANY_NAME,
        "eventTime": {"type": "string"},
        "data": {"description": "Any JSON."},
    }
    return {
        "CloudEvent": _open(cloud, "specversion", "id", "source", "type"),
        "GridEvent": _without(_open(grid, "id", "eventType"), "specversion"),
        "Alert": _alert(),
        "Events": {
            "anyOf": [
                {"$ref": "#/components/schemas/CloudEvent"},
                {"$ref": "#/components/schemas/GridEvent"},
                {"$ref": "#/components/schemas/Alert"},
                _several("CloudEvent"),
                _several("GridEvent"),
            ]
        },
        "EventsReceived": {"anyOf": [_received(), _validated()]},
    }


def _alert() -> Schema:
    essentials = {
        "monitorCondition": {"enum": ["Fired", "Resolved"]},
        "alertId": {"type": "string", "minLength": 1, "maxLength": 1_000},
        "originAlertId": {"type": "string", "minLength": 1, "maxLength": 1_000},
        "alertRule": {**_NEEDED, "description": "The event's source."},
        "alertTargetIDs": {"type": "array", "items": _NAME, "description": "The first is the event's subject."},
        "firedDateTime": {"type": "string", "maxLength": 100},
        "resolvedDateTime": {"type": "string", "maxLength": 100},
    }
    told = _open(essentials, "monitorCondition", "alertId", "alertRule")
    alert = {"schemaId": {"const": SCHEMA}, "data": _open({"essentials": told}, "essentials")}
    description = (
        "Azure Monitor's common alert schema: an event of type Microsoft.Insights.Alert.Fired or .Resolved."
    )
    return {**_without(_open(alert, "schemaId", "data"), "specversion"), "description": description}


def _received() -> Schema:
    texts: Schema = {"type": "array", "items": {"type": "string"}}
    properties: Schema = {
        "received": {"type": "integer", "minimum": 0},
        "unmatched": {"type": "integer", "minimum": 0, "description": "Events that no chain waits for."},
        "runs": {**texts, "description": "Runs of these events, also those that exist from an earlier delivery."},
        "refused": {**texts, "description": "Why a chain that waits for an event cannot have a run of it."},
        "skipped": {**texts, "description": "Chains that are running, and whose overlap is `skip`."},
    }
    return {"type": "object", "properties": properties, "required": list(properties)}


def _validated() -> Schema:
    told = {"validationResponse": {"type": "string", "description": "The code of Event Grid's handshake."}}
    return {"type": "object", "properties": told, "required": ["validationResponse"]}


def _open(properties: Schema, *required: str) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": True}


def _without(schema: Schema, name: str) -> Schema:
    return {**schema, "not": {"required": [name]}}


def _several(name: str) -> Schema:
    return {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}, "maxItems": MOST_EVENTS}
