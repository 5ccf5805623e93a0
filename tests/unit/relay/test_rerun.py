"""Reruns over the embedded store: what was done is kept and left alone, and nothing starts twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.core.definition import Chain
from shared.core.errors import RefusedError, UnclearError
from shared.core.facts import Verdict
from shared.core.rerun import NothingToRunError
from shared.core.run import Error, Run, RunStatus, StepStatus
from shared.relay.cancel import cancel
from shared.relay.rerun import StillRunningError, rerun
from shared.relay.start import AlreadyRunningError
from shared.storage.base import StorageUnavailableError
from tests.unit.relay.small_world import SmallWorld, a_chain, a_step

FAILED = Error("job_failed", "No disk.")


@pytest.fixture
def small() -> SmallWorld:
    return SmallWorld()


def a_failed_run(small: SmallWorld, chain: Chain | None = None) -> Run:
    """Its load has succeeded as job-1, its refresh has failed as job-2."""
    run = small.start(chain or a_chain())
    small.pass_time(20)
    small.service.end("job-1", output={"rows": 7})
    small.pass_time(20)
    small.service.end("job-2", Verdict.FAILED, error=FAILED)
    small.pass_time(20)
    assert small.run(run.id).status is RunStatus.FAILED
    return small.run(run.id)


def again(small: SmallWorld, old: Run, begin: str = "failed", key: str | None = None) -> Run:
    made = rerun(small.world, old.id, begin, old.definition, key=key)
    assert made is not None
    return made


def statuses(run: Run) -> dict[str, str]:
    return {step.name: step.status.value for step in run.steps}


def test_a_rerun_continues_the_failed_job_and_ends_well(small: SmallWorld) -> None:
    old = a_failed_run(small)
    run = again(small, old)
    assert (run.rerun_of, run.id != old.id, run.trigger.type) == (old.id, True, "rerun")
    assert statuses(run) == {"load": "succeeded", "refresh": "running"}
    order = small.service.orders["job-3"]
    assert (order.continues, order.ready_at) == ("job-2", old.step("load").finished_at)
    small.service.end("job-3")
    small.pass_time(20)
    assert small.run(run.id).status is RunStatus.SUCCEEDED
    assert len(small.service.jobs) == 3
    assert small.run(old.id) == old


def test_from_the_start_every_job_is_started_anew(small: SmallWorld) -> None:
    run = again(small, a_failed_run(small), "start")
    assert statuses(run) == {"load": "running", "refresh": "waiting"}
    assert small.service.orders["job-3"].continues is None


def test_a_refresh_of_the_second_run_must_begin_after_the_load_of_the_second_run(small: SmallWorld) -> None:
    run = again(small, a_failed_run(small), "load")
    small.pass_time(20)
    small.service.end("job-3")
    small.pass_time(20)
    load = small.run(run.id).step("load")
    assert small.service.orders["job-4"].ready_at == load.finished_at
    assert load.finished_at is not None
    assert load.finished_at > run.created_at


def test_when_the_continued_job_fails_the_next_attempt_begins_anew(small: SmallWorld) -> None:
    chain = a_chain(a_step("load"), a_step("refresh", "load", retries=1, retry_delay_seconds=5))
    old = small.start(chain)
    small.service.end("job-1")
    small.pass_time(20)
    for job in ("job-2", "job-3"):
        small.service.end(job, Verdict.FAILED, error=FAILED)
        small.pass_time(40)
    run = again(small, small.run(old.id))
    small.service.end("job-4", Verdict.FAILED, error=FAILED)
    small.pass_time(40)
    assert [small.service.orders[f"job-{n}"].continues for n in (4, 5)] == ["job-3", None]
    assert small.run(run.id).step("refresh").attempt == 2


def test_a_cancel_leaves_the_kept_jobs_alone(small: SmallWorld) -> None:
    run = again(small, a_failed_run(small))
    cancel(small.world, run.id)
    small.pass_time(20)
    assert small.service.cancelled == ["job-3"]
    assert statuses(small.run(run.id)) == {"load": "succeeded", "refresh": "cancelled"}


def test_the_kept_jobs_are_not_watched(small: SmallWorld) -> None:
    again(small, a_failed_run(small))
    [held] = small.world.places.watches()
    assert [job.job.id for job in small.world.places.watched(held.key)] == ["job-3"]


def test_a_continued_start_without_an_answer_is_found_and_made_once(small: SmallWorld) -> None:
    old = a_failed_run(small)
    small.service.start_fails_after = [UnclearError("no_answer", "The response was lost.")]
    run = again(small, old)
    assert statuses(run)["refresh"] == "starting"
    small.pass_time(20)
    step = small.run(run.id).step("refresh")
    assert (step.status, step.job and step.job.id, len(small.service.jobs)) == (StepStatus.RUNNING, "job-3", 3)


def test_a_continuation_that_its_service_will_not_have_fails_and_the_next_rerun_begins_anew(
    small: SmallWorld,
) -> None:
    old = a_failed_run(small)
    small.service.start_fails = [RefusedError("bad_request", "Referenced pipeline run id is not valid.")]
    second = again(small, old)
    assert second.status is RunStatus.FAILED
    again(small, second)
    assert small.service.orders["job-3"].continues is None


def test_only_an_ended_run_is_rerun(small: SmallWorld) -> None:
    run = small.start(a_chain())
    with pytest.raises(StillRunningError):
        again(small, run)
    assert rerun(small.world, "sales.20261121T053000123Z.aaaaaaaa", "failed", None) is None


def test_a_run_without_a_failure_is_rerun_only_from_somewhere(small: SmallWorld) -> None:
    old = small.start(a_chain(a_step("load")))
    small.service.end("job-1")
    small.pass_time(20)
    with pytest.raises(NothingToRunError):
        again(small, old)
    assert list(small.world.runs.pointers()) == []
    assert again(small, old, "load").status is RunStatus.RUNNING


def test_the_same_key_is_one_rerun_for_ever_and_every_run_has_its_own_keys(small: SmallWorld) -> None:
    old = a_failed_run(small)
    first = again(small, old, key="k")
    assert again(small, old, key="k").id == first.id
    small.service.end("job-3", Verdict.FAILED, error=FAILED)
    small.pass_time(20)
    assert again(small, old, key="k").id == first.id
    assert again(small, small.run(first.id), key="k").id != first.id
    assert small.start(a_chain(), cause="key k").rerun_of is None


def test_reruns_without_a_key_are_a_run_each(small: SmallWorld) -> None:
    old = a_failed_run(small)
    assert len({again(small, old).id for _ in range(3)}) == 3


@pytest.mark.parametrize("overlap", ["wait", "skip"])
def test_a_rerun_takes_a_slot_like_any_run(small: SmallWorld, overlap: Any) -> None:
    chain = a_chain(max_running=1, overlap=overlap)
    old = a_failed_run(small, chain)
    other = small.start(chain)
    if overlap == "skip":
        with pytest.raises(AlreadyRunningError):
            again(small, old)
        return
    run = again(small, old)
    assert (run.queued, statuses(run)) == (True, {"load": "succeeded", "refresh": "waiting"})
    cancel(small.world, other.id)
    small.pass_time(60)
    assert statuses(small.run(run.id))["refresh"] == "running"


def test_a_cancelled_run_goes_on_where_it_was_stopped(small: SmallWorld) -> None:
    old = small.start(a_chain())
    small.service.end("job-1")
    small.pass_time(20)
    cancel(small.world, old.id)
    small.pass_time(20)
    run = again(small, small.run(old.id))
    assert statuses(run) == {"load": "succeeded", "refresh": "running"}
    assert small.service.orders["job-3"].continues is None


def test_a_rerun_takes_the_repaired_chain_and_an_old_one_that_does_not_fit_any_more_its_own(
    small: SmallWorld,
) -> None:
    old = a_failed_run(small)
    repaired = a_chain(a_step("load"), replace(a_step("refresh", "load"), pipeline="Repaired"))
    run = rerun(small.world, old.id, "failed", repaired)
    assert run is not None
    assert (run.definition, small.service.orders["job-3"].continues) == (repaired, None)
    for declared in (None, a_chain(a_step("load"))):
        run = rerun(small.world, old.id, "failed", declared)
        assert run is not None
        assert run.definition == old.definition


def test_a_rerun_of_a_rerun_keeps_the_time_of_the_first_trigger(small: SmallWorld) -> None:
    old = a_failed_run(small)
    second = again(small, old)
    small.service.end("job-3", Verdict.FAILED, error=FAILED)
    small.pass_time(20)
    third = again(small, small.run(second.id))
    assert (third.rerun_of, third.trigger.first_time) == (second.id, old.trigger.time)
    assert third.trigger.time - old.trigger.time > timedelta(seconds=60)
    assert small.service.orders["job-4"].continues == "job-3"


def test_a_rerun_whose_messages_are_all_lost_is_finished_by_the_timer(small: SmallWorld) -> None:
    run = again(small, a_failed_run(small))
    small.service.end("job-3")
    small.lose_messages()
    small.pass_time(400, ticks=())
    assert small.run(run.id).status is RunStatus.SUCCEEDED


def test_storage_that_fails_before_the_run_is_there_leaves_nothing_behind(small: SmallWorld) -> None:
    old = a_failed_run(small)
    send, small.world = small.world, replace(small.world, runs=_Refusing(small.world.runs))  # type: ignore[arg-type]
    with pytest.raises(StorageUnavailableError):
        again(small, old)
    small.world = send
    small.pass_time(1_200, ticks=())
    assert list(small.world.runs.pointers()) == []
    assert len(small.service.jobs) == 2


class _Refusing:
    """A store that announces runs and cannot create them."""

    def __init__(self, runs: Any) -> None:
        self._runs = runs

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runs, name)

    def create(self, *_: Any) -> Any:
        raise StorageUnavailableError("No answer.")
