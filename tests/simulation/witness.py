"""Watches every save and every job that a service starts, and says at that very step what must not happen.

It knows nothing that Baton believes: what has been saved it reads from the rows, and which attempt a job was
started for it hears from the call that started it.

Jobs that a service shows alike (refreshes of one model; runs of one pipeline with the same parameters) may
change hands when two start calls of the same minute are lost: then each attempt has one, and none is extra.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

from local.simulated_azure.world import SimulatedAzure
from shared.core.backfill import Backfill
from shared.core.definition import Chain
from shared.core.lifecycle import RUN_TABLE, STEP_TABLE
from shared.core.run import FINAL_STEP, Run, RunStatus, Step, StepStatus, Transition
from shared.storage.base import Delete, Insert, Replace, Upsert, Write
from shared.store.codec import decode, key_of
from tests.simulation.books import TheirJob, all_jobs, began_at, looks_alike, was_listed

CLOCKS_DIFFER = timedelta(seconds=20)


@dataclass(slots=True)
class SeenStep:
    """A step as its saved transitions tell it."""

    status: StepStatus = StepStatus.WAITING
    attempt: int = 1
    job_id: str | None = None


@dataclass(slots=True)
class SeenRun:
    """A run as its saved transitions tell it."""

    definition: Chain
    status: RunStatus = RunStatus.RUNNING
    transitions: int = 0
    steps: dict[str, SeenStep] = field(default_factory=dict)
    jobs: dict[tuple[str, int], str] = field(default_factory=dict)  # by step and attempt
    cancelled: bool = False  # a caller has been told so
    backfill: str | None = None


@dataclass(slots=True)
class Witness:
    """`violations`: what must not happen, and did.

    `owners`: the attempt that each job was started for. `claims`: the one that has booked it.
    """

    azure: SimulatedAzure
    note: Callable[[str], None]
    violations: list[str] = field(default_factory=list)
    runs: dict[str, SeenRun] = field(default_factory=dict)
    owners: dict[str, tuple[str, str, int]] = field(default_factory=dict)
    claims: dict[str, tuple[str, str, int]] = field(default_factory=dict)
    at_once: dict[str, int] = field(default_factory=dict)  # how many runs each backfill may have
    others: set[str] = field(default_factory=set)  # jobs that somebody else has started
    accepted: set[tuple[str, str, int]] = field(default_factory=set)  # saved as such, without a job's id
    asked: set[str] = field(default_factory=set)  # jobs whose service has taken a request to cancel them
    replaced: set[str] = field(default_factory=set)  # runs that waited until a later one took their place
    _started: defaultdict[tuple[str, str, int], list[str]] = field(default_factory=lambda: defaultdict(list))

    def wrong(self, text: str) -> None:
        self.note(f"WRONG: {text}")
        self.violations.append(text)

    def saved(self, writes: Sequence[Write]) -> None:
        """A batch that has been written: its new runs and transitions are looked at."""
        for write in writes:
            if not isinstance(write, Delete) and write.row.key == "slots":
                slots = json.loads(write.row.data)
                self.replaced |= slots.get("superseded", {}).keys() - set(slots["holders"])
            if isinstance(write, Replace) and '"accepted":true' in write.row.data:
                self._accepted(decode(Run, write.row.data))
            if not isinstance(write, Insert | Upsert):
                continue
            kind, _, rest = write.row.key.partition(".")
            if write.row.partition.startswith("place.") and kind == "c":
                self._claimed(self._job_of(rest), write.row.data)
            elif write.row.partition == "backfills" and kind == "b":
                self.at_once[rest] = decode(Backfill, write.row.data).parallelism
            elif write.row.partition.startswith("chain."):
                if (
                    kind == "r"
                    and len(write.row.data) > 10
                    and (run := decode(Run, write.row.data)).id not in self.runs
                ):
                    steps = {step.name: _seen(step) for step in run.steps}  # a rerun keeps what has succeeded
                    self.runs[run.id] = SeenRun(run.definition, steps=steps, backfill=run.backfill)
                    self._is_its_turn(run.backfill)
                elif kind == "t":
                    run_id = rest.partition(".")[2].rpartition(".")[0]
                    self._changed(run_id, decode(Transition, write.row.data))

    def started(self, attempt: tuple[str, str, int], job_id: str) -> None:
        """A service has begun a job for an attempt, whether or not its answer arrives."""
        run_id, step, number = attempt
        jobs = self._started[attempt]
        jobs.append(job_id)
        self.owners[job_id] = attempt
        self.note(f"the service begins job {job_id[:8]} for {step}, attempt {number}")
        self._has_room(run_id)
        mine = [job for job in jobs if self.claims.get(job, attempt) == attempt and self._can_be_known(job)]
        if len(mine) > 1:
            self.wrong(f"attempt {number} of {step} of {run_id} has {len(mine)} jobs: {', '.join(mine)}")
        self._is_alone(attempt)
        seen = self.runs[run_id].steps[step]
        if (seen.status, seen.attempt) != (StepStatus.STARTING, number) and not self.was_swapped(attempt):
            self.wrong(f"a job of {step} of {run_id} began, though it was saved as {seen.status}")

    def _accepted(self, run: Run) -> None:
        started = (step for step in run.steps if step.intent is not None and step.intent.accepted)
        self.accepted |= {(run.id, step.name, step.attempt) for step in started}

    def _can_be_known(self, job_id: str) -> bool:
        """Whether Baton has booked it, has heard that it was accepted, or was shown it in time."""
        job = self.job(job_id)
        known = job_id in self.claims or self.owners[job_id] in self.accepted
        return known or job is None or was_listed(job)

    def _is_alone(self, attempt: tuple[str, str, int]) -> None:
        """No job begins while that of an earlier attempt goes on."""
        run_id, step, number = attempt
        now = self.azure.data_factory.clock()
        for (name, earlier), job_id in self.runs[run_id].jobs.items():
            before = self.job(job_id) if name == step and earlier < number else None
            if before is not None and now < before.ended_at():
                self.wrong(f"a job of {step} of {run_id} began, and job {job_id} of attempt {earlier} goes on")

    def was_swapped(self, attempt: tuple[str, str, int]) -> bool:
        """Whether the attempt has another one's job, lost in the same moments, that looks just alike."""
        held = [job for job, owner in self.claims.items() if owner == attempt and self.owners.get(job) != attempt]
        return any((job := self.job(job_id)) is not None and looks_alike(job) for job_id in held)

    def _is_its_turn(self, backfill: str | None) -> None:
        if backfill is None:
            return
        runs = [run for run in self.runs.values() if run.backfill == backfill and run.status is RunStatus.RUNNING]
        if len(runs) > self.at_once[backfill]:
            self.wrong(f"backfill {backfill} has {len(runs)} runs at once")

    def _has_room(self, run_id: str) -> None:
        """No more runs of a chain have jobs under way at once than the chain allows, before or after a deploy."""
        if self.runs[run_id].definition.max_running is None:
            return
        at_work, chain = {run_id}, self.runs[run_id].definition.name
        *others, newest = [run for run in self.runs.values() if run.definition.name == chain]
        known = [newest, *(run for run in others if run.status is RunStatus.RUNNING)]
        limits = [run.definition.max_running for run in known]
        now = self.azure.data_factory.clock()
        for job in all_jobs(self.azure):
            other = self.owners.get(job.id, (run_id, "", 0))[0]
            seen = self.runs[other]
            if other in at_work or seen.definition.name != chain or seen.status is not RunStatus.RUNNING:
                continue
            if now < job.ended_at():
                at_work.add(other)
        if None not in limits and len(at_work) > max(limit for limit in limits if limit is not None):
            self.wrong(f"{len(at_work)} runs are at work at once: {', '.join(sorted(at_work))}")

    def cancelled(self, run_id: str) -> None:
        """A caller has been told that the run will stop."""
        self.runs[run_id].cancelled = True

    def job(self, job_id: str) -> TheirJob | None:
        """The job in its service's own books."""
        return next((job for job in all_jobs(self.azure) if job.id == job_id), None)

    def _job_of(self, key: str) -> str:
        """The id that a row's key stands for."""
        if not key.startswith("h."):
            return key
        return next((job.id for job in all_jobs(self.azure) if key_of(job.id) == key), key)

    def _changed(self, run_id: str, change: Transition) -> None:
        run = self.runs[run_id]
        if change.number != run.transitions + 1:
            self.wrong(f"{run_id}: transition {change.number} follows {run.transitions}")
        run.transitions = change.number
        self.note(f"saves {run_id.partition('.')[0]} {change.step or 'run'}: {change.event} -> {change.after}"
                  + (f" ({change.error.code})" if change.error else ""))  # fmt: skip
        if run.status is not RunStatus.RUNNING:
            self.wrong(f"{run_id} was {run.status}, and changed: {change.step or 'run'} {change.event}")
        if change.step is not None:
            self._step_changed(run_id, run, run.steps[change.step], change)
        elif change.before is not None:
            after = RUN_TABLE.get((run.status, cast("Any", change.event)))
            if after != change.after:
                self.wrong(f"{run_id}: {change.before} {change.event} {change.after} is not in the table")
            run.status = RunStatus(change.after)

    def _step_changed(self, run_id: str, run: SeenRun, step: SeenStep, change: Transition) -> None:
        name = f"{run_id}: {change.step}"
        after = STEP_TABLE.get((step.status, cast("Any", change.event)))
        if after != change.after or step.status != change.before:
            self.wrong(f"{name} was {step.status}; {change.event} made it {change.after}")
        if change.event in ("intend", "start") and change.attempt != step.attempt:
            self.wrong(f"{name}: attempt {change.attempt} follows {step.attempt}")
        match change.event:
            case "intend":
                self._may_start(name, run, change)
                if run_id in self.replaced:
                    self.wrong(f"{name} is started, though a later run has taken the place of {run_id}")
            case "start":
                self._job_taken(run_id, run, change)
            case "succeed":
                self._is_fresh(name, run, change)
        step.status = StepStatus(change.after)
        if change.event == "retry":
            step.attempt += 1
        step.job_id = change.job_id if step.status in (StepStatus.RUNNING, *FINAL_STEP) else None

    def _may_start(self, name: str, run: SeenRun, change: Transition) -> None:
        if run.cancelled:
            self.wrong(f"{name} is started after the cancel")
        for before in _after(run.definition, change.step):
            if run.steps[before].status is not StepStatus.SUCCEEDED:
                self.wrong(f"{name} is started while {before} is {run.steps[before].status}")

    def _job_taken(self, run_id: str, run: SeenRun, change: Transition) -> None:
        assert change.step is not None
        assert change.attempt is not None
        assert change.job_id is not None
        attempt = (run_id, change.step, change.attempt)
        held = run.jobs.setdefault((change.step, change.attempt), change.job_id)
        if held != change.job_id:
            self.wrong(f"attempt {attempt} has two jobs: {held} and {change.job_id}")
        if self.claims.get(change.job_id) != attempt:
            self.wrong(f"job {change.job_id} is booked for {self.claims.get(change.job_id)}, and {attempt} has it")

    def _claimed(self, job_id: str, owner: str) -> None:
        run_id, step, number = owner.split("/")
        attempt = (run_id, step, int(number))
        self.claims[job_id] = attempt
        job, started_for = self.job(job_id), self.owners.get(job_id)
        if job is None:
            self.wrong(f"{attempt} has booked job {job_id}, which does not exist")
        elif started_for is None and job_id not in self.others:
            self.wrong(f"{attempt} has booked job {job_id}, which nobody has started")
        elif started_for != attempt and not looks_alike(job):
            self.wrong(f"job {job_id} was started for {started_for}, and {attempt} has booked it")

    def _is_fresh(self, name: str, run: SeenRun, change: Transition) -> None:
        job = self.job(change.job_id or "")
        if job is None:
            self.wrong(f"{name} succeeded with job {change.job_id}, which does not exist")
            return
        for before in _after(run.definition, change.step):
            ended = self.job(run.steps[before].job_id or "")
            if ended is None or began_at(job) < ended.ended_at():
                self.wrong(f"{name} counts, but began before {before} had ended")


def _seen(step: Step) -> SeenStep:
    return SeenStep(step.status, step.attempt, step.job.id if step.job else None)


def _after(definition: Chain, step: str | None) -> tuple[str, ...]:
    return next(declared.after for declared in definition.steps if declared.name == step)
