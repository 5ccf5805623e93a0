"""What a run is: one execution of a chain, its steps, and the transitions on the way.

All times are aware UTC. A run is a value: functions return changed copies. What changed since it was last
saved stands in `unsaved`, and becomes transition rows in the same write.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from shared.core.definition import Chain, StepDefinition
from shared.core.events import Event


class RunStatus(StrEnum):
    """Where a run is."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class StepStatus(StrEnum):
    """Where a step is."""

    WAITING = "waiting"  # for the steps before it, for a retry's delay, or for a service that said "later"
    STARTING = "starting"  # the intent is saved; whether a job exists may be unknown
    RUNNING = "running"  # its job is known
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"  # a step before it did not succeed


FINAL_STEP = frozenset({StepStatus.SUCCEEDED, StepStatus.FAILED, StepStatus.CANCELLED, StepStatus.SKIPPED})

TriggerType = Literal["http", "schedule", "event", "pipeline", "rerun"]


@dataclass(frozen=True, slots=True)
class Error:
    """Why something did not work: a stable word and a sentence for people."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedJob:
    """The job whose end started a run. `status` is its service's own word, `outcome` one for all services."""

    id: str
    connection: str
    status: str
    outcome: str  # succeeded, failed, cancelled
    link: str
    pipeline: str | None = None
    item: str | None = None
    job_type: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    invoked_by: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    output: Any = None  # where the service's list of jobs has it


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """What started a run. `missed`: earlier scheduled times that this run stands for after downtime.

    `first_time`: of a rerun, the time of the trigger that began the first run. Templates go by it, so that a step
    done again is about the same day as the ones that are kept. `job`: the one whose end was followed.
    """

    type: TriggerType
    time: datetime
    missed: tuple[datetime, ...] = ()
    first_time: datetime | None = None
    event: Event | None = None  # what a run of type event was started by; a rerun of it keeps it
    job: FollowedJob | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The external thing that an attempt started, in the service's own words."""

    id: str
    status: str
    link: str
    first_look_seconds: float | None = None  # how long after the start its service wants no look


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """That a start is about to be called: saved before the call, so that a crash cannot hide it."""

    id: str
    at: datetime
    parameters: Mapping[str, Any] = field(default_factory=dict)
    unclear_at: datetime | None = None  # when the call is known to have ended without a trustworthy answer
    accepted: bool = False  # the service took the start, and named no job


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """That the job is to be cancelled at its service, and how far that is."""

    reason: Literal["requested", "timeout"]
    since: datetime
    sent_at: datetime | None = None
    error: Error | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step within a run. `attempt` counts from 1."""

    name: str
    status: StepStatus = StepStatus.WAITING
    attempt: int = 1
    began_at: datetime | None = None  # of this attempt's first intent; its timeout counts from here
    due_at: datetime | None = None  # waiting: not before; starting: next look-up; running: next try to cancel
    tries: int = 0  # starts put off, look-ups in vain or cancels refused in a row, for the back-off
    intent: Intent | None = None
    job: Job | None = None
    stop: Stop | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    output: Any = None
    error: Error | None = None
    continues: str | None = None  # a failed job of an earlier run that this attempt goes on with


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One state change. `step` is None for the run itself."""

    number: int
    at: datetime
    step: str | None
    event: str
    before: str | None
    after: str
    attempt: int | None = None
    job_id: str | None = None
    parameters: Mapping[str, Any] | None = None
    error: Error | None = None
    continues: str | None = None  # of an intent: the job that is gone on with, whose parameters hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution of a chain, with the definition that it started with."""

    id: str
    definition: Chain
    trigger: Trigger
    parameters: Mapping[str, Any]
    created_at: datetime
    steps: tuple[Step, ...]
    status: RunStatus = RunStatus.RUNNING
    queued: bool = False  # waits until fewer than max_running runs of its chain are under way
    cancel_requested_at: datetime | None = None
    finished_at: datetime | None = None
    error: Error | None = None
    wake_at: datetime | None = None  # a message is on its way for this time
    transitions: int = 0
    unsaved: tuple[Transition, ...] = ()
    rerun_of: str | None = None  # the id of the run that this one repeats
    backfill: str | None = None  # the id of the backfill that started it
    superseded: Error | None = None  # why it is being cancelled, when that is for a later run

    @property
    def chain(self) -> str:
        return self.definition.name

    def step(self, name: str) -> Step:
        return next(step for step in self.steps if step.name == name)

    def step_definition(self, name: str) -> StepDefinition:
        return next(step for step in self.definition.steps if step.name == name)

    def with_step(self, changed: Step) -> Run:
        return replace(self, steps=tuple(changed if s.name == changed.name else s for s in self.steps))


def new_run(
    *,
    id: str,
    definition: Chain,
    trigger: Trigger,
    parameters: Mapping[str, Any],
    now: datetime,
    queued: bool,
    steps: tuple[Step, ...] | None = None,
    rerun_of: str | None = None,
    backfill: str | None = None,
) -> Run:
    """A run that has not been saved yet, with the transition that begins it. Without `steps` all begin anew."""
    begun = Transition(number=1, at=now, step=None, event="begin", before=None, after=RunStatus.RUNNING)
    return Run(
        id=id,
        definition=definition,
        trigger=trigger,
        parameters=parameters,
        created_at=now,
        steps=tuple(Step(name=step.name) for step in definition.steps) if steps is None else steps,
        queued=queued,
        rerun_of=rerun_of,
        backfill=backfill,
        transitions=1,
        unsaved=(begun,),
    )
