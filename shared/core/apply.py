"""How each fact changes a run.

Facts may arrive twice, late, or after the run has moved on: one that does not fit any more changes nothing.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from shared.core.facts import (
    CancelRequested,
    Fact,
    LookFailed,
    NotFound,
    Observation,
    Observed,
    PutOff,
    Refused,
    SlotGranted,
    Started,
    StopFailed,
    StopSent,
    Superseded,
    Unclear,
    Verdict,
)
from shared.core.lifecycle import step_event
from shared.core.outputs import checked_output
from shared.core.run import Error, Intent, Job, Run, RunStatus, Step, StepStatus
from shared.core.timing import MISSING_SECONDS, MOST_FAILED_LOOKS, STOP_LIMIT_SECONDS, Patience, backoff_seconds


def apply(run: Run, fact: Fact, now: datetime, patience: Patience) -> Run:
    """The run with the fact taken in; the same run when the fact has nothing to say to it any more."""
    if run.status is not RunStatus.RUNNING:
        return run
    match fact:
        case CancelRequested():
            return run if run.cancel_requested_at else replace(run, cancel_requested_at=now)
        case Superseded():
            return run if run.cancel_requested_at else replace(run, cancel_requested_at=now, superseded=_by(fact))
        case SlotGranted():
            return replace(run, queued=False) if run.queued else run
        case Observed():
            return _observed(run, fact, now)
        case StopSent() | StopFailed():
            return _stopped(run, fact, now)
        case _:
            return _started(run, fact, now, patience)


def _by(fact: Superseded) -> Error:
    later = f"Run {fact.by}" if fact.by else "A later run"
    return Error("superseded", f"{later} of the same chain took its place (overlap: cancel_running).")


def _started(
    run: Run,
    fact: Started | PutOff | Refused | Unclear | NotFound | LookFailed,
    now: datetime,
    patience: Patience,
) -> Run:
    step = run.step(fact.step)
    intent = step.intent
    if step.status is not StepStatus.STARTING or intent is None or intent.id != fact.intent:
        return run
    match fact:
        case Started():
            return _running(run, step, fact.job, now)
        case PutOff():
            # Getting ready took too long, and nothing was sent: now it is ready, so it is tried again at once.
            at_once = fact.error.code == "too_late" and step.tries == 0
            later = now if at_once else now + _wait(fact.after_seconds, step.tries)
            return step_event(
                run, step, "put_off", now, error=fact.error, intent=None, due_at=later, tries=step.tries + 1
            )
        case Refused():
            return step_event(run, step, "fail", now, error=fact.error, intent=None)
        case Unclear():
            unclear = replace(intent, unclear_at=now, accepted=fact.error.code == "accepted_without_id")
            due = now + timedelta(seconds=backoff_seconds(0, first=2))
            return run.with_step(replace(step, intent=unclear, due_at=due, tries=0, error=fact.error))
        case LookFailed():
            return _look_failed(run, step, fact, now)
        case NotFound():
            return _looked_in_vain(run, step, fact, now, patience)


def _look_failed(run: Run, step: Step, fact: LookFailed, now: datetime) -> Run:
    """No verdict, so it is tried again; until the timeout is over and look after look has failed."""
    timeout = timedelta(seconds=run.step_definition(step.name).timeout_seconds)
    if step.began_at is not None and now >= step.began_at + timeout and step.tries >= MOST_FAILED_LOOKS:
        text = "Whether the job was started could not be learned. Look at its service. The last answer was:"
        error = Error("unclear_start", f"{text} {fact.error.message}")
        return step_event(run, step, "fail", now, error=error, intent=None, due_at=None)
    later = now + _wait(fact.after_seconds, step.tries)
    return run.with_step(replace(step, due_at=later, tries=step.tries + 1, error=fact.error))


def _looked_in_vain(run: Run, step: Step, fact: NotFound, now: datetime, patience: Patience) -> Run:
    """Only after the grace period is "none was found" taken for "none was started".

    Of a start that the service has accepted it is never taken for that: the job may run there unseen.
    """
    assert step.intent is not None
    if step.intent.accepted:
        if fact.looked_at >= call_ends(step.intent, patience) + timedelta(seconds=MISSING_SECONDS):
            return step_event(run, step, "fail", now, error=_never_shown(), intent=None, due_at=None)
    elif fact.looked_at >= grace_ends(step.intent, patience):
        return step_event(run, step, "put_off", now, error=step.error, intent=None, due_at=None, tries=0)
    later = now + timedelta(seconds=backoff_seconds(step.tries + 1, first=2, most=30))
    return run.with_step(replace(step, due_at=later, tries=step.tries + 1))


def _never_shown() -> Error:
    minutes = MISSING_SECONDS // 60
    text = (
        f"The service accepted the start without naming a job, and none has shown up for {minutes} minutes."
        " It may still run there: look before you start it again."
    )
    return Error("job_missing", text)


def grace_ends(intent: Intent, patience: Patience) -> datetime:
    """From when on a look that shows no job means that there is none."""
    return call_ends(intent, patience) + timedelta(seconds=patience.grace_seconds)


def call_ends(intent: Intent, patience: Patience) -> datetime:
    """When the intent's start call has ended: known, or else because none may last longer."""
    return intent.unclear_at or intent.at + timedelta(seconds=patience.lease_seconds)


def _running(run: Run, step: Step, job: Job, now: datetime) -> Run:
    return step_event(
        run, step, "start", now, job=job, intent=None, due_at=None, tries=0, started_at=now, finished_at=None
    )


def _observed(run: Run, fact: Observed, now: datetime) -> Run:
    step = run.step(fact.step)
    if step.attempt != fact.attempt:
        return run
    if step.status is StepStatus.STARTING:  # a claim outlived the crash that lost the save
        run = _running(run, step, fact.job, now)
        step = run.step(fact.step)
    if step.status is not StepStatus.RUNNING or step.job is None or step.job.id != fact.job.id:
        return run
    seen = fact.observation
    if step.job.status != seen.status or (seen.started_at and step.started_at != seen.started_at):
        job = replace(step.job, status=seen.status)
        step = replace(step, job=job, started_at=seen.started_at or step.started_at)
        run = run.with_step(step)
    match seen.verdict:
        case Verdict.ACTIVE:
            return run
        case Verdict.SUCCEEDED:
            return _succeeded(run, step, seen, now)
        case Verdict.CANCELLED:
            return _ended_cancelled(run, step, seen, now)
        case Verdict.FAILED | Verdict.LOST:
            return _ended_badly(run, step, seen, now)


def _ended_badly(run: Run, step: Step, seen: Observation, now: datetime) -> Run:
    error = seen.error or Error("job_failed", f"The job ended as {seen.status}.")
    if step.stop is not None and step.stop.reason == "requested":
        return step_event(run, step, "cancel", now, error=error, due_at=None)
    if seen.verdict is Verdict.LOST:  # it may run unseen: another attempt could be a second job beside it
        return step_event(run, step, "fail", now, error=error, due_at=None)
    return attempt_failed(run, step, error, now)


def _succeeded(run: Run, step: Step, seen: Observation, now: datetime) -> Run:
    others = tuple(s.output for s in run.steps if s.name != step.name)
    error = checked_output(seen.output, others)
    if error is not None:
        return step_event(run, step, "fail", now, error=error, due_at=None)
    ended = seen.ended_at or now
    return step_event(run, step, "succeed", now, output=seen.output, finished_at=ended, due_at=None)


def _ended_cancelled(run: Run, step: Step, seen: Observation, now: datetime) -> Run:
    if step.stop is not None and step.stop.reason == "requested":
        return step_event(run, step, "cancel", now, due_at=None)
    if step.stop is not None:
        return attempt_failed(run, step, timeout_error(run, step), now)
    text = "The job was cancelled at its service, not by Baton."
    return step_event(run, step, "fail", now, error=seen.error or Error("job_cancelled", text), due_at=None)


def _stopped(run: Run, fact: StopSent | StopFailed, now: datetime) -> Run:
    step = run.step(fact.step)
    if step.status is not StepStatus.RUNNING or step.job is None or step.job.id != fact.job_id:
        return run
    if step.stop is None or step.stop.sent_at is not None:
        return run
    if isinstance(fact, StopFailed):
        later = now + _wait(fact.after_seconds, step.tries)
        stop = replace(step.stop, error=fact.error)
        return run.with_step(replace(step, stop=stop, due_at=later, tries=step.tries + 1))
    if fact.error is not None:
        return given_up(run, replace(step, stop=replace(step.stop, error=fact.error)), now)
    return run.with_step(replace(step, stop=replace(step.stop, sent_at=now, error=None), due_at=None, tries=0))


def given_up(run: Run, step: Step, now: datetime) -> Run:
    """The job was to be stopped, and may go on at its service: no retry, or there could be two of it."""
    assert step.stop is not None
    why = step.stop.error or Error(
        "cancel_unconfirmed", f"The service did not confirm the cancel within {STOP_LIMIT_SECONDS // 60} minutes."
    )
    if step.stop.reason == "requested":
        return step_event(run, step, "cancel", now, error=why, due_at=None)
    error = timeout_error(run, step)
    both = Error(error.code, f"{error.message} It may still be running: {why.message}")
    return step_event(run, step, "fail", now, error=both, due_at=None)


def attempt_failed(run: Run, step: Step, error: Error, now: datetime) -> Run:
    """The step waits for its next attempt, or has failed when none is left or nobody wants one."""
    definition = run.step_definition(step.name)
    if run.cancel_requested_at or step.attempt > definition.retries:
        return step_event(run, step, "fail", now, error=error, due_at=None)
    due = now + timedelta(seconds=definition.retry_delay_seconds)
    return step_event(
        run,
        step,
        "retry",
        now,
        error=error,
        attempt=step.attempt + 1,
        began_at=None,
        due_at=due,
        tries=0,
        intent=None,
        job=None,
        stop=None,
        started_at=None,
        continues=None,
    )


def timeout_error(run: Run, step: Step) -> Error:
    seconds = run.step_definition(step.name).timeout_seconds
    return Error("timeout", f"The job did not end within its timeout of {seconds:g} seconds and was cancelled.")


def _wait(after_seconds: float | None, tries: int) -> timedelta:
    return timedelta(seconds=max(after_seconds or 0, backoff_seconds(tries)))
