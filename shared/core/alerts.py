"""Which state changes are events for the world outside: a pure function of the transition and its run.

A transition's row is the event: nothing else is stored of it, and the same row gives the same event whenever it is
asked for. So an event that is sent twice is the same twice, and consumers drop the second by its id.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, cast

from shared.core.alert_data import (
    JobData,
    RunEnded,
    RunFailed,
    RunStarted,
    StepFailed,
    StepSummary,
    SummaryStatus,
    TriggerData,
    json_ready,
)
from shared.core.run import Error, Run, RunStatus, Step, Transition

STARTED: Final = "baton.run.started"
SUCCEEDED: Final = "baton.run.succeeded"
FAILED: Final = "baton.run.failed"
CANCELLED: Final = "baton.run.cancelled"
LATE: Final = "baton.run.late"
RECOVERED: Final = "baton.run.recovered"
STEP_FAILED: Final = "baton.step.failed"
CONNECTION_UNHEALTHY: Final = "baton.connection.unhealthy"

MOST_DATA_BYTES = 60_000  # an event of up to 64 KB is one operation on the bill
ATTRIBUTE_BYTES = 1_000  # of an event, besides its data: more than they ever are
CUT_MARK = "… (cut)"
_MOST_MESSAGES = (1_500, 300, 60, 0)  # how long the messages of steps may be, tried in turn until all fits
_NO_ERROR = Error("failed", "It failed.")

_OF_RUN = {"begin": STARTED, "succeed": SUCCEEDED, "fail": FAILED, "cancel": CANCELLED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One event on its way out. `id` is the same whenever it is sent; `sequence` grows within its run, or else
    within its `subject`.
    """

    id: str
    type: str
    subject: str
    time: datetime
    sequence: int
    data: Mapping[str, Any]


def type_of(change: Transition) -> str | None:
    """The type of the event that a state change is; None when it is none."""
    if change.step is None:
        return _OF_RUN.get(change.event)
    return STEP_FAILED if change.event == "fail" else None


def alert_of(run: Run, change: Transition) -> Alert | None:
    """The event that a state change of the run is. `run`: as it was saved with the change, or later."""
    kind = type_of(change)
    if kind is None:
        return None
    subject = f"chains/{run.chain}/runs/{run.id}" + (f"/steps/{change.step}" if change.step else "")
    return Alert(
        id=f"{run.id}.{change.number}",
        type=kind,
        subject=subject,
        time=change.at,
        sequence=change.number,
        data=json_ready(_data(run, change, kind)),
    )


def size_bytes(alert: Alert) -> int:
    """How much of a request the event takes, at most."""
    return len(json.dumps(alert.data)) + len(alert.id) + len(alert.subject) + ATTRIBUTE_BYTES


def cut(text: str, most: int) -> str:
    """The text, or its beginning and a mark that it goes on."""
    return text if len(text) <= most else text[: max(0, most - len(CUT_MARK))] + CUT_MARK


def _data(run: Run, change: Transition, kind: str) -> RunStarted | RunEnded | RunFailed | StepFailed:
    if change.step is not None:
        return _step_failed(run, run.step(change.step), change)
    if kind == STARTED:
        return RunStarted(
            run_id=run.id,
            chain=run.chain,
            trigger=_trigger(run),
            rerun_of=run.rerun_of,
            started_at=run.created_at,
            link=_link(run),
        )
    if kind == FAILED:
        return _run_failed(run, change)
    return RunEnded(
        run_id=run.id,
        chain=run.chain,
        status="succeeded" if change.after == RunStatus.SUCCEEDED else "cancelled",
        trigger=_trigger(run),
        rerun_of=run.rerun_of,
        started_at=run.created_at,
        finished_at=change.at,
        duration_seconds=_seconds(run, change),
        error=change.error,
        link=_link(run),
    )


def _step_failed(run: Run, step: Step, change: Transition) -> StepFailed:
    definition = run.step_definition(step.name)
    return StepFailed(
        run_id=run.id,
        chain=run.chain,
        step=step.name,
        connection=definition.connection.name,
        attempt=change.attempt or step.attempt,
        attempts=definition.retries + 1,
        job=JobData(id=step.job.id, link=step.job.link) if step.job else None,
        started_at=step.started_at,
        finished_at=change.at,
        error=change.error or _NO_ERROR,
        link=_link(run),
    )


def _run_failed(run: Run, change: Transition) -> RunFailed:
    data = RunFailed(
        run_id=run.id,
        chain=run.chain,
        trigger=_trigger(run),
        rerun_of=run.rerun_of,
        started_at=run.created_at,
        finished_at=change.at,
        duration_seconds=_seconds(run, change),
        error=change.error or _NO_ERROR,
        link=_link(run),
        steps=(),
    )
    for most in _MOST_MESSAGES:
        data = replace(data, steps=tuple(_summary(step, most) for step in run.steps))
        if len(json.dumps(json_ready(data))) <= MOST_DATA_BYTES:
            break
    return data


def _summary(step: Step, most: int) -> StepSummary:
    error = step.error and Error(step.error.code, cut(step.error.message, most))
    status = cast("SummaryStatus", step.status.value)
    return StepSummary(name=step.name, status=status, attempt=step.attempt, error=error)


def _trigger(run: Run) -> TriggerData:
    return TriggerData(type=run.trigger.type, time=run.trigger.time)


def _seconds(run: Run, change: Transition) -> float:
    return round((change.at - run.created_at).total_seconds(), 3)


def _link(run: Run) -> str:
    return link_of(run.id)


def link_of(run_id: str) -> str:
    """Where to read more about a run, below the app's address."""
    return f"/api/runs/{run_id}"
