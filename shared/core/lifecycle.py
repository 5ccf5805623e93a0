"""The lifecycle of runs and steps as one table: status and event give the next status.

All rules about which state may follow which live here. An event that has no place in the table raises
and changes nothing. `docs/lifecycle.md` is drawn from this table.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from shared.core.run import FINAL_STEP, Error, Run, RunStatus, Step, StepStatus, Transition

StepEvent = Literal["intend", "start", "put_off", "succeed", "retry", "fail", "cancel", "skip"]
RunEvent = Literal["succeed", "fail", "cancel"]

MOST_MESSAGE_CHARACTERS = 1_500

_S = StepStatus

STEP_TABLE: dict[tuple[StepStatus, StepEvent], StepStatus] = {
    (_S.WAITING, "intend"): _S.STARTING,  # its turn: the intent to start a job is saved
    (_S.WAITING, "fail"): _S.FAILED,  # its parameters cannot be made, or it was put off past its timeout
    (_S.WAITING, "skip"): _S.SKIPPED,  # a step before it did not succeed
    (_S.WAITING, "cancel"): _S.CANCELLED,
    (_S.STARTING, "start"): _S.RUNNING,  # the job is known: started now, or found and adopted
    (_S.STARTING, "put_off"): _S.WAITING,  # surely no job: the service said "later", or none was found
    (_S.STARTING, "fail"): _S.FAILED,  # refused for good
    (_S.RUNNING, "succeed"): _S.SUCCEEDED,
    (_S.RUNNING, "retry"): _S.WAITING,  # the attempt failed and another one is left
    (_S.RUNNING, "fail"): _S.FAILED,
    (_S.RUNNING, "cancel"): _S.CANCELLED,
}

RUN_TABLE: dict[tuple[RunStatus, RunEvent], RunStatus] = {
    (RunStatus.RUNNING, "succeed"): RunStatus.SUCCEEDED,
    (RunStatus.RUNNING, "fail"): RunStatus.FAILED,
    (RunStatus.RUNNING, "cancel"): RunStatus.CANCELLED,
}


class IllegalTransitionError(Exception):
    """An event that its state does not allow: a fault in Baton, never in what users or services say."""


def step_event(
    run: Run,
    step: Step,
    event: StepEvent,
    now: datetime,
    *,
    error: Error | None = None,
    **changes: Any,
) -> Run:
    """The run after the event, with the step's further changes, and its transition noted in `unsaved`.

    Raises IllegalTransitionError when the table has no such arrow.
    """
    after = STEP_TABLE.get((step.status, event))
    if after is None:
        raise IllegalTransitionError(f"run {run.id}: step {step.name} is {step.status}, which allows no {event}")
    error = error and _short(error)
    changed = replace(step, status=after, error=error, **changes)
    if after in FINAL_STEP and changed.finished_at is None:
        changed = replace(changed, finished_at=now)
    transition = Transition(
        number=run.transitions + 1,
        at=now,
        step=step.name,
        event=event,
        before=step.status,
        after=after,
        attempt=step.attempt,
        job_id=changed.job.id if changed.job else step.job.id if step.job else None,
        parameters=changed.intent.parameters if event == "intend" and changed.intent else None,
        error=error,
        continues=changed.continues if event == "intend" else None,
    )
    return _noted(run.with_step(changed), transition)


def run_event(run: Run, event: RunEvent, now: datetime, *, error: Error | None = None) -> Run:
    """The finished run, with its transition noted. Raises IllegalTransitionError on a finished one."""
    after = RUN_TABLE.get((run.status, event))
    if after is None:
        raise IllegalTransitionError(f"run {run.id} is {run.status}, which allows no {event}")
    ended = replace(run, status=after, finished_at=now, error=error, wake_at=None)
    transition = Transition(
        number=run.transitions + 1, at=now, step=None, event=event, before=run.status, after=after, error=error
    )
    return _noted(ended, transition)


def _short(error: Error) -> Error:
    """A run carries the errors of all its steps: each has its limit."""
    if len(error.message) <= MOST_MESSAGE_CHARACTERS:
        return error
    return Error(error.code, f"{error.message[: MOST_MESSAGE_CHARACTERS - 1]}…")


def _noted(run: Run, transition: Transition) -> Run:
    return replace(run, transitions=transition.number, unsaved=(*run.unsaved, transition))
