"""The attempts at each step of a run, read from its transitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from shared.core.run import Error, Transition

_ENDS = {"succeed": "succeeded", "retry": "failed", "fail": "failed", "cancel": "cancelled", "skip": "skipped"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try at a step, by Baton's clock. `put_offs`: how often the service said "later"."""

    number: int
    began_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    status: str = "starting"
    job_id: str | None = None
    parameters: Mapping[str, Any] | None = None
    error: Error | None = None
    put_offs: int = 0


def attempts(transitions: Sequence[Transition]) -> dict[str, tuple[Attempt, ...]]:
    """By step, in order. A step that never began has none."""
    found: dict[str, dict[int, Attempt]] = {}
    for change in transitions:
        if change.step is None or change.attempt is None:
            continue
        of_step = found.setdefault(change.step, {})
        known = of_step.get(change.attempt)
        if known is None and change.event != "intend":
            continue  # it ended before it began: skipped, or its parameters could not be made
        known = known or Attempt(number=change.attempt, began_at=change.at)
        of_step[change.attempt] = _changed(known, change)
    return {step: tuple(of_step.values()) for step, of_step in found.items()}


def _changed(attempt: Attempt, change: Transition) -> Attempt:
    match change.event:
        case "intend":
            return replace(attempt, status="starting", parameters=change.parameters)
        case "start":
            return replace(attempt, status="running", started_at=change.at, job_id=change.job_id, error=None)
        case "put_off":
            return replace(attempt, status="put off", put_offs=attempt.put_offs + 1, error=change.error)
    status = _ENDS.get(change.event)
    if status is None:
        return attempt
    job_id = change.job_id or attempt.job_id
    return replace(attempt, status=status, ended_at=change.at, error=change.error, job_id=job_id)
