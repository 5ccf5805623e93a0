"""Turns what a trigger delivers into what a function gets, with the converters that Azure's worker uses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from azure.functions.eventgrid import EventGridEventInConverter
from azure.functions.http import HttpRequestConverter
from azure.functions.meta import Datum
from azure.functions.queue import QueueMessageInConverter
from azure.functions.timer import TimerRequestConverter

from local.host.index import FunctionEntry
from local.host.messages import WebRequest

NEVER = "9999-12-31T23:59:59.999999+00:00"


def http_payload(request: WebRequest, route_values: Mapping[str, str]) -> object:
    """An `azure.functions.HttpRequest`."""
    value = {
        "method": Datum(request.method, "string"),
        "url": Datum(request.url, "string"),
        "headers": _strings(request.headers),
        "query": _strings(request.parameters()),
        "params": _strings(route_values),
        "body": Datum(request.body, "bytes"),
    }
    return HttpRequestConverter.decode(Datum(value, "http"), trigger_metadata={})


def timer_payload(
    entry: FunctionEntry,
    *,
    past_due: bool,
    last: datetime | None = None,
    updated: datetime | None = None,
    next_time: datetime | None = None,
) -> object:
    """An `azure.functions.TimerRequest`, or its JSON."""
    times = {"Last": last, "Next": next_time, "LastUpdated": updated}
    text = json.dumps(
        {
            "Schedule": {"AdjustForDST": True},
            "ScheduleStatus": {name: time.isoformat() for name, time in times.items() if time is not None},
            "IsPastDue": past_due,
        }
    )
    return text if entry.wants_text else TimerRequestConverter.decode(Datum(text, "json"), trigger_metadata={})


def queue_payload(entry: FunctionEntry, body: str, metadata: Mapping[str, Datum]) -> object:
    """An `azure.functions.QueueMessage`, or the body. Raises ValueError for metadata that does not convert."""
    if entry.wants_text:
        return body
    return QueueMessageInConverter.decode(Datum(body, "string"), trigger_metadata=metadata)


def queue_metadata(
    body: str, *, message_id: str, receipt: str, dequeue_count: int, inserted_at: datetime, hidden_until: datetime
) -> dict[str, Datum]:
    """The trigger metadata of a queue message.

    When the body is a JSON object, its top-level properties (arrays and nulls apart) replace metadata of the
    same name, whatever the case: {"dequeueCount": 9} makes `dequeue_count` 9, as on the real host.
    """
    built_in = {
        "DequeueCount": Datum(json.dumps(dequeue_count), "json"),
        "ExpirationTime": Datum(json.dumps(NEVER), "json"),
        "Id": Datum(message_id, "string"),
        "InsertionTime": Datum(json.dumps(inserted_at.isoformat()), "json"),
        "NextVisibleTime": Datum(json.dumps(hidden_until.isoformat()), "json"),
        "PopReceipt": Datum(receipt, "string"),
    }
    spelled = {name.lower(): name for name in built_in}
    replaced = {spelled.get(name.lower(), name): value for name, value in _properties(body).items()}
    return built_in | replaced


def event_payload(entry: FunctionEntry, event: object) -> object:
    """A CloudEvent when it has a `specversion`, otherwise an EventGridEvent; or its JSON.

    Raises TypeError for what is not a JSON object.
    """
    if not isinstance(event, dict):
        raise TypeError("an event must be a JSON object")
    text = json.dumps(event)
    return text if entry.wants_text else EventGridEventInConverter.decode(Datum(text, "json"), trigger_metadata={})


def _properties(body: str) -> dict[str, Datum]:
    try:
        parsed: Any = json.loads(body)
    except ValueError:
        return {}
    if not isinstance(parsed, dict):
        return {}
    return {
        name: _datum(value) for name, value in parsed.items() if value is not None and not isinstance(value, list)
    }


def _datum(value: object) -> Datum:
    if isinstance(value, dict):
        return Datum(json.dumps(value), "json")
    if isinstance(value, bool):
        return Datum(str(value), "string")
    return Datum(value if isinstance(value, str) else json.dumps(value), "string")


def _strings(values: Mapping[str, str]) -> dict[str, Datum]:
    return {name: Datum(value, "string") for name, value in values.items()}
