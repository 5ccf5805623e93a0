"""What must hold in the end, whatever went wrong. Each check gives the violations that it found, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from local.simulated_azure.power_bi import Refresh
from shared.core.run import Run, RunStatus, Step, StepStatus
from shared.store.places import PlaceStore
from shared.store.runs import RunStore
from tests.simulation.books import TheirJob, looks_alike, succeeded, was_listed, was_stopped
from tests.simulation.simulation import Simulation

STOPPED_WITHIN = timedelta(seconds=900)  # of a cancel, however long the services were away
A_LOOK = timedelta(minutes=2)  # after which an end is known
# What ends a call when the simulated world is at fault; anything else is a fault of Baton's.
EXPLAINED = ("StorageUnavailableError", "CrashError")


def violations(simulation: Simulation) -> list[str]:
    """Everything that was wrong on the way, or else everything that is wrong at the end."""
    return simulation.violations or list(_at_the_end(simulation))


def _at_the_end(simulation: Simulation) -> Iterator[str]:
    runs = all_runs(simulation)
    yield from _ended(simulation, runs)
    yield from _callers(simulation, runs)
    yield from simulation.events.violations(runs)
    yield from simulation.followed.broken(
        runs, simulation.witness, simulation.scheduler.now(), simulation.holds.may_hold
    )
    yield from _history(simulation, runs)
    yield from _jobs(simulation)
    yield from _truth(simulation, runs)
    if simulation.subscriber is not None:
        yield from simulation.subscriber.missed(simulation.table, runs)
    yield from simulation.holds.wrong(runs)
    yield from simulation.hooks.missed(runs)
    for run in runs:
        if run.id in simulation.people.cancelled and run.cancel_requested_at is None:
            yield f"{run.id} was to be cancelled, and does not know it"
    for error in simulation.errors:
        if type(error).__name__ not in EXPLAINED:
            yield f"a call ended with {error!r}"


def all_runs(simulation: Simulation) -> list[Run]:
    found: list[Run] = []
    cursor: str | None = None
    while True:
        page = RunStore(simulation.table).newest(status=None, limit=100, cursor=cursor)
        found += page.runs
        cursor = page.cursor
        if cursor is None:
            return found


def _ended(simulation: Simulation, runs: list[Run]) -> Iterator[str]:
    for run in runs:
        if run.status is RunStatus.RUNNING:
            steps = {step.name: (step.status.value, step.error) for step in run.steps}
            yield f"run {run.id} has not ended: {steps}"
    for pointer in RunStore(simulation.table).pointers():
        yield f"a pointer is left: {pointer}"
    places = PlaceStore(simulation.table)
    for held in places.watches():
        if places.watched(held.key):
            yield f"jobs are still watched at {held.key}"


def _callers(simulation: Simulation, runs: list[Run]) -> Iterator[str]:
    known = {run.id for run in runs}
    for caller in simulation.people.callers:
        if len(caller.run_ids) > 1:
            yield f"{caller.key} on {caller.chain} has the runs {caller.run_ids}"
        if not caller.run_ids <= known:
            yield f"{caller.key} was promised {caller.run_ids}, which is not listed"
    times = Counter((run.chain, run.trigger.time) for run in runs if run.trigger.type == "schedule")
    yield from (f"{chain} ran {count} times for {time}" for (chain, time), count in times.items() if count > 1)
    yield from simulation.calendar.forgotten(runs, simulation.holds.excuses)


def _history(simulation: Simulation, runs: list[Run]) -> Iterator[str]:
    """The rows tell the whole way to where every run is, without a gap."""
    for run in runs:
        seen = simulation.witness.runs[run.id]
        changes = RunStore(simulation.table).transitions(run.id)
        if [change.number for change in changes] != list(range(1, seen.transitions + 1)):
            yield f"{run.id}: its rows are {[change.number for change in changes]} of {seen.transitions}"
        if seen.status is not run.status:
            yield f"{run.id} is {run.status}, and its rows say {seen.status}"
        for step in run.steps:
            if seen.steps[step.name].status is not step.status:
                yield f"{run.id}: {step.name} is {step.status}, and its rows say otherwise"


def _jobs(simulation: Simulation) -> Iterator[str]:
    """Every job that was started belongs to an attempt."""
    witness = simulation.witness
    taken = witness.others & witness.claims.keys()
    for job_id, attempt in witness.owners.items():
        if job_id in witness.claims:
            continue
        job = witness.job(job_id)
        if job is not None and not was_listed(job):
            continue
        if job is not None and looks_alike(job) and (taken or witness.was_swapped(attempt)):
            continue  # a fresh refresh of somebody's, or of another attempt's, may be taken for a lost one of ours
        yield f"job {job_id} was started for {attempt}, and no attempt knows of it"


def _truth(simulation: Simulation, runs: list[Run]) -> Iterator[str]:
    for run in runs:
        for step in run.steps:
            job = simulation.witness.job(step.job.id) if step.job else None
            if job is not None:
                yield from _step_is_true(simulation, run, step, job)


def _step_is_true(simulation: Simulation, run: Run, step: Step, job: TheirJob) -> Iterator[str]:
    status = job.status(simulation.scheduler.now())
    good = succeeded(job, simulation.scheduler.now())
    if step.status is StepStatus.SUCCEEDED and not good:
        yield f"{run.id}: {step.name} succeeded, its job {status}"
    error = step.error
    unseen = error is not None and error.code == "job_missing" and not was_listed(job)
    timed_out = unseen or (error is not None and error.code == "timeout")
    if step.status is StepStatus.FAILED and good and not (unseen or _is_open(step, job)):
        yield f"{run.id}: {step.name} failed ({error}), its job {status}"
    wanted = run.cancel_requested_at or timed_out or step.status is StepStatus.SUCCEEDED
    if was_stopped(job) and not wanted:
        yield f"{run.id}: {step.name}'s healthy job was cancelled ({error})"
    ended = job.ended_at()
    if run.cancel_requested_at and ended > run.cancel_requested_at + STOPPED_WITHIN and was_listed(job):
        refresh = isinstance(job, Refresh) and job.kind == "ViaApi"  # which cannot be cancelled
        if job.id not in simulation.witness.asked and not refresh:
            yield f"{run.id} was cancelled, and nobody asked for an end of {step.name}'s job, which went on"


def _is_open(step: Step, job: TheirJob) -> bool:
    """Whether the step says that its job has done its work, or truly says that the job may still be running."""
    if step.error is None or step.error.code == "output_too_large":
        return True
    given_up = step.error.code == "timeout" and "may still be running" in step.error.message
    return given_up and step.finished_at is not None and job.ended_at() > step.finished_at - A_LOOK
