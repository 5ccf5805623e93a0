"""An alert in the form of CloudEvents 1.0 (JSON)."""

from __future__ import annotations

from typing import Any

from shared.core.alert_data import json_ready
from shared.core.alerts import Alert

BATCH = "application/cloudevents-batch+json; charset=utf-8"


def source_of(site_name: str | None) -> str:
    """The same for as long as the app has its name: with the id it makes an event one of a kind."""
    return f"/baton/{site_name or 'local'}"


def cloud_event(alert: Alert, source: str) -> dict[str, Any]:
    """`sequence` is the extension of that name: texts that sort as the events follow one another."""
    return {
        "specversion": "1.0",
        "id": alert.id,
        "source": source,
        "type": alert.type,
        "subject": alert.subject,
        "time": json_ready(alert.time),
        "datacontenttype": "application/json",
        "sequence": f"{alert.sequence:012d}",
        "data": dict(alert.data),
    }
