"""What a run's page shows, from the run and its transitions: no storage, no clock, no HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.core.definition import StepDefinition
from shared.core.pace import usual_seconds
from shared.core.rerun import FROM_FAILED, FROM_START
from shared.core.run import Error, Run, RunStatus, Step, StepStatus, Transition
from shared.core.trouble import Trouble
from shared.web.pages.attempts import Attempt, attempts
from shared.web.pages.gantt import Gantt, gantt, in_order
from shared.web.pages.words import (
    Moment,
    between,
    chain_link,
    connection_link,
    duration,
    moment,
    moment_or_none,
    run_link,
    safe_link,
    shown_value,
)

MOST_RERUN_STEPS = 100
TRIGGERS: Mapping[str, str] = {
    "http": "a call",
    "schedule": "its schedule",
    "event": "an event",
    "pipeline": "a pipeline's end",
    "rerun": "a rerun",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptView:
    """One try at a step."""

    number: int
    status: str
    began: Moment
    took: str | None
    job_id: str | None
    put_offs: int
    error: Error | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """A step with all that is known of it. `note` says in a sentence what it does now."""

    name: str
    status: str
    connection: str
    connection_link: str
    what: str
    after: tuple[str, ...]
    attempt: int
    most_attempts: int
    began: Moment | None
    took: str | None
    elapsed: str | None
    usual: str | None
    note: str | None
    kept: bool
    job_id: str | None
    job_status: str | None
    link: str | None
    error: Error | None
    continues: str | None
    output: str | None
    parameters: tuple[tuple[str, str], ...]
    attempts: tuple[AttemptView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """The whole page. `failed`: the steps to look at first. `rerun_from`: values and labels."""

    id: str
    chain: str
    chain_link: str
    status: str
    queued: bool
    cancelling: bool
    trigger: str
    created: Moment
    finished: Moment | None
    took: str
    error: Error | None
    summary: str
    trouble: str | None
    rerun_of: str | None
    rerun_of_link: str | None
    parameters: tuple[tuple[str, str], ...]
    failed: tuple[StepView, ...]
    steps: tuple[StepView, ...]
    gantt: Gantt | None
    rerun_from: tuple[tuple[str, str], ...]

    @property
    def running(self) -> bool:
        return self.status == RunStatus.RUNNING


def run_page(
    run: Run,
    transitions: Sequence[Transition],
    durations: Mapping[str, Sequence[float]],
    trouble: Trouble | None,
    now: datetime,
) -> RunView:
    """`durations`: past seconds of the steps that run now."""
    usual = {name: seconds for name, past in durations.items() if (seconds := usual_seconds(past)) is not None}
    tries = attempts(transitions)
    ordered = in_order(run)
    steps = tuple(_step(run, step, tries.get(step.name, ()), usual.get(step.name), now) for step in ordered)
    failed = tuple(step for step in steps if step.status == StepStatus.FAILED)
    ended = run.finished_at or now
    return RunView(
        id=run.id,
        chain=run.chain,
        chain_link=chain_link(run.chain),
        status=run.status,
        queued=run.queued and run.status is RunStatus.RUNNING,
        cancelling=run.cancel_requested_at is not None and run.status is RunStatus.RUNNING,
        trigger=_trigger(run),
        created=moment(run.created_at, now),
        finished=moment_or_none(run.finished_at, now),
        took=duration(max(0.0, (ended - run.created_at).total_seconds())),
        error=run.error,
        summary=_summary(run, steps),
        trouble=trouble.why if trouble else None,
        rerun_of=run.rerun_of,
        rerun_of_link=run_link(run.rerun_of) if run.rerun_of else None,
        parameters=_pairs(run.parameters),
        failed=failed,
        steps=steps,
        gantt=gantt(run, ordered, tries, usual, now),
        rerun_from=() if run.status is RunStatus.RUNNING else _rerun_from(run),
    )


def _summary(run: Run, steps: Sequence[StepView]) -> str:
    """One line, also for those who hear it when it changes."""
    done = sum(step.status == StepStatus.SUCCEEDED for step in steps)
    under_way = [step.name for step in steps if step.status in (StepStatus.RUNNING, StepStatus.STARTING)]
    told = f"{done} of {len(steps)} steps succeeded"
    if run.status is not RunStatus.RUNNING:
        return told
    return f"{told}; {', '.join(under_way)} under way" if under_way else told


def _rerun_from(run: Run) -> tuple[tuple[str, str], ...]:
    whole = all(step.status is StepStatus.SUCCEEDED for step in run.steps)
    first = [] if whole else [(FROM_FAILED, "what did not succeed")]
    names = [(step.name, f"step {step.name} and all after it") for step in run.steps[:MOST_RERUN_STEPS]]
    taken = {FROM_FAILED, FROM_START}
    return (*first, (FROM_START, "the start"), *(pair for pair in names if pair[0] not in taken))


def _step(run: Run, step: Step, tries: Sequence[Attempt], usual: float | None, now: datetime) -> StepView:
    definition = run.step_definition(step.name)
    began = tries[0].began_at if tries else step.started_at
    ended = tries[-1].ended_at if tries else step.finished_at
    under_way = bool(tries) and ended is None
    return StepView(
        name=step.name,
        status=step.status,
        connection=definition.connection.name,
        connection_link=connection_link(definition.connection.name),
        what=_what(definition),
        after=tuple(definition.after),
        attempt=step.attempt,
        most_attempts=definition.retries + 1,
        began=moment_or_none(began, now),
        took=between(began, ended),
        elapsed=duration((now - tries[-1].began_at).total_seconds()) if under_way else None,
        usual=None if usual is None or not under_way else duration(usual),
        note=_note(run, step, now),
        kept=run.rerun_of is not None and not tries and step.status is StepStatus.SUCCEEDED,
        job_id=step.job.id if step.job else None,
        job_status=step.job.status if step.job else None,
        link=safe_link(step.job.link) if step.job else None,
        error=step.error,
        continues=step.continues,
        output=None if step.output is None else shown_value(step.output),
        parameters=_pairs((tries[-1].parameters if tries else None) or {}),
        attempts=tuple(_attempt(each, now) for each in tries),
    )


def _attempt(attempt: Attempt, now: datetime) -> AttemptView:
    return AttemptView(
        number=attempt.number,
        status=attempt.status,
        began=moment(attempt.began_at, now),
        took=between(attempt.began_at, attempt.ended_at),
        job_id=attempt.job_id,
        put_offs=attempt.put_offs,
        error=attempt.error,
    )


def _note(run: Run, step: Step, now: datetime) -> str | None:
    if step.stop is not None and step.status is StepStatus.RUNNING:
        why = "its time is over" if step.stop.reason == "timeout" else "as was asked"
        return f"Being cancelled at its service, {why}."
    if step.status is StepStatus.STARTING:
        return "Being started."
    if step.status is not StepStatus.WAITING:
        return None
    if run.queued:
        return "Waits until an earlier run of this chain has ended."
    open_before = [
        name for name in run.step_definition(step.name).after if run.step(name).status is not StepStatus.SUCCEEDED
    ]
    if open_before:
        return f"Waits for {', '.join(open_before)}."
    if step.due_at is not None and step.due_at > now:
        return f"Tries again {moment(step.due_at, now).relative}."
    return None


def _what(definition: StepDefinition) -> str:
    if definition.pipeline is not None:
        return f"pipeline {definition.pipeline}"
    if definition.dataset is not None:
        return f"semantic model {definition.dataset}"
    return f"item {definition.item} ({definition.job_type})" if definition.job_type else f"item {definition.item}"


def _trigger(run: Run) -> str:
    told = TRIGGERS.get(run.trigger.type, run.trigger.type)
    missed = len(run.trigger.missed)
    return f"{told}, for {missed} missed times too" if missed else told


def _pairs(values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((name, shown_value(value)) for name, value in values.items())
