"""A paused chain starts nothing by itself, whoever asks, and forgets nothing that waits."""

from datetime import timedelta

import pytest

from shared.core.definition import Schedule
from shared.core.run import Run, RunStatus, Trigger
from shared.relay.pause import KEPT, pause, paused, resume
from shared.relay.rerun import rerun
from shared.relay.start import PausedError, start
from tests.unit.relay.small_world import SmallWorld, a_chain, a_step

EACH_TEN_MINUTES = a_chain(a_step("load"), schedule=Schedule(cron="*/10 * * * *"))
ONE = a_chain(a_step("load"), max_running=1)


@pytest.fixture
def small() -> SmallWorld:
    return SmallWorld()


def scheduled(small: SmallWorld) -> list[str]:
    """The scheduled times that were run, the oldest first."""
    page = small.world.runs.newest_of("sales", status=None, limit=100, cursor=None)
    return [f"{run.trigger.time:%H:%M}" for run in reversed(page.runs) if run.trigger.type == "schedule"]


def has_begun(small: SmallWorld, run: Run) -> bool:
    return small.run(run.id).step("load").job is not None


def test_times_within_a_pause_are_not_run_and_not_made_up_for(small: SmallWorld) -> None:
    ticks = [EACH_TEN_MINUTES]
    small.pass_time(11 * 60, ticks=ticks)
    pause(small.world, "sales")
    small.pass_time(30 * 60, ticks=ticks)
    assert resume(small.world, "sales")
    small.pass_time(20 * 60, ticks=ticks)
    assert scheduled(small) == ["05:40", "06:20", "06:30"]


def test_a_time_just_before_the_end_of_a_pause_is_not_run_by_a_late_tick(small: SmallWorld) -> None:
    small.pass_time(61, ticks=[EACH_TEN_MINUTES])
    pause(small.world, "sales", until=small.now + timedelta(minutes=30))
    small.pass_time(35 * 60, ticks=None)
    small.pass_time(6 * 60, ticks=[EACH_TEN_MINUTES])
    assert scheduled(small) == ["06:10"]


def test_a_pause_ends_by_itself_at_its_time_and_is_forgotten_later(small: SmallWorld) -> None:
    pause(small.world, "sales", until=small.now + timedelta(minutes=5))
    assert paused(small.world, "sales") is not None
    small.pass_time(300, ticks=())
    assert paused(small.world, "sales") is None
    small.pass_time(KEPT.total_seconds() + 120, ticks=())
    assert small.world.pauses.of("sales") is None


def test_starts_of_a_paused_chain_are_refused_unless_they_are_forced(small: SmallWorld) -> None:
    pause(small.world, "sales", reason="the source is being moved")
    with pytest.raises(PausedError, match="the source is being moved"):
        small.start(EACH_TEN_MINUTES)
    trigger = Trigger(type="http", time=small.now)
    run, _ = start(small.world, EACH_TEN_MINUTES, trigger, {}, force=True)
    assert has_begun(small, run)


def test_the_same_key_gives_its_run_though_the_chain_is_paused_now(small: SmallWorld) -> None:
    run = small.start(EACH_TEN_MINUTES, cause="key a")
    pause(small.world, "sales")
    assert small.start(EACH_TEN_MINUTES, cause="key a").id == run.id


def test_a_rerun_is_a_persons_act_and_goes_on(small: SmallWorld) -> None:
    run = small.start(EACH_TEN_MINUTES)
    small.service.end("job-1")
    small.pass_time(60)
    pause(small.world, "sales")
    again = rerun(small.world, run.id, "start", EACH_TEN_MINUTES)
    assert again is not None
    assert has_begun(small, again)


@pytest.mark.parametrize("lost", [False, True])
def test_who_waits_for_a_slot_waits_for_the_end_of_the_pause_too(small: SmallWorld, lost: bool) -> None:
    small.start(ONE)
    waiting = small.start(ONE)
    pause(small.world, "sales")
    small.service.end("job-1")
    small.pass_time(600, ticks=())
    assert not has_begun(small, waiting)
    resume(small.world, "sales")
    if lost:
        small.lose_messages()
    small.pass_time(2_000 if lost else 5, ticks=())
    assert has_begun(small, waiting)


def test_who_waits_goes_on_when_a_pause_ends_by_itself(small: SmallWorld) -> None:
    small.start(ONE)
    waiting = small.start(ONE)
    pause(small.world, "sales", until=small.now + timedelta(minutes=10))
    small.service.end("job-1")
    small.pass_time(590, ticks=())
    assert not has_begun(small, waiting)
    small.pass_time(90, ticks=())
    assert has_begun(small, waiting)


def test_a_forced_run_does_not_wait_for_those_that_the_pause_holds(small: SmallWorld) -> None:
    first = small.start(ONE)
    waiting = small.start(ONE)
    pause(small.world, "sales")
    forced, _ = start(small.world, ONE, Trigger(type="http", time=small.now), {}, force=True)
    assert not has_begun(small, forced)
    small.service.end("job-1")
    small.pass_time(60)
    assert small.run(first.id).status is RunStatus.SUCCEEDED
    assert (has_begun(small, forced), has_begun(small, waiting)) == (True, False)


def test_pausing_again_keeps_since_when_and_what_is_not_said_anew(small: SmallWorld) -> None:
    first = pause(small.world, "sales", reason="moving")
    small.pass_time(60)
    again = pause(small.world, "sales", until=small.now + timedelta(hours=1))
    assert (again.since, again.reason) == (first.since, "moving")
    assert again.until == small.now + timedelta(hours=1)
    assert resume(small.world, "sales")
    assert not resume(small.world, "sales")
