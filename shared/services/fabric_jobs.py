"""Fabric's job instances as they stand on the wire: request bodies, answers, and where links lead."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

from shared.core.definition import StepDefinition
from shared.core.errors import RefusedError
from shared.core.facts import Observation, Verdict
from shared.core.follows import SeenJob
from shared.core.run import Error
from shared.services.fabric_items import GUID, Item
from shared.services.wire import text_of, time_of

SKIPPED = "Deduped"  # another instance was running, and this one did no work
VERDICTS = {
    "NotStarted": Verdict.ACTIVE,
    "InProgress": Verdict.ACTIVE,
    "Completed": Verdict.SUCCEEDED,
    "Failed": Verdict.FAILED,
    "Cancelled": Verdict.CANCELLED,
    SKIPPED: Verdict.FAILED,
}
# Job types whose own settings are all that a caller can say: the step's parameters become executionData.
SETTINGS_ONLY = frozenset({"sparkjob", "TableMaintenance", "RefreshMaterializedLakeViews"})

_DEDUPED = (
    "Fabric skipped this start, because another instance of the same job type was running on the item (Deduped):"
    " it did no work. Give the step retries, with a retry_delay as long as such a run takes."
)
_LATEST = datetime.max.replace(tzinfo=UTC)
_NUMBER = re.compile(r"-?\d.*")


def run_body(definition: StepDefinition, parameters: Mapping[str, Any]) -> dict[str, Any] | None:
    """The body of a start: execution_data as it is, and the parameters in the shape that the job type takes.

    None when there is nothing to say. Raises RefusedError for a parameter that has no such shape.
    """
    data = dict(definition.execution_data)
    body: dict[str, Any] = {}
    match definition.job_type:
        case _ if not parameters:
            pass
        case "Pipeline":
            data["parameters"] = dict(parameters)
        case "RunNotebook":
            data["parameters"] = {name: _notebook_parameter(name, value) for name, value in parameters.items()}
        case job_type if job_type in SETTINGS_ONLY:
            data |= parameters
        case _:
            body["parameters"] = [{"name": name, **_typed(name, value)} for name, value in parameters.items()]
    if data:
        body["executionData"] = data
    return body or None


def _notebook_parameter(name: str, value: Any) -> dict[str, Any]:
    words = {"Text": "string", "Boolean": "bool", "Integer": "int", "Number": "float"}
    typed = _typed(name, value)
    return {"value": typed["value"], "type": words[typed["type"]]}


def _typed(name: str, value: Any) -> dict[str, Any]:
    """Value and type in the words of the API's parameter list. Lists and objects travel as JSON text."""
    match value:
        case bool():
            return {"type": "Boolean", "value": value}
        case int():
            return {"type": "Integer", "value": value}
        case float():
            return {"type": "Number", "value": value}
        case str():
            return {"type": "Text", "value": value}
        case None:
            raise RefusedError("bad_parameter", f"Parameter {name!r} is null, and Fabric has no type for that.")
        case _:
            return {"type": "Text", "value": json.dumps(value, ensure_ascii=False)}


def instance_id(location: str) -> str | None:
    """The id at the end of a start's Location; None when it only names the list, as it sometimes does."""
    parts = urlsplit(location).path.rstrip("/").split("/")
    named = len(parts) > 1 and parts[-2] == "instances" and GUID.fullmatch(parts[-1])
    return parts[-1].lower() if named else None


def observation_of(entry: Mapping[str, Any]) -> Observation | None:
    """What a job instance says, listed or read. None when it says no status at all."""
    status = text_of(entry.get("status"))
    if status is None:
        return None
    verdict = VERDICTS.get(status, Verdict.ACTIVE)
    error = None
    if verdict is Verdict.FAILED:
        error = Error("deduped", _DEDUPED) if status == SKIPPED else Error("job_failed", _reason(entry))
    return Observation(
        verdict=verdict,
        status=status,
        started_at=time_of(entry.get("startTimeUtc")),
        ended_at=time_of(entry.get("endTimeUtc")) if verdict is not Verdict.ACTIVE else None,
        output=output_of(exit_value(entry)) if verdict is Verdict.SUCCEEDED else None,
        error=error,
    )


def seen_of(entry: Mapping[str, Any], job_type: str, link: str) -> SeenJob:
    """An instance of a followed item, under the job type by which it is followed."""
    seen = observation_of(entry)
    started_at = time_of(entry.get("startTimeUtc"))
    return SeenJob(
        id=str(entry.get("id")).lower(),
        what=job_type,
        verdict=seen.verdict if seen else None,
        status=seen.status if seen else "",
        updated_at=time_of(entry.get("endTimeUtc")) or started_at or _LATEST,
        link=link,
        started_at=started_at,
        ended_at=seen.ended_at if seen else None,
        invoked_by=text_of(entry.get("invokeType")),
        by_call=entry.get("invokeType") != "Scheduled",
        output=seen.output if seen else None,
    )


def same_job_type(asked: str | None, shown: Any) -> bool:
    """`Execute` is the newer word for what an item does first of all; the service may answer with the older."""
    return "Execute" in (asked, shown) or str(asked).lower() == str(shown).lower()


def is_complete(entry: Mapping[str, Any]) -> bool:
    """Whether a listed instance says all there is: lists leave out exit values, and may leave out reasons."""
    match text_of(entry.get("status")):
        case "Completed":
            return entry.get("jobType") not in ("RunNotebook", "Execute") or exit_value(entry) is not None
        case "Failed":
            return isinstance(entry.get("failureReason"), dict)
    return True


def exit_value(entry: Mapping[str, Any]) -> Any:
    """What a notebook gave back: at the top of the instance, or in its properties."""
    properties = entry.get("properties")
    held = properties.get("exitValue") if isinstance(properties, dict) else None
    return entry.get("exitValue") if entry.get("exitValue") is not None else held


def output_of(value: Any) -> Any:
    """The exit value as data: JSON text of an object, a list or a number is read; any other text stays text."""
    text = value.strip() if isinstance(value, str) else ""
    if text[:1] not in ("{", "[") and not _NUMBER.fullmatch(text):
        return value if value != "" else None
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        return value


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _refuse(digits)


def _reason(entry: Mapping[str, Any]) -> str:
    """The failure in the service's words: `errorCode: message`, then its details."""
    reason = entry.get("failureReason")
    if not isinstance(reason, dict):
        return f"The job failed: {reason}" if text_of(reason) else "The job failed, and gave no reason."
    more = reason.get("moreDetails")
    told = [reason, *(item for item in (more if isinstance(more, list) else []) if isinstance(item, dict))]
    lines = [": ".join(str(e[k]) for k in ("errorCode", "message") if e.get(k)) for e in told]
    return "; ".join(line for line in lines if line)[:4_000] or "The job failed, and gave no reason."


def link_of(portal: str, workspace: str, item: Item, job_type: str | None, instance: str) -> str:
    """Where people see the job; the workspace, where no address of its own is known."""
    at = f"{portal}/groups/{workspace}"
    if job_type == "RunNotebook" or item.type == "Notebook":
        return f"{at}/synapsenotebooks/{item.id}/snapshots/{instance}?experience=power-bi"
    if (job_type == "Pipeline" or item.type == "DataPipeline") and item.name:
        path = f"workspaces/{workspace}/pipelines/{quote(item.name, safe='')}/{instance}"
        return f"{portal}/workloads/data-pipeline/monitoring/{path}?experience=data-factory"
    return at
