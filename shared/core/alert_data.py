"""What events say: the data of each, as people and machines outside get it.

The JSON Schemas in docs/events are made from these (`python -m shared.events.schemas`). No parameters and no
outputs: whoever may read an alert is not whoever may read those.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from shared.core.definition import ConnectionType
from shared.core.run import Error, TriggerType

EndedStatus = Literal["succeeded", "cancelled"]
SummaryStatus = Literal["succeeded", "failed", "cancelled", "skipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerData:
    """What started a run, and the time that it stands for."""

    type: TriggerType
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class JobData:
    """The external job of a step's last attempt."""

    id: str
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSummary:
    """How one step of a failed run ended."""

    name: str
    status: SummaryStatus
    attempt: int
    error: Error | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """A run exists. It may have to wait for its turn."""

    run_id: str
    chain: str
    status: Literal["running"] = "running"
    trigger: TriggerData
    rerun_of: str | None
    started_at: datetime
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded:
    """All steps of a run have succeeded, or a caller has cancelled it."""

    run_id: str
    chain: str
    status: EndedStatus
    trigger: TriggerData
    rerun_of: str | None
    started_at: datetime
    finished_at: datetime
    duration_seconds: float
    error: Error | None
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFailed:
    """A run has ended, and not all of its steps have succeeded."""

    run_id: str
    chain: str
    status: Literal["failed"] = "failed"
    trigger: TriggerData
    rerun_of: str | None
    started_at: datetime
    finished_at: datetime
    duration_seconds: float
    error: Error
    link: str
    steps: tuple[StepSummary, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFailed:
    """A step has failed for good: no attempt is left, or none would help."""

    run_id: str
    chain: str
    step: str
    connection: str
    attempt: int
    attempts: int
    job: JobData | None
    started_at: datetime | None
    finished_at: datetime
    error: Error
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionUnhealthy:
    """Baton cannot see the jobs that run at a connection. They go on there."""

    connection: str
    type: ConnectionType
    code: str
    message: str
    since: datetime
    failed_looks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunUnderWay:
    """A run that may still bring a late chain in."""

    run_id: str
    started_at: datetime
    left_seconds: float | None
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLate:
    """A chain's deadline has passed, and no run for a time in its window had succeeded."""

    chain: str
    due_at: datetime
    late_since: datetime
    running: tuple[RunUnderWay, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecovered:
    """The run that a late chain was waiting for has succeeded."""

    chain: str
    due_at: datetime
    late_since: datetime
    run_id: str
    finished_at: datetime
    late_seconds: float
    link: str


def json_ready(value: Any) -> Any:
    """The value as JSON data; times RFC 3339 in UTC with Z, to the millisecond."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if is_dataclass(value):
        return {each.name: json_ready(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): json_ready(each) for name, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [json_ready(each) for each in value]
    return str(value) if isinstance(value, str) else value
