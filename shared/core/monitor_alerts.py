"""Azure Monitor's common alert schema as an event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SCHEMA = "azureMonitorCommonAlertSchema"
TYPE_PREFIX = "Microsoft.Insights.Alert."


def is_alert(raw: Any) -> bool:
    return isinstance(raw, Mapping) and raw.get("schemaId") == SCHEMA


def event_form(alert: Mapping[str, Any]) -> dict[str, Any]:
    """The CloudEvent that says the same; fields that the alert lacks are left out, for the reader to miss.

    Type `Microsoft.Insights.Alert.Fired` or `.Resolved`, source the rule, subject the first target, data as it is.
    The id holds the condition and its time: one alert fires and is resolved under the same id.
    """
    data = alert.get("data")
    told = data.get("essentials") if isinstance(data, Mapping) else None
    essentials: Mapping[str, Any] = told if isinstance(told, Mapping) else {}
    condition = essentials.get("monitorCondition")
    time = essentials.get("resolvedDateTime" if condition == "Resolved" else "firedDateTime")
    alert_id = essentials.get("originAlertId") or essentials.get("alertId")
    targets = essentials.get("alertTargetIDs")
    return {
        "specversion": "1.0",
        "id": f"{alert_id} {condition} {time}" if alert_id and condition else None,
        "type": f"{TYPE_PREFIX}{condition}" if isinstance(condition, str) and condition else None,
        "source": essentials.get("alertRule"),
        "subject": targets[0] if isinstance(targets, list) and targets else None,
        "time": time,
        "data": data,
    }
