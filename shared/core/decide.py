"""What happens next with a run: a pure function of the run and the time.

`decide` first draws every conclusion that needs nobody else (skip, cancel, time out, finish), then names at
most one effect for the caller to perform. The caller saves the run, performs the effect, takes what it
learned into the run as a fact, and asks again, until there is nothing left to do now.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from shared.core.apply import given_up
from shared.core.callbacks import mark_of
from shared.core.events import event_context
from shared.core.follows import job_context
from shared.core.lifecycle import run_event, step_event
from shared.core.run import FINAL_STEP, Error, Intent, Run, RunStatus, Step, StepStatus, Stop
from shared.core.templates import TemplateError, render
from shared.core.timing import STOP_LIMIT_SECONDS, Patience

MAX_PARAMETERS_CHARACTERS = 65_536  # of one step, as JSON, when its templates have been rendered


@dataclass(frozen=True, slots=True)
class StartJob:
    """Call start for this step, whose intent has just been made: once, and only when the save was won."""

    step: str


@dataclass(frozen=True, slots=True)
class FindJob:
    """Look whether this step's earlier start call made a job."""

    step: str


@dataclass(frozen=True, slots=True)
class StopJob:
    """Ask the service to cancel this step's job."""

    step: str


Effect = StartJob | FindJob | StopJob


def decide(run: Run, now: datetime, intent_id: str, patience: Patience) -> tuple[Run, Effect | None]:
    """The run with all conclusions drawn, and the one effect to perform next, if any is due.

    `intent_id` names the intent of a start, should one be made: fresh and random for every call.
    """
    if run.status is not RunStatus.RUNNING:
        return run, None
    run = _concluded(run, now)
    if run.status is not RunStatus.RUNNING:
        return run, None
    for step in run.steps:
        effect = _effect_due(run, step, now, patience)
        if isinstance(effect, StartJob):
            intended = _intended(run, step, now, intent_id)
            if intended.step(step.name).status is not StepStatus.STARTING:
                return decide(intended, now, intent_id, patience)  # its parameters cannot be made: it failed
            return _with_wake(intended, now, patience), effect
        if effect is not None:
            return run, effect
    return _with_wake(run, now, patience), None


def ready_at(run: Run, step: Step) -> datetime | None:
    """When the last step that this one waits for ended, by the services' clocks; None for a first step."""
    ends = [run.step(name).finished_at for name in run.step_definition(step.name).after]
    return max((end for end in ends if end is not None), default=None)


def next_due(run: Run, patience: Patience) -> datetime | None:
    """The next time at which the run needs somebody, when nothing is heard meanwhile. None: only when heard."""
    if run.status is not RunStatus.RUNNING or run.queued:
        return None
    return min((due for step in run.steps if (due := _step_due(run, step, patience)) is not None), default=None)


def _concluded(run: Run, now: datetime) -> Run:
    for step in run.steps:
        run = _step_concluded(run, step, now)
    run = _skipped(run, now)
    if all(step.status in FINAL_STEP for step in run.steps):
        return _finished(run, now)
    return run


def _step_concluded(run: Run, step: Step, now: datetime) -> Run:
    match step.status:
        case StepStatus.WAITING:
            if run.cancel_requested_at:
                return step_event(run, step, "cancel", now, due_at=None)
            if _overdue(run, step, now):
                return step_event(run, step, "fail", now, error=_put_off_too_long(run, step), due_at=None)
        case StepStatus.RUNNING:
            return _running_concluded(run, step, now)
    return run


def _running_concluded(run: Run, step: Step, now: datetime) -> Run:
    if step.stop is None:
        if run.cancel_requested_at:
            return run.with_step(_stopping(step, "requested", now))
        return run.with_step(_stopping(step, "timeout", now)) if _overdue(run, step, now) else run
    stop = step.stop
    if stop.reason == "timeout" and run.cancel_requested_at:
        stop = replace(stop, reason="requested")
        step = replace(step, stop=stop)
        run = run.with_step(step)
    if now >= stop.since + timedelta(seconds=STOP_LIMIT_SECONDS):
        return given_up(run, step, now)
    return run


def _stopping(step: Step, reason: Literal["requested", "timeout"], now: datetime) -> Step:
    return replace(step, stop=Stop(reason=reason, since=now), due_at=None, tries=0)


def _skipped(run: Run, now: datetime) -> Run:
    """Skips what waits for a step that did not succeed, then what waits for those, and so on."""
    settled = False
    while not settled:
        settled = True
        for step in run.steps:
            blocker = _blocker(run, step)
            if step.status is StepStatus.WAITING and blocker is not None:
                error = Error("dependency_failed", f"Step '{blocker.name}' {_ended_how(blocker)}.")
                run = step_event(run, step, "skip", now, error=error, due_at=None)
                settled = False
    return run


def _blocker(run: Run, step: Step) -> Step | None:
    before = (run.step(name) for name in run.step_definition(step.name).after)
    return next((s for s in before if s.status in FINAL_STEP and s.status is not StepStatus.SUCCEEDED), None)


def _ended_how(step: Step) -> str:
    return "failed" if step.status is StepStatus.FAILED else f"was {step.status}"


def _finished(run: Run, now: datetime) -> Run:
    failed = [step for step in run.steps if step.status is StepStatus.FAILED]
    if all(step.status is StepStatus.SUCCEEDED for step in run.steps):
        return run_event(run, "succeed", now)
    if run.cancel_requested_at:
        error = run.superseded or Error("cancelled", "A caller cancelled the run.")
        return run_event(run, "cancel", now, error=error)
    first = failed[0]
    why = first.error or Error("job_failed", "It failed.")
    others = f" ({len(failed) - 1} more failed)" if len(failed) > 1 else ""
    return run_event(run, "fail", now, error=Error(why.code, f"Step '{first.name}': {why.message}{others}"))


def _effect_due(run: Run, step: Step, now: datetime, patience: Patience) -> Effect | None:
    due = _step_due(run, step, patience)
    if due is None or due > now or (run.queued and step.status is StepStatus.WAITING):
        return None
    match step.status:
        case StepStatus.WAITING:
            return StartJob(step.name)
        case StepStatus.STARTING:
            return FindJob(step.name)
        case StepStatus.RUNNING if step.stop is not None and step.stop.sent_at is None:
            return StopJob(step.name)
    return None


def _step_due(run: Run, step: Step, patience: Patience) -> datetime | None:
    """When this step needs somebody next, or None when that depends on other steps."""
    match step.status:
        case StepStatus.WAITING:
            if any(run.step(n).status is not StepStatus.SUCCEEDED for n in run.step_definition(step.name).after):
                return None
            due = step.due_at or run.created_at
            return min(due, _deadline(run, step) or due)
        case StepStatus.STARTING:
            assert step.intent is not None
            return step.due_at or step.intent.at + timedelta(seconds=patience.lease_seconds)
        case StepStatus.RUNNING:
            if step.stop is None:
                return _deadline(run, step)
            if step.stop.sent_at is None:
                return step.due_at or step.stop.since
            return step.stop.since + timedelta(seconds=STOP_LIMIT_SECONDS)
    return None


def _intended(run: Run, step: Step, now: datetime, intent_id: str) -> Run:
    definition = run.step_definition(step.name)
    if step.continues is not None:  # its job takes the parameters of that one
        return _begun(run, step, now, Intent(id=intent_id, at=now))
    try:
        parameters = render(dict(definition.parameters), {**_context(run), "callback_url": mark_of(intent_id)})
    except TemplateError as error:
        return step_event(run, step, "fail", now, error=Error("template_error", str(error)), due_at=None)
    if definition.correlation is not None:
        parameters = {**parameters, definition.correlation: correlation_of(run, step)}
    size = len(json.dumps(parameters))
    if size > MAX_PARAMETERS_CHARACTERS:
        text = f"parameters come to {size:,} characters of JSON; {MAX_PARAMETERS_CHARACTERS:,} are allowed"
        return step_event(run, step, "fail", now, error=Error("template_error", text), due_at=None)
    return _begun(run, step, now, Intent(id=intent_id, at=now, parameters=parameters))


def _begun(run: Run, step: Step, now: datetime, intent: Intent) -> Run:
    return step_event(run, step, "intend", now, intent=intent, began_at=step.began_at or now, due_at=None)


def correlation_of(run: Run, step: Step) -> str:
    """What a pipeline parameter named by `correlation` carries: the same for every call of one attempt."""
    return f"{run.id}/{step.name}/{step.attempt}"


def _context(run: Run) -> dict[str, object]:
    steps = {
        step.name: {
            "status": step.status.value,
            "output": step.output,
            "started_at": step.started_at,
            "finished_at": step.finished_at,
            "job": {"id": step.job.id} if step.job else None,
        }
        for step in run.steps
    }
    return {
        "parameters": dict(run.parameters),
        "trigger": {
            "type": run.trigger.type,
            "time": run.trigger.first_time or run.trigger.time,
            "event": event_context(run.trigger.event),
            "job": run.trigger.job and job_context(run.trigger.job),
        },
        "steps": steps,
        "run": {"id": run.id, "chain": run.chain, "created_at": run.created_at},
    }


def _deadline(run: Run, step: Step) -> datetime | None:
    began = step.began_at
    return began and began + timedelta(seconds=run.step_definition(step.name).timeout_seconds)


def _overdue(run: Run, step: Step, now: datetime) -> bool:
    deadline = _deadline(run, step)
    return deadline is not None and now >= deadline


def _put_off_too_long(run: Run, step: Step) -> Error:
    seconds = run.step_definition(step.name).timeout_seconds
    last = f" The last answer was: {step.error.message}" if step.error else ""
    return Error("timeout", f"The job could not be started within its timeout of {seconds:g} seconds.{last}")


def _with_wake(run: Run, now: datetime, patience: Patience) -> Run:
    """Notes when a message should bring the run back. Deadlines and crashes are for the watch and the timer."""
    waits = [
        due for step in run.steps if (due := _step_due(run, step, patience)) is not None and _needs_message(step)
    ]
    wake_at = None if run.queued else min((due for due in waits if due > now), default=None)
    return run if wake_at == run.wake_at else replace(run, wake_at=wake_at)


def _needs_message(step: Step) -> bool:
    match step.status:
        case StepStatus.STARTING:
            return step.due_at is not None  # else its holder is at work, or has crashed
        case StepStatus.RUNNING:
            return step.stop is not None and step.stop.sent_at is None
    return True
