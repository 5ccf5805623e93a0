"""Chains that follow what others run: each job starts a run once, whatever happens meanwhile."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.core.definition import Chain, Follow, Parameter
from shared.core.errors import RefusedError, TryLaterError, UnclearError
from shared.core.facts import Verdict
from shared.core.follows import SeenJob
from shared.core.run import Run, RunStatus
from shared.ports import Place
from shared.relay.follow import look_at_followed
from shared.relay.pause import pause, resume
from shared.relay.rerun import rerun
from shared.store.places import PlaceStore, place_key
from tests.unit.relay.small_world import CONNECTION, SmallWorld, a_chain, a_step

KEY = place_key(Place(CONNECTION, ""))


@pytest.fixture
def small() -> SmallWorld:
    return SmallWorld()


class Counted(PlaceStore):
    """Counts how often somebody asks whose a job is."""

    def __init__(self, places: PlaceStore) -> None:
        super().__init__(places._table)
        self.owners = 0

    def owner(self, key: str, job_id: str) -> str | None:
        self.owners += 1
        return super().owner(key, job_id)


def following(name: str = "reports", **changes: Any) -> Chain:
    told: dict[str, Any] = {"connection": CONNECTION, "pipeline": "Nightly"} | changes
    return Chain(name=name, steps=(a_step("load"),), follows=(Follow(**told),))


def others_run(
    small: SmallWorld,
    job_id: str,
    verdict: Verdict | None = Verdict.SUCCEEDED,
    *,
    at: datetime | None = None,
    **more: Any,
) -> SeenJob:
    """Somebody else's run that has ended, just now unless `at` says otherwise."""
    end = at or small.now
    told: dict[str, Any] = {
        "id": job_id,
        "what": "Nightly",
        "verdict": verdict,
        "status": verdict.name.title() if verdict else "",
        "updated_at": end,
        "started_at": end - timedelta(minutes=5),
        "ended_at": end,
        "invoked_by": "Manual",
        "link": "https://example.test/run",
    } | more
    job = SeenJob(**told)
    small.service.others.append(job)
    return job


def runs_of(small: SmallWorld, chain: str = "reports") -> list[Run]:
    return list(small.world.runs.newest_of(chain, status=None, limit=1_000, cursor=None).runs)


def followed(small: SmallWorld, chain: str = "reports") -> list[str]:
    """The jobs that runs of the chain were started for."""
    return sorted(run.trigger.job.id for run in runs_of(small, chain) if run.trigger.job)


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


@pytest.mark.parametrize(
    ("on", "expected"),
    [("succeeded", ["good"]), ("failed", ["bad"]), ("completed", ["bad", "good", "stopped"])],
)
def test_any_outcome_can_be_followed(small: SmallWorld, on: Any, expected: list[str]) -> None:
    chain = following(on=on)
    small.pass_time(60, ticks=[chain])
    others_run(small, "good")
    others_run(small, "bad", Verdict.FAILED)
    others_run(small, "stopped", Verdict.CANCELLED)
    others_run(small, "under-way", Verdict.ACTIVE)
    others_run(small, "else", what="Hourly")
    small.pass_time(120, ticks=[chain])
    assert followed(small) == expected


def test_what_ended_before_a_chain_followed_it_starts_nothing(small: SmallWorld) -> None:
    others_run(small, "before")
    small.pass_time(300, ticks=[following()])
    assert followed(small) == []


def test_idle_looks_cost_one_query_a_place_and_no_reads_of_known_jobs(small: SmallWorld) -> None:
    chains = [following("reports"), following("alerts", on="failed")]
    small.pass_time(61, ticks=chains)
    for number in range(20):
        others_run(small, f"n-{number}")
    small.pass_time(120, ticks=chains)
    asked = len(small.service.asked_for)
    reads = Counted(small.world.places)
    small.world = replace(small.world, places=reads)
    small.pass_time(300, ticks=chains)
    assert len(small.service.asked_for) - asked == 5
    assert reads.owners == 0
    assert len(runs_of(small)) == 20


def test_after_downtime_what_ended_meanwhile_starts_late_and_what_ended_too_long_ago_is_reported(
    small: SmallWorld, caplog: pytest.LogCaptureFixture
) -> None:
    chain = following()
    small.pass_time(120, ticks=[chain])
    for minutes in range(0, 180, 10):
        others_run(small, f"n-{minutes}", at=small.now + timedelta(minutes=minutes))
    small.now += timedelta(hours=3)
    caplog.set_level("WARNING")
    small.pass_time(120, ticks=[chain])
    assert followed(small) == [f"n-{minutes}" for minutes in range(130, 180, 10)]
    [told] = [record.getMessage() for record in caplog.records if "follow_missed" in record.getMessage()]
    assert "chain=reports what=Nightly jobs=13" in told


def test_an_update_that_shows_late_still_counts(small: SmallWorld) -> None:
    chain = following()
    small.pass_time(120, ticks=[chain])
    ended_at = small.now
    small.pass_time(540, ticks=[chain])
    others_run(small, "late", at=ended_at)
    small.pass_time(120, ticks=[chain])
    assert followed(small) == ["late"]


def test_a_look_that_fails_is_no_verdict_and_comes_again_when_the_service_wishes(small: SmallWorld) -> None:
    chain = following()
    small.pass_time(61, ticks=[chain])
    others_run(small, "n-1")
    small.service.jobs_since_fails = [TryLaterError("throttled", "HTTP 429", 200), RefusedError("forbidden", "no")]
    looks = len(small.service.asked_for)
    small.pass_time(200, ticks=[chain])
    assert len(small.service.asked_for) == looks + 1
    held = small.world.follows.load(KEY)
    assert held is not None
    assert held.followed.error == "throttled: HTTP 429"
    small.pass_time(300, ticks=[chain])
    assert followed(small) == ["n-1"]


def test_a_run_without_a_status_keeps_the_window_open(small: SmallWorld) -> None:
    chain = following()
    small.pass_time(61, ticks=[chain])
    silent = others_run(small, "silent", None)
    small.pass_time(3_000, ticks=[chain])
    small.service.others = [replace(silent, verdict=Verdict.SUCCEEDED, status="Succeeded")]
    small.pass_time(60, ticks=[chain])
    assert followed(small) == ["silent"]


def test_ticks_of_the_old_file_and_the_new_in_turns_lose_and_double_nothing(small: SmallWorld) -> None:
    old, new = following("old"), following("new")
    both = [old, new]
    small.pass_time(120, ticks=both)
    jobs = []
    for minute in range(12):
        jobs.append(others_run(small, f"n-{minute}").id)
        small.pass_time(60, ticks=[old] if minute % 2 else [new])
    small.pass_time(60, ticks=both)
    assert followed(small, "old") == sorted(jobs)
    assert followed(small, "new") == sorted(jobs)


def test_a_follow_that_comes_back_after_long_counts_from_then_on(small: SmallWorld) -> None:
    small.pass_time(120, ticks=[following()])
    small.pass_time(1_800, ticks=[a_chain()])
    others_run(small, "meanwhile")
    small.pass_time(30, ticks=[a_chain()])
    assert small.world.follows.load(KEY) is None
    small.pass_time(120, ticks=[following()])
    assert followed(small) == []


def test_baton_s_own_runs_count_only_if_asked_for(small: SmallWorld) -> None:
    first = Chain(name="first", steps=(replace(a_step("x"), pipeline="Nightly"),))
    chains = [first, following(), following("all", own=True)]
    small.pass_time(61, ticks=chains)
    run = small.start(first)
    small.service.end("job-1")
    others_run(small, "job-1", started_at=small.now)
    others_run(small, "other")
    small.pass_time(120, ticks=chains)
    assert small.run(run.id).status is RunStatus.SUCCEEDED
    assert followed(small) == ["other"]
    assert followed(small, "all") == ["job-1", "other"]


def test_a_job_of_an_open_start_waits_until_it_is_known_whose_it_is(small: SmallWorld) -> None:
    first = Chain(name="first", steps=(replace(a_step("x"), pipeline="Nightly"),))
    chains = [first, following()]
    small.pass_time(61, ticks=chains)
    small.service.start_fails_after = [UnclearError("no_answer", "The answer was lost.")]
    small.service.hidden = {"job-1"}
    run = small.start(first)
    small.service.end("job-1")
    others_run(small, "job-1", started_at=small.now)
    others_run(small, "by-a-trigger", started_at=small.now, by_call=False)
    others_run(small, "begun-before", started_at=small.now - timedelta(minutes=2))
    small.pass_time(70, ticks=chains)
    assert followed(small) == ["begun-before", "by-a-trigger"]
    small.service.hidden = set()
    small.pass_time(180, ticks=chains)
    assert small.run(run.id).status is RunStatus.SUCCEEDED
    assert len(followed(small)) == 2


def test_what_only_looked_like_a_start_of_baton_s_counts_when_that_is_clear(small: SmallWorld) -> None:
    first = Chain(name="first", steps=(replace(a_step("x"), pipeline="Nightly"),))
    chains = [first, following()]
    small.pass_time(61, ticks=chains)
    small.service.start_fails_after = [UnclearError("no_answer", "The answer was lost.")]
    small.start(first)
    others_run(small, "n-1", started_at=small.now)
    small.pass_time(240, ticks=chains)
    assert followed(small) == ["n-1"]


def test_parameters_come_from_the_job(small: SmallWorld) -> None:
    chain = replace(
        following(parameters={"region": "{{ job.parameters.region }}", "of": "{{ job.id }}"}),
        parameters={
            "region": Parameter(),
            "of": Parameter(required=False),
            "day": Parameter(required=False, default="mon"),
        },
    )
    small.pass_time(61, ticks=[chain])
    others_run(small, "n-1", parameters={"region": "emea"})
    small.pass_time(60, ticks=[chain])
    [run] = runs_of(small)
    assert run.parameters == {"region": "emea", "of": "n-1", "day": "mon"}


def test_a_template_that_cannot_be_rendered_is_told_and_keeps_nothing_waiting(
    small: SmallWorld, caplog: pytest.LogCaptureFixture
) -> None:
    chain = replace(
        following(parameters={"region": "{{ job.parameters.region }}"}), parameters={"region": Parameter()}
    )
    small.pass_time(61, ticks=[chain])
    others_run(small, "poor")
    small.pass_time(300, ticks=[chain])
    told = [record.getMessage() for record in caplog.records if "follow_refused" in record.getMessage()]
    assert len(told) == 1
    assert "job=poor" in told[0]
    held = small.world.follows.load(KEY)
    assert held is not None
    assert "did not start chain 'reports'" in str(held.followed.progress["reports Nightly"].error)
    others_run(small, "rich", parameters={"region": "emea"})
    small.pass_time(120, ticks=[chain])
    held = small.world.follows.load(KEY)
    assert held is not None
    assert held.followed.progress["reports Nightly"].error is None
    assert followed(small) == ["rich"]


def test_a_chain_that_skips_takes_the_job_for_handled(small: SmallWorld) -> None:
    chain = replace(following(), max_running=1, overlap="skip")
    small.pass_time(61, ticks=[chain])
    others_run(small, "n-1")
    others_run(small, "n-2")
    small.pass_time(120, ticks=[chain])
    [run] = runs_of(small)
    small.service.end("job-1")
    small.pass_time(900, ticks=[chain])
    assert small.run(run.id).status is RunStatus.SUCCEEDED
    assert followed(small) == ["n-1"]


def test_a_paused_chain_takes_the_job_for_handled(small: SmallWorld) -> None:
    chain = following()
    small.pass_time(61, ticks=[chain])
    pause(small.world, chain.name)
    others_run(small, "n-1")
    small.pass_time(180, ticks=[chain])
    resume(small.world, chain.name)
    others_run(small, "n-2")
    small.pass_time(180, ticks=[chain])
    assert followed(small) == ["n-2"]


def test_a_copy_of_the_message_does_not_look(small: SmallWorld) -> None:
    chain = following()
    small.pass_time(61, ticks=[chain])
    small.deliver()
    held = small.world.follows.load(KEY)
    assert held is not None
    looks = len(small.service.asked_for)
    for _ in range(3):
        look_at_followed(small.world, [chain], KEY, held.followed.token)
    assert len(small.service.asked_for) == looks + 1


def test_a_look_that_dies_is_followed_by_another(small: SmallWorld) -> None:
    chain = following()
    small.pass_time(61, ticks=[chain])
    others_run(small, "n-1")
    small.service.jobs_since_fails = [ZeroDivisionError()]  # type: ignore[list-item]
    held = small.world.follows.load(KEY)
    assert held is not None
    with pytest.raises(ZeroDivisionError):
        look_at_followed(small.world, [chain], KEY, held.followed.token)
    small.pass_time(180, ticks=[chain])
    assert followed(small) == ["n-1"]


def test_a_rerun_knows_the_followed_job(small: SmallWorld) -> None:
    chain = following()
    chain = replace(chain, steps=(a_step("load", parameters={"of": "{{ trigger.job.id }}"}),))
    small.pass_time(61, ticks=[chain])
    others_run(small, "n-1")
    small.pass_time(60, ticks=[chain])
    small.service.end("job-1", Verdict.FAILED)
    small.pass_time(60, ticks=[chain])
    [run] = runs_of(small)
    again = rerun(small.world, run.id, "start", chain)
    assert again is not None
    assert small.service.orders["job-2"].parameters == {"of": "n-1"}
