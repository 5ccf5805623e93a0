"""Chains that follow what others run: each job starts a run once, whatever happens meanwhile."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.core.definition import Chain, Follow, Parameter
from shared.core.errors import RefusedError, TryLaterError
from shared.core.facts import Verdict
from shared.core.follows import LATE, SeenJob
from shared.core.run import Run, RunStatus
from shared.ports import Place
from shared.relay.tick import tick
from shared.store.places import place_key
from tests.unit.relay.small_world import CONNECTION, SmallWorld, a_chain, a_step

KEY = place_key(Place(CONNECTION, ""))


@pytest.fixture
def small() -> SmallWorld:
    return SmallWorld()


def following(name: str = "reports", **changes: Any) -> Chain:
    told = {"connection": CONNECTION, "pipeline": "Nightly"} | changes
    return Chain(name=name, steps=(a_step("load"),), follows=(Follow(**told),))


def others_run(
    small: SmallWorld,
    job_id: str,
    verdict: Verdict = Verdict.SUCCEEDED,
    *,
    at: datetime | None = None,
    **more: Any,
) -> SeenJob:
    """Somebody else's run that has ended, just now unless `at` says otherwise."""
    end = at or small.now
    told = {
        "id": job_id,
        "what": "Nightly",
        "verdict": verdict,
        "status": verdict.name.title(),
        "updated_at": end,
        "started_at": end - timedelta(minutes=5),
        "ended_at": end,
        "invoked_by": "Manual",
        "link": "https://example.test/run",
    } | more
    job = SeenJob(**told)  # type: ignore[arg-type]
    small.service.others.append(job)
    return job


def runs_of(small: SmallWorld, chain: str = "reports") -> list[Run]:
    return list(small.world.runs.newest_of(chain, status=None, limit=1_000, cursor=None).runs)


def followed(small: SmallWorld, chain: str = "reports") -> list[str]:
    """The jobs that runs of the chain were started for, oldest first."""
    jobs = [run.trigger.job.id for run in runs_of(small, chain) if run.trigger.job]
    return jobs[::-1]


def test_a_job_that_succeeds_starts_a_run_once(small: SmallWorld) -> None:
    chain = following()
    small.pass_time(120, ticks=[chain])
    job = others_run(small, "n-1", parameters={"region": "emea"}, output={"rows": 7})
    small.pass_time(600, ticks=[chain])
    [run] = runs_of(small)
    assert run.trigger.type == "pipeline"
    assert run.trigger.time == job.ended_at
    assert run.trigger.job is not None
    assert (run.trigger.job.id, run.trigger.job.pipeline, run.trigger.job.outcome) == (
        "n-1",
        "Nightly",
        "succeeded",
    )
    assert (run.trigger.job.parameters, run.trigger.job.output) == ({"region": "emea"}, {"rows": 7})
