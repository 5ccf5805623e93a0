"""Fabric workspaces, their items, and job instances that take their time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local.simulated_azure.messages import Response, answer, long_time

FINAL = ("Completed", "Failed", "Cancelled", "Deduped")
JOB_TYPES = {
    "DataPipeline": ("Pipeline", "Execute"),
    "Notebook": ("RunNotebook", "Execute"),
    "SparkJobDefinition": ("sparkjob",),
    "Dataflow": ("Execute", "ApplyChanges"),
    "Lakehouse": ("TableMaintenance", "RefreshMaterializedLakeViews"),
    "CopyJob": ("CopyJob", "Execute"),
    "DataBuildToolJob": ("Execute",),
}
NOTEBOOK_TYPES = ("string", "int", "float", "bool")
LIST_TYPES = ("VariableReference", "Integer", "Number", "Text", "Boolean", "DateTime", "Guid", "Automatic")


@dataclass(slots=True)
class Item:
    """An item and what its jobs do. `fails`: its code and message; `dedupes`: one job of a type at a time."""

    id: str
    name: str
    type: str
    seconds: float = 5.0
    queued_seconds: float = 0.3
    exit_value: str | None = None
    fails: tuple[str, str] | None = None
    dedupes: bool = False
    instances: list[Instance] = field(default_factory=list)  # the newest first


@dataclass(slots=True)
class Instance:
    """One job. What it shows depends on the time."""

    id: str
    job_type: str
    invoke_type: str  # Manual, Scheduled
    body: Mapping[str, Any]
    created_at: datetime
    begins_at: datetime
    ends_at: datetime
    outcome: str
    visible_at: datetime
    activity: str
    cancelled_at: datetime | None = None

    def status(self, now: datetime) -> str:
        if self.cancelled_at is not None and self.cancelled_at < self.ends_at and now >= self.cancelled_at:
            return "Cancelled"
        if now >= self.ends_at:
            return self.outcome
        return "InProgress" if now >= self.begins_at else "NotStarted"

    def ended_at(self) -> datetime:
        return min(self.ends_at, self.cancelled_at or self.ends_at)


@dataclass(slots=True)
class Workspace:
    """`role`: what the caller may do: run (Contributor), only look (Viewer), or nothing (None)."""

    name: str = "Workspace"
    role: str | None = "Contributor"
    paused: bool = False  # its capacity
    most_active: int = 10_000  # jobs at a time; more are refused for now
    items: dict[str, Item] = field(default_factory=dict)


def instance_view(item: Item, instance: Instance, now: datetime) -> dict[str, Any]:
    """As lists show it. Times have seven decimals and no zone."""
    status = instance.status(now)
    shown: dict[str, Any] = {
        "id": instance.id,
        "itemId": item.id,
        "jobType": instance.job_type,
        "invokeType": instance.invoke_type,
        "status": status,
        "rootActivityId": instance.activity,
        "startTimeUtc": _time(instance.created_at),
    }
    if status in FINAL:
        shown["endTimeUtc"] = _time(instance.ended_at())
    if status == "Failed" and item.fails is not None:
        shown["failureReason"] = {"errorCode": item.fails[0], "message": item.fails[1]}
    return shown


def item_view(workspace_id: str, item: Item) -> dict[str, Any]:
    return {
        "id": item.id,
        "type": item.type,
        "displayName": item.name,
        "description": "",
        "workspaceId": workspace_id,
    }


def body_problem(job_type: str, body: Any) -> tuple[str, str] | None:
    """Code and message where a start's body does not fit its job type."""
    if not isinstance(body, dict) or not set(body) <= {"executionData", "parameters"}:
        return "InvalidInput", "The body must be an object with executionData and parameters."
    data, listed = body.get("executionData", {}), body.get("parameters", [])
    if not isinstance(data, dict) or not isinstance(listed, list):
        return "InvalidInput", "executionData must be an object, and parameters a list."
    if listed and job_type != "Execute":
        return "FeatureNotAvailable", "Parameter is not allowed for this item type or this item job type"
    if any(not isinstance(p, dict) or set(p) != {"name", "type", "value"} or p["type"] not in LIST_TYPES
           for p in listed):  # fmt: skip
        return "InvalidInput", f"Each parameter needs name, value and a type of {', '.join(LIST_TYPES)}."
    if job_type == "RunNotebook":
        for name, told in (data.get("parameters") or {}).items():
            if not isinstance(told, dict) or told.get("type") not in NOTEBOOK_TYPES or "value" not in told:
                return "InvalidInput", f"Parameter {name} needs a value and a type of {', '.join(NOTEBOOK_TYPES)}."
    return None


def refusal(status: int, code: str, message: str, **headers: str) -> Response:
    """Fabric's error envelope, which is flat."""
    return answer(status, {"errorCode": code, "message": message}, **headers)


def in_flat_envelope(told: Response) -> Response:
    """An answer that was made in Resource Manager's envelope, in Fabric's."""
    if told.status < 400 or told.garbled or not told.body:
        return told
    body = json.loads(told.body)
    inner = body.get("error") if isinstance(body, dict) else None
    if not isinstance(inner, dict):
        return told
    code = _CODES.get(inner["code"], inner["code"])
    flat = refusal(told.status, str(code), inner["message"])
    return Response(status=told.status, headers={**flat.headers, **told.headers}, body=flat.body)


_CODES = {
    "ExpiredAuthenticationToken": "TokenExpired",
    "AuthorizationFailed": "InsufficientPrivileges",
    "ResourceNotFound": "ItemNotFound",
    "TooManyRequests": "RequestBlocked",
}


def _time(time: datetime) -> str:
    return str(long_time(time)).removesuffix("Z")
