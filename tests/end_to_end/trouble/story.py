"""What happened, from three books: Baton's rows, the services' own books, and what the callers were told."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from local.simulated_azure.pipelines import PipelineRun
from local.simulated_azure.power_bi import Refresh
from local.simulated_azure.world import SimulatedAzure
from shared.app import QUEUE, TABLE
from shared.core.run import Run, RunStatus, Transition
from shared.storage.base import Storage
from shared.store.places import PlaceStore
from shared.store.runs import RunStore

ServiceJob = PipelineRun | Refresh
_ACTION = re.compile(r"action=(\S+)(?:.* job=(\S+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """`promised`: the run ids that each caller was given. `disowned`: second jobs that Baton has cancelled.
    `left`: runs that have not ended."""

    now: datetime
    runs: Sequence[Run]
    changes: Mapping[str, Sequence[Transition]]
    jobs: Mapping[str, ServiceJob]
    promised: Mapping[str, frozenset[str]]
    disowned: frozenset[str]
    poison: int
    left: Sequence[str]


def told(
    storage: Storage,
    azure: SimulatedAzure,
    promised: Mapping[str, frozenset[str]],
    disowned: frozenset[str],
    now: datetime,
) -> Story:
    """The story so far."""
    store = RunStore(storage.table(TABLE))
    runs = list(all_runs(store))
    return Story(
        now=now,
        runs=runs,
        changes={run.id: store.transitions(run.id) for run in runs},
        jobs=started_jobs(azure),
        promised=promised,
        disowned=disowned,
        poison=storage.queue(f"{QUEUE}-poison").length(),
        left=list(unfinished(storage)),
    )


def all_runs(store: RunStore) -> Iterator[Run]:
    cursor: str | None = None
    while True:
        page = store.newest(status=None, limit=100, cursor=cursor)
        yield from page.runs
        cursor = page.cursor
        if cursor is None:
            return


def started_jobs(azure: SimulatedAzure) -> dict[str, ServiceJob]:
    """All jobs that there are, by the services' own books. Nobody but Baton starts any."""
    jobs: dict[str, ServiceJob] = {}
    for factory in azure.data_factory.factories.values():
        jobs.update(factory.runs)
    for models in azure.power_bi.workspaces.values():
        for model in models.values():
            jobs.update({refresh.id: refresh for refresh in model.refreshes})
    return jobs


def unfinished(storage: Storage) -> Iterator[str]:
    """Runs that the timer knows of and that have not ended. One that was announced and never created is none."""
    store = RunStore(storage.table(TABLE))
    for pointer in store.pointers():
        held = store.load(pointer.run_id)
        if held is not None and held.run.status is RunStatus.RUNNING:
            steps = [(step.name, step.status.value, step.error) for step in held.run.steps]
            yield f"run {pointer.run_id} has not ended: {steps}"


def leftovers(storage: Storage) -> int:
    """Jobs still watched though every run has ended: a later look, which asks for everything, drops them."""
    places = PlaceStore(storage.table(TABLE))
    return sum(len(places.watched(watch.key)) for watch in places.watches())


def actions(logs: Sequence[Path]) -> tuple[Counter[str], frozenset[str]]:
    """How often the hosts' logs name each action, and the jobs that were disowned."""
    counted: Counter[str] = Counter()
    disowned = set()
    for log in logs:
        for line in log.read_text(errors="replace").splitlines():
            match = _ACTION.search(line)
            if match:
                counted[match[1]] += 1
                if match[1] == "job_disowned":
                    disowned.add(match[2])
    return counted, frozenset(disowned)
