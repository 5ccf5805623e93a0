"""What really happened, from the simulated services' own books: no tool is asked about itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from bench.peers.stage import FACTORY, GROUP, LAKEHOUSE, REPORTS, SUBSCRIPTION, Stage


@dataclass(frozen=True, slots=True)
class Entry:
    """One job that began at a service. `stopped`: somebody cancelled it. `good`: it has succeeded."""

    began_at: datetime
    ended_at: datetime
    stopped: bool
    good: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """`twice`, `cancelled`: jobs that were started beyond the one wanted, or cancelled. `called_failed`: runs
    whose tool says so though their job succeeded. `forgotten`: runs whose pipeline succeeded, and no refresh ever
    followed (of a refresh alone: nobody knows how it ended). `unharmed`: runs with none of this that succeeded.
    """

    runs: int
    unharmed: int
    twice: int
    cancelled: int
    called_failed: int
    forgotten: int


def first_jobs(stage: Stage) -> dict[int, list[Entry]]:
    """The jobs that were started for each run's first step, oldest first."""
    found: dict[int, list[Entry]] = defaultdict(list)
    for number, entry in _first_jobs(stage):
        found[number].append(entry)
    return found


def refreshes(stage: Stage, number: int) -> list[Entry]:
    """The refreshes of a run's model, oldest first."""
    now = stage.time.now()
    model = stage.azure.power_bi.workspaces[REPORTS][stage.model(number)]
    return [
        Entry(each.started_at, each.ended_at(), each.cancelled_at is not None, each.status(now) == "Completed")
        for each in reversed(model.refreshes)
    ]


def delays(stage: Stage) -> list[float]:
    """Seconds from the end of each run's pipeline to the start of its refresh."""
    jobs = first_jobs(stage)
    found = []
    for number in range(stage.case.runs):
        ends = [job.ended_at for job in jobs[number] if job.good]
        begins = [refresh.began_at for refresh in refreshes(stage, number)]
        if ends and begins:
            found.append((begins[0] - ends[0]).total_seconds())
    return found


def verdicts(stage: Stage) -> Verdicts:
    """To be asked when all jobs have had the time to end."""
    jobs = first_jobs(stage)
    unharmed = twice = cancelled = called_failed = forgotten = 0
    for number in range(stage.case.runs):
        mine = jobs[number]
        then = [] if stage.case.kind == "refresh" else refreshes(stage, number)
        good = [job for job in mine if job.good]
        more = max(0, len(mine) - 1) + max(0, len(then) - 1)
        stopped = sum(job.stopped for job in (*mine, *then))
        outcome = stage.outcomes.get(number)
        if stage.case.kind == "refresh":
            lost = bool(good) and outcome == "died"
        else:
            lost = bool(good) and not any(each.began_at >= good[0].ended_at for each in then)
        twice, cancelled, forgotten = twice + more, cancelled + stopped, forgotten + lost
        called_failed += bool(good) and outcome == "failed"
        unharmed += outcome == "succeeded" and not (more or stopped or lost)
    return Verdicts(
        runs=stage.case.runs,
        unharmed=unharmed,
        twice=twice,
        cancelled=cancelled,
        called_failed=called_failed,
        forgotten=forgotten,
    )


def _first_jobs(stage: Stage) -> Iterator[tuple[int, Entry]]:
    now = stage.time.now()
    if stage.case.kind == "refresh":
        for number in range(stage.case.runs):
            yield from ((number, entry) for entry in refreshes(stage, number))
    for run in stage.azure.data_factory.factory(SUBSCRIPTION, GROUP, FACTORY).runs.values():
        good = run.status(now) == "Succeeded"
        yield int(run.parameters["run"]), Entry(run.created_at, run.ended_at(), run.cancel_at is not None, good)
    for item in stage.azure.fabric.workspace(LAKEHOUSE).items.values():
        for instance in reversed(item.instances):
            number = int(instance.body["executionData"]["parameters"]["run"])
            good = instance.status(now) == "Completed"
            yield (
                number,
                Entry(instance.created_at, instance.ended_at(), instance.cancelled_at is not None, good),
            )
