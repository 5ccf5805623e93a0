"""The JSON Schema of each event's data: `python -m shared.events.schemas docs/events` writes them anew."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter

from shared.core import alert_data, alerts

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

DATA: Final[dict[str, type]] = {
    alerts.STARTED: alert_data.RunStarted,
    alerts.SUCCEEDED: alert_data.RunEnded,
    alerts.FAILED: alert_data.RunFailed,
    alerts.CANCELLED: alert_data.RunEnded,
    alerts.LATE: alert_data.RunLate,
    alerts.RECOVERED: alert_data.RunRecovered,
    alerts.STEP_FAILED: alert_data.StepFailed,
    alerts.CONNECTION_UNHEALTHY: alert_data.ConnectionUnhealthy,
}

_DESCRIPTIONS: Final = {
    "attempt": "The last attempt's number, from 1.",
    "attempts": "How many attempts the step may have.",
    "chain": "The chain's name.",
    "code": "A stable word for what is wrong.",
    "connection": "The connection's name in the chains file.",
    "due_at": "The deadline that was missed.",
    "duration_seconds": "From started_at to finished_at.",
    "error": "Why, as the service told it.",
    "failed_looks": "How many looks in a row have failed.",
    "finished_at": "When it ended, by Baton's clock.",
    "id": "The job's id at its service.",
    "job": "The last attempt's job. Null when there was none.",
    "late_seconds": "From late_since to finished_at.",
    "late_since": "The first deadline that was missed in a row.",
    "left_seconds": "What the run usually still takes. Null when nothing is known of a step that is to come.",
    "link": "Where to read more: of a run, below the app's address; of a job, at its service.",
    "message": "A sentence for people, with the remedy where one is known.",
    "name": "The step's name.",
    "rerun_of": "The id of the run that this one repeats.",
    "run_id": "The run's id.",
    "running": "The chain's runs under way, the newest first, ten at the most.",
    "since": "When looks began to fail.",
    "started_at": "Of a run: when it was accepted. Of a step: when its last job began.",
    "status": "How it ended, or `running`.",
    "step": "The step's name.",
    "steps": "All steps, in the order of the chains file. Long messages are cut.",
    "time": "The time that the run stands for: a schedule's, or that of the call or event.",
    "trigger": "What started the run.",
    "type": "What kind it is.",
}


def schema(kind: str) -> dict[str, Any]:
    """Of the data of events of this type. Further members may come in later versions."""
    made = TypeAdapter(DATA[kind]).json_schema(mode="serialization")
    for record in (made, *made.get("$defs", {}).values()):
        for name, member in record.get("properties", {}).items():
            record["properties"][name] = {**_plain(member), "description": _DESCRIPTIONS[name]}
        record["required"] = list(record.get("properties", {}))
        record["description"] = " ".join(str(record.get("description", "")).split())
    return {"$schema": DIALECT, **made, "title": f"The data of {kind}"}


def file_name(kind: str) -> str:
    return f"{kind}.schema.json"


def write(folder: Path) -> None:
    """One file for each type."""
    for kind in DATA:
        (folder / file_name(kind)).write_text(json.dumps(schema(kind), indent=2) + "\n")


def _plain(member: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in member.items() if name not in ("title", "default")}


if __name__ == "__main__":
    write(Path(sys.argv[1]))
