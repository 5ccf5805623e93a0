"""Data Factory's and Synapse's run queries: a window of time, filters, an order, pages, and what they list."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from local.simulated_azure.messages import long_time, parsed_time
from local.simulated_azure.pipelines import FINAL, Factory, PipelineRun

PAGE_RUNS = 100

# What may be filtered and ordered by, as the services' documents spell it, and the field that it is of.
RUN_FIELDS = {
    "PipelineName": "pipelineName",
    "Status": "status",
    "RunStart": "runStart",
    "RunEnd": "runEnd",
    "RunGroupId": "runGroupId",
}
ACTIVITY_FIELDS = {
    "ActivityName": "activityName",
    "ActivityType": "activityType",
    "ActivityRunStart": "activityRunStart",
    "ActivityRunEnd": "activityRunEnd",
    "Status": "status",
}


class QueryError(Exception):
    """A query that the service refuses. The message says why."""


def window(told: Any) -> tuple[datetime, datetime]:
    """From when until when what is asked for was updated. Raises QueryError."""
    try:
        return parsed_time(told["lastUpdatedAfter"]), parsed_time(told["lastUpdatedBefore"])
    except (ValueError, KeyError, TypeError) as error:
        raise QueryError("lastUpdatedAfter and lastUpdatedBefore are needed.") from error


def paged(found: list[dict[str, Any]], told: Mapping[str, Any], fields: Mapping[str, str]) -> dict[str, Any]:
    """One page of what fits the query's filters, in its order. Raises QueryError."""
    try:
        for condition in told.get("filters") or []:
            found = [item for item in found if _fits(item.get(fields[condition["operand"]]), condition)]
        for order in reversed(told.get("orderBy") or []):
            name, descends = fields[order["orderBy"]], {"ASC": False, "DESC": True}[order["order"]]
            found = sorted(found, key=lambda item: str(item.get(name) or ""), reverse=descends)
        start = int(told.get("continuationToken") or 0)
    except (KeyError, TypeError, ValueError) as error:
        raise QueryError(f"The query is not valid: {error!r}") from error
    page: dict[str, Any] = {"value": found[start : start + PAGE_RUNS]}
    if start + PAGE_RUNS < len(found):
        page["continuationToken"] = str(start + PAGE_RUNS)
    return page


def _fits(value: Any, condition: Mapping[str, Any]) -> bool:
    values = condition["values"]
    match condition["operator"]:
        case "Equals":
            return bool(value == values[0])
        case "NotEquals":
            return bool(value != values[0])
        case "In":
            return value in values
        case "NotIn":
            return value not in values
    raise QueryError(f"There is no operator {condition['operator']!r}.")


def run_wire(factory: Factory, run: PipelineRun, now: datetime) -> dict[str, Any]:
    """A run as lists and single reads show it, the caller's own. It is made anew only when it has changed: lists
    of a thousand runs are asked for thousands of times.
    """
    status, updated_at = run.status(now), run.updated_at(now)
    is_latest = factory.latest.get(run.group, run.group) == run.id
    rests_on = (status, updated_at, run.ends_at, run.group, is_latest)
    if run.shown is None or run.shown[0] != rests_on:
        run.shown = (rests_on, _run_wire(run, status, updated_at, is_latest=is_latest))
    return run.shown[1].copy()


def _run_wire(run: PipelineRun, status: str, updated_at: datetime, *, is_latest: bool) -> dict[str, Any]:
    """A cancelled one shows no end, as in the services' own example."""
    ended_at = run.ended_at() if status in FINAL and status != "Cancelled" else None
    shown: dict[str, Any] = {
        "id": f"/pipelineruns/{run.id}",
        "runId": run.id,
        "debugRunId": None,
        "runGroupId": run.group,
        "pipelineName": run.pipeline,
        "parameters": dict(run.parameters),
        "invokedBy": dict(run.invoked_by),
        "runStart": long_time(run.created_at),
        "runEnd": long_time(ended_at),
        "durationInMs": ended_at and int((ended_at - run.created_at).total_seconds() * 1000),
        "status": status,
        "message": run.message if status == "Failed" else "",
        "lastUpdated": long_time(updated_at),
        "annotations": [],
        "runDimension": {},
        "isLatest": is_latest,
    }
    if status == "Succeeded" and run.returns is not None:
        shown["pipelineReturnValue"] = run.returns
    return shown


def activities_wire(run: PipelineRun | None, now: datetime, told: Mapping[str, Any]) -> dict[str, Any]:
    """A page of a run's activities, which come one after the other and share its time. Raises QueryError."""
    listed: list[dict[str, Any]] = []
    share = timedelta() if run is None else (run.ends_at - run.begins_at) / len(run.activities)
    for index, name in enumerate(run.activities if run else ()):
        assert run is not None
        begins, ends = run.begins_at + share * index, run.begins_at + share * (index + 1)
        if now < begins or begins >= run.ended_at():
            continue
        last = index + 1 == len(run.activities)
        listed.append(
            _activity_wire(run, name, begins, min(ends, run.ended_at()), now, failed=last and bool(run.fails))
        )
    return paged(listed, told, ACTIVITY_FIELDS)


def _activity_wire(
    run: PipelineRun, name: str, begins: datetime, ends: datetime, now: datetime, *, failed: bool
) -> dict[str, Any]:
    cancelled = run.status(now) == "Cancelled" and ends == run.ended_at()
    over = now >= ends
    status = "InProgress" if not over else "Cancelled" if cancelled else "Failed" if failed else "Succeeded"
    error = {"errorCode": "", "message": "", "failureType": "", "target": name}
    if status == "Failed":
        error |= {"errorCode": "2200", "message": run.fails, "failureType": "UserError"}
    return {
        "pipelineName": run.pipeline,
        "pipelineRunId": run.id,
        "activityName": name,
        "activityType": "Copy",
        "activityRunId": f"{run.id}-{name}",
        "linkedServiceName": "",
        "status": status,
        "activityRunStart": long_time(begins),
        "activityRunEnd": long_time(ends) if over else None,
        "durationInMs": int((ends - begins).total_seconds() * 1000) if over else None,
        "input": {},
        "output": {},
        "error": error,
        "retryAttempt": None,
        "userProperties": {},
    }
