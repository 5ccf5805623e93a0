"""What must hold whatever broke. Each check gives the violations that it found: a word, and what happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from local.simulated_azure.power_bi import Refresh
from shared.core.run import RunStatus, StepStatus
from tests.end_to_end.trouble.story import ServiceJob, Story


@dataclass(frozen=True, slots=True)
class Violation:
    """`kind`: doubled, forgotten, stale, untrue, cancelled or poison."""

    kind: str
    what: str


def violations(story: Story) -> list[Violation]:
    """Everything that is wrong."""
    checks = (_callers, _ended, _jobs, _fresh, _true, _poison)
    return [found for check in checks for found in check(story)]


def _callers(story: Story) -> Iterator[Violation]:
    known = {run.id for run in story.runs}
    for key, run_ids in story.promised.items():
        if len(run_ids) > 1:
            yield Violation("doubled", f"{key} was given the runs {sorted(run_ids)}")
        if not run_ids or not run_ids <= known:
            yield Violation("forgotten", f"{key} was promised {sorted(run_ids)}, which is not there")
    promised = {run_id for run_ids in story.promised.values() for run_id in run_ids}
    for run_id in known - promised:
        yield Violation("doubled", f"run {run_id} is nobody's")


def _ended(story: Story) -> Iterator[Violation]:
    for run in story.runs:
        if run.status is not RunStatus.SUCCEEDED:  # no job fails here, so nothing else is right
            yield Violation("forgotten", f"run {run.id} is {run.status}: {run.error}")
    for left in story.left:
        yield Violation("forgotten", left)


def _jobs(story: Story) -> Iterator[Violation]:
    starts = [
        ((run.id, change.step, change.attempt), change.job_id)
        for run in story.runs
        for change in story.changes[run.id]
        if change.event == "start"
    ]
    for attempt, count in Counter(attempt for attempt, _ in starts).items():
        if count > 1:
            yield Violation("doubled", f"attempt {attempt} has {count} jobs")
    owned = Counter(job_id for _, job_id in starts)
    for job_id, count in owned.items():
        if count > 1:
            yield Violation("doubled", f"job {job_id} belongs to {count} attempts")
        if job_id not in story.jobs:
            yield Violation("untrue", f"job {job_id} is in no service's books")
    for job_id, job in story.jobs.items():
        if job_id not in owned and job_id not in story.disowned:  # decision 2 says how one comes to be disowned
            yield Violation("doubled", f"no attempt knows of {job_id}: {job}")


def _cancelled_at(job: ServiceJob) -> datetime | None:
    return job.cancelled_at if isinstance(job, Refresh) else job.cancel_at


def _fresh(story: Story) -> Iterator[Violation]:
    for run in story.runs:
        for step in run.steps:
            if step.status is not StepStatus.SUCCEEDED or step.job is None or step.job.id not in story.jobs:
                continue
            job = story.jobs[step.job.id]
            began = job.started_at if isinstance(job, Refresh) else job.created_at
            for name in run.step_definition(step.name).after:
                before = run.step(name).job
                if before is None or began < story.jobs[before.id].ended_at():
                    yield Violation("stale", f"{run.id}: {step.name} counts, but began before {name} had ended")


def _true(story: Story) -> Iterator[Violation]:
    for run in story.runs:
        for step in run.steps:
            job = story.jobs.get(step.job.id) if step.job else None
            if job is None:
                continue
            status = job.status(story.now)
            if (step.status is StepStatus.SUCCEEDED) != (status in ("Succeeded", "Completed")):
                yield Violation("untrue", f"{run.id}: {step.name} {step.status}, its job {status}")
            if _cancelled_at(job) is not None:
                yield Violation("cancelled", f"{run.id}: {step.name}'s healthy job was cancelled")


def _poison(story: Story) -> Iterator[Violation]:
    if story.poison:
        yield Violation("poison", f"{story.poison} messages were set aside")
