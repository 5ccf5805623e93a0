"""What pipeline runs and their activities say, as Data Factory and Synapse write them over the wire."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from shared.core.facts import Observation, Verdict
from shared.core.follows import SeenJob
from shared.core.run import Error
from shared.ports import JobSummary, Order
from shared.services.wire import text_of, time_of

VERDICTS = {
    "Queued": Verdict.ACTIVE,
    "InProgress": Verdict.ACTIVE,
    "Canceling": Verdict.ACTIVE,
    "Succeeded": Verdict.SUCCEEDED,
    "Failed": Verdict.FAILED,
    "Cancelled": Verdict.CANCELLED,
    "Canceled": Verdict.CANCELLED,  # an older spelling in the service's own documents
}
MOST_REASON = 4_000


def observation_of(run: Mapping[str, Any]) -> Observation | None:
    """What a pipeline run says. None when it says no status at all."""
    status = text_of(run.get("status"))
    if status is None:
        return None
    verdict = VERDICTS.get(status, Verdict.ACTIVE)
    return Observation(
        verdict=verdict,
        status=status,
        started_at=time_of(run.get("runStart")),
        ended_at=time_of(run.get("runEnd")) if verdict is not Verdict.ACTIVE else None,
        output=run.get("pipelineReturnValue"),
        error=_error(run) if verdict is Verdict.FAILED else None,
    )


def summary_of(run: Mapping[str, Any], link: str) -> JobSummary:
    """A run of the history, whoever started it."""
    status = text_of(run.get("status")) or ""
    parameters = run.get("parameters")
    return JobSummary(
        id=run["runId"],
        status=status,
        what=text_of(run.get("pipelineName")) or "",
        started_at=time_of(run.get("runStart")),
        ended_at=time_of(run.get("runEnd")),
        invoked_by=text_of(_invoked_by(run).get("name")),
        parameters=parameters if isinstance(parameters, dict) else {},
        error=_error(run) if VERDICTS.get(status) is Verdict.FAILED else None,
        link=link,
    )


def seen_of(run: Mapping[str, Any], link: str, now: datetime) -> SeenJob:
    """A run at a followed place. One that does not say when it was updated has been just now."""
    seen, parameters = observation_of(run), run.get("parameters")
    return SeenJob(
        id=run["runId"],
        what=text_of(run.get("pipelineName")) or "",
        verdict=seen.verdict if seen else None,
        status=seen.status if seen else "",
        updated_at=time_of(run.get("lastUpdated")) or time_of(run.get("runEnd")) or now,
        link=link,
        started_at=time_of(run.get("runStart")),
        ended_at=seen.ended_at if seen else None,
        invoked_by=text_of(_invoked_by(run).get("name")),
        by_call=_by_call(run),
        parameters=parameters if isinstance(parameters, dict) else {},
        output=seen.output if seen else None,
    )


def failed_activities(activities: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those that failed, the one that failed first in front: what failed around it failed because of it."""
    failed = [activity for activity in activities if activity.get("status") == "Failed"]
    return sorted(failed, key=lambda activity: time_of(activity.get("activityRunEnd")) or _LATEST)


def reason_of(activity: Mapping[str, Any], message: str) -> str:
    """A failed activity and its error in the service's words; `message`: what the run says of itself."""
    error = activity.get("error")
    told: Mapping[str, Any] = error if isinstance(error, dict) else {}
    code, text = text_of(told.get("errorCode")), text_of(told.get("message"))
    name = text_of(activity.get("activityName")) or "?"
    reason = f"Activity {name!r} failed{f' with {code}' if code else ''}{f': {text}' if text else '.'}"
    if message and (text is None or text not in message):
        reason = f"{reason.rstrip('.')}. The run says: {message}"
    return reason[:MOST_REASON]


def could_be(run: Mapping[str, Any], order: Order, since: datetime, groups: frozenset[str]) -> bool:
    """Whether the order's start call may have made this run.

    `groups`: those of the earlier run that the order continues. A run that continues another carries that one's
    parameters, its correlation too, and shares its group.
    """
    if order.continues is not None:
        return run["runId"] != order.continues and run.get("runGroupId") in groups and began(run) >= since
    parameters = run.get("parameters") or {}
    carrier = order.definition.correlation
    if carrier is not None:
        return bool(parameters.get(carrier) == order.correlation)
    if not _by_call(run):
        return False
    if order.ready_at is not None:  # one that began before its data was ready is never ours
        since = max(since, order.ready_at)
    started_at = time_of(run.get("runStart"))
    if started_at is not None and order.latest_at is not None and started_at > order.latest_at:
        return False  # somebody else's call. One that waits in a queue may show no start at all
    return began(run) >= since and all(
        name in parameters and same_parameter(value, parameters[name]) for name, value in order.parameters.items()
    )


def began(run: Mapping[str, Any]) -> datetime:
    """When the run began; the end of time where it does not say."""
    return time_of(run.get("runStart")) or time_of(run.get("lastUpdated")) or _LATEST


def same_parameter(sent: Any, shown: Any) -> bool:
    """Whether a parameter that was sent is the one shown: the service shows all of them as text."""
    if isinstance(sent, str) or not isinstance(shown, str):
        return bool(sent == shown)
    try:
        return bool(json.loads(shown) == sent)
    except ValueError:
        return str(sent).lower() == shown.lower()


_LATEST = datetime.max.replace(tzinfo=UTC)


def _error(run: Mapping[str, Any]) -> Error:
    return Error("job_failed", text_of(run.get("message")) or "The pipeline failed, and gave no message.")


def _invoked_by(run: Mapping[str, Any]) -> Mapping[str, Any]:
    told = run.get("invokedBy")
    return told if isinstance(told, dict) else {}


def _by_call(run: Mapping[str, Any]) -> bool:
    """Whether a call, as Baton makes them, may have started it: not a trigger, and no other pipeline."""
    return bool(_invoked_by(run).get("invokedByType", "Manual") == "Manual")
