"""What must hold whatever went wrong. Each check gives the violations that it found, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from local.simulated_azure.pipelines import PipelineRun
from local.simulated_azure.power_bi import Refresh
from shared.core.run import Run, RunStatus, StepStatus, Transition
from shared.store.places import PlaceStore
from tests.simulation.simulation import Simulation

CLOCKS_DIFFER = timedelta(seconds=20)


def violations(simulation: Simulation) -> list[str]:
    """Everything that is wrong at the end of a seed."""
    return list(_violations(simulation))


def _violations(simulation: Simulation) -> Iterator[str]:
    runs = all_runs(simulation)
    changes = {run.id: simulation.runs.transitions(run.id) for run in runs}
    yield from _ended(simulation, runs)
    yield from _callers(simulation, runs)
    yield from _jobs(simulation, runs, changes)
    yield from _fresh(simulation, runs)
    yield from _truth(simulation, runs)
    yield from _cancelled(simulation, runs, changes)
    yield from _unexpected(simulation)


def all_runs(simulation: Simulation) -> list[Run]:
    found: list[Run] = []
    cursor: str | None = None
    while True:
        page = simulation.runs.newest(status=None, limit=100, cursor=cursor)
        found += page.runs
        cursor = page.cursor
        if cursor is None:
            return found


def _ended(simulation: Simulation, runs: list[Run]) -> Iterator[str]:
    for run in runs:
        if run.status is RunStatus.RUNNING:
            steps = {step.name: (step.status.value, step.error) for step in run.steps}
            yield f"run {run.id} has not ended: {steps}"
    for pointer in simulation.runs.pointers():
        yield f"a pointer is left: {pointer}"
    places = PlaceStore(simulation.table)
    for held in places.watches():
        if places.watched(held.key):
            yield f"jobs are still watched at {held.key}"


def _callers(simulation: Simulation, runs: list[Run]) -> Iterator[str]:
    known = {run.id for run in runs}
    for caller in simulation.callers:
        if len(caller.run_ids) != 1:
            yield f"{caller.key} on {caller.chain.name} has the runs {caller.run_ids}"
        if not caller.run_ids <= known:
            yield f"{caller.key} was promised {caller.run_ids}, which is not listed"
    times = Counter((run.chain, run.trigger.time) for run in runs if run.trigger.type == "schedule")
    for (chain, time), count in times.items():
        if count > 1:
            yield f"{chain} ran {count} times for {time}"
    for chain in {run.chain for run in runs if run.trigger.type == "schedule"}:
        yield from _no_time_is_forgotten(chain, [run for run in runs if run.chain == chain])


def _no_time_is_forgotten(chain: str, runs: list[Run]) -> Iterator[str]:
    scheduled = [run.trigger for run in runs if run.trigger.type == "schedule"]
    told = sorted([t.time for t in scheduled] + [missed for t in scheduled for missed in t.missed])
    for before, after in pairwise(told):
        if after - before != timedelta(minutes=7) and not (before.minute == 56 and after.minute == 0):
            yield f"{chain}: between {before} and {after} a scheduled time was neither run nor reported"


def _jobs(simulation: Simulation, runs: list[Run], changes: Mapping[str, Sequence[Transition]]) -> Iterator[str]:
    starts = Counter(
        (run.id, change.step, change.attempt)
        for run in runs
        for change in changes[run.id]
        if change.event == "start"
    )
    for start, count in starts.items():
        if count > 1:
            yield f"attempt {start} has {count} jobs"
    owned = Counter(change.job_id for run in runs for change in changes[run.id] if change.event == "start")
    for job_id, count in owned.items():
        if count > 1:
            yield f"job {job_id} belongs to {count} attempts"
    taken = [job_id for job_id in owned if job_id in simulation.others]
    for job_id, job in started_jobs(simulation).items():
        if isinstance(job, Refresh) and taken:
            continue  # Power BI tells of no caller: somebody's fresh refresh may be taken for a lost one of ours
        if job_id not in owned and job_id not in simulation.others:
            yield f"job {job_id} was started, and no attempt knows of it"


def started_jobs(simulation: Simulation) -> dict[str, PipelineRun | Refresh]:
    """All that Baton has started, by the services' own books."""
    jobs: dict[str, PipelineRun | Refresh] = {}
    for factory in simulation.azure.data_factory.factories.values():
        jobs.update(factory.runs)
    for models in simulation.azure.power_bi.workspaces.values():
        for model in models.values():
            jobs.update({refresh.id: refresh for refresh in model.refreshes})
    return jobs


def _ended_at(job: PipelineRun | Refresh) -> datetime:
    return job.ended_at()


def _fresh(simulation: Simulation, runs: list[Run]) -> Iterator[str]:
    jobs = started_jobs(simulation)
    for run in runs:
        for step in run.steps:
            if step.status is not StepStatus.SUCCEEDED or step.job is None:
                continue
            job = jobs[step.job.id]
            began = job.started_at if isinstance(job, Refresh) else job.created_at
            for name in run.step_definition(step.name).after:
                before = run.step(name).job
                if before is None or began < _ended_at(jobs[before.id]):
                    yield f"{run.id}: {step.name} counts, but began before {name} had ended"


def _truth(simulation: Simulation, runs: list[Run]) -> Iterator[str]:
    jobs = started_jobs(simulation)
    now = simulation.scheduler.now()
    for run in runs:
        for step in run.steps:
            job = jobs.get(step.job.id) if step.job else None
            if job is None:
                continue
            status = job.status(now)
            good = status in ("Succeeded", "Completed")
            if step.status is StepStatus.SUCCEEDED and not good:
                yield f"{run.id}: {step.name} succeeded, its job {status}"
            if step.status is StepStatus.FAILED and good and step.error and step.error.code != "output_too_large":
                yield f"{run.id}: {step.name} failed ({step.error}), its job {status}"
            stopped = (job.cancelled_at if isinstance(job, Refresh) else job.cancel_at) is not None
            timed_out = step.error is not None and step.error.code == "timeout"
            if (
                stopped
                and step.status is not StepStatus.SUCCEEDED
                and not run.cancel_requested_at
                and not timed_out
            ):
                yield f"{run.id}: {step.name}'s healthy job was cancelled ({step.error})"


def _cancelled(
    simulation: Simulation, runs: list[Run], changes: Mapping[str, Sequence[Transition]]
) -> Iterator[str]:
    for run in runs:
        if run.id in simulation.cancelled and run.cancel_requested_at is None:
            yield f"{run.id} was to be cancelled, and does not know it"
        if run.cancel_requested_at is None:
            continue
        for change in changes[run.id]:
            if change.event == "intend" and change.at > run.cancel_requested_at + CLOCKS_DIFFER:
                yield f"{run.id}: {change.step} was started after the cancel"


def _unexpected(simulation: Simulation) -> Iterator[str]:
    """Errors that no fault explains are faults of Baton's."""
    for error in simulation.errors:
        if type(error).__name__ not in ("StorageUnavailableError", "CrashError"):
            yield f"a call ended with {error!r}"
