"""Scheduled times that are run afterwards: in order, so many at once, each exactly once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from shared.core.backfill import Backfill, BackfillStatus
from shared.core.definition import Schedule
from shared.core.facts import Verdict
from shared.core.run import Run, RunStatus
from shared.relay.backfill import begin_backfill, cancel_backfill
from shared.relay.cancel import FinishedError
from shared.relay.pause import pause, resume
from shared.relay.start import PausedError
from shared.storage.base import StorageUnavailableError
from tests.unit.relay.small_world import T0, SmallWorld, a_chain, a_step

DAY = a_step("load", parameters={"day": "{{ trigger.time.strftime('%Y-%m-%d') }}"})
CHAIN = a_chain(DAY, schedule=Schedule(cron="0 4 * * *"))
DAYS = [datetime(2026, 11, day, 4, tzinfo=T0.tzinfo) for day in (16, 17, 18, 19)]


@pytest.fixture
def small() -> SmallWorld:
    return SmallWorld()


def now_of(small: SmallWorld, backfill: Backfill) -> Backfill:
    held = small.world.backfills.load(backfill.id)
    assert held is not None
    return held.backfill


def shown(small: SmallWorld, backfill: Backfill) -> list[str]:
    return [each.status.value for each in now_of(small, backfill).times]


def runs(small: SmallWorld) -> Sequence[Run]:
    """The oldest first."""
    return small.world.runs.newest_of("sales", status=None, limit=100, cursor=None).runs[::-1]


def test_each_time_is_run_in_order_as_its_own_day(small: SmallWorld) -> None:
    backfill = begin_backfill(small.world, CHAIN, DAYS, {})
    for number in range(1, 5):
        small.pass_time(60)
        assert len(small.service.jobs) == number
        small.service.end(f"job-{number}")
    small.pass_time(60)
    assert shown(small, backfill) == ["succeeded"] * 4
    assert now_of(small, backfill).status is BackfillStatus.SUCCEEDED
    assert [order.parameters["day"] for order in small.service.orders.values()] == [
        "2026-11-16",
        "2026-11-17",
        "2026-11-18",
        "2026-11-19",
    ]
    assert {run.trigger.type for run in runs(small)} == {"schedule"}
    assert list(small.world.backfills.under_way()) == []


@pytest.mark.parametrize(("parallelism", "max_running", "at_once"), [(3, None, 3), (3, 2, 2), (1, 2, 1)])
def test_never_more_at_once_than_both_limits_allow(
    small: SmallWorld, parallelism: int, max_running: int | None, at_once: int
) -> None:
    chain = replace(CHAIN, max_running=max_running, overlap="cancel_running" if max_running else "wait")
    begin_backfill(small.world, chain, DAYS, {}, parallelism=parallelism)
    small.pass_time(60)
    assert len(small.service.jobs) == at_once
    small.service.end("job-1")
    small.pass_time(60)
    assert len(small.service.jobs) == at_once + 1
    assert not any(run.cancel_requested_at for run in runs(small))


def test_a_time_that_has_a_run_is_left_alone_and_the_timer_leaves_those_of_a_backfill(small: SmallWorld) -> None:
    first = begin_backfill(small.world, CHAIN, DAYS[:2], {}, parallelism=2)
    small.pass_time(60)
    second = begin_backfill(small.world, CHAIN, DAYS[:3], {}, parallelism=3)
    small.pass_time(60)
    assert shown(small, second) == ["skipped", "skipped", "running"]
    times = [each.run for each in now_of(small, first).times]
    assert [each.run for each in now_of(small, second).times][:2] == times
    assert len(runs(small)) == 3


def test_asked_to_rerun_it_runs_them_again(small: SmallWorld) -> None:
    begin_backfill(small.world, CHAIN, DAYS[:1], {})
    small.pass_time(60)
    small.service.end("job-1")
    small.pass_time(60)
    again = begin_backfill(small.world, CHAIN, DAYS[:1], {}, rerun=True)
    small.pass_time(60)
    assert shown(small, again) == ["running"]
    assert len(runs(small)) == 2


@pytest.mark.parametrize(("on_failure", "begun"), [("stop", 1), ("continue", 2)])
def test_a_failed_time_stops_it_unless_it_is_to_go_on(small: SmallWorld, on_failure: str, begun: int) -> None:
    backfill = begin_backfill(small.world, CHAIN, DAYS[:2], {}, on_failure=on_failure)  # type: ignore[arg-type]
    small.pass_time(60)
    small.service.end("job-1", Verdict.FAILED)
    small.pass_time(60)
    assert len(small.service.jobs) == begun
    if begun == 2:
        small.service.end("job-2")
        small.pass_time(60)
    assert now_of(small, backfill).status is BackfillStatus.FAILED


def test_the_same_key_gives_the_same_backfill(small: SmallWorld) -> None:
    first = begin_backfill(small.world, CHAIN, DAYS, {}, key="a")
    assert begin_backfill(small.world, CHAIN, DAYS[:1], {}, key="a").id == first.id
    assert begin_backfill(small.world, CHAIN, DAYS, {}, key="b").id != first.id


def test_lost_messages_are_made_up_for_by_the_timer(small: SmallWorld) -> None:
    backfill = begin_backfill(small.world, CHAIN, DAYS[:2], {})
    small.lose_messages()
    small.pass_time(120, ticks=())
    small.service.end("job-1")
    small.pass_time(200, ticks=())
    small.service.end("job-2")
    small.pass_time(200, ticks=())
    assert now_of(small, backfill).status is BackfillStatus.SUCCEEDED


def test_a_crash_after_a_run_was_created_does_not_make_a_second(small: SmallWorld) -> None:
    backfill = begin_backfill(small.world, CHAIN, DAYS[:1], {})
    working, saves = small.world.backfills.save, []

    class Dying:
        def __getattr__(self, name: str) -> object:
            return getattr(store, name)

        def save(self, held: object, changed: Backfill) -> bool:
            saves.append(changed)
            if len(saves) == 2:
                raise StorageUnavailableError("the process died here")
            return working(held, changed)  # type: ignore[arg-type]

    store = small.world.backfills
    living = small.world
    small.world = replace(living, backfills=Dying())  # type: ignore[arg-type]
    with pytest.raises(StorageUnavailableError):
        small.deliver()
    small.world = living
    assert (len(runs(small)), shown(small, backfill)) == (1, ["starting"])
    small.pass_time(120, ticks=())
    assert (len(runs(small)), shown(small, backfill)) == (1, ["running"])


@pytest.mark.parametrize("cancel_runs", [False, True])
def test_a_cancelled_backfill_begins_nothing_further(small: SmallWorld, cancel_runs: bool) -> None:
    backfill = begin_backfill(small.world, CHAIN, DAYS, {})
    small.pass_time(60)
    cancel_backfill(small.world, backfill.id, runs=cancel_runs)
    assert (small.service.cancelled == ["job-1"]) is cancel_runs
    if not cancel_runs:
        small.service.end("job-1")
    small.pass_time(120, ticks=())
    first = "cancelled" if cancel_runs else "succeeded"
    assert shown(small, backfill) == [first, "waiting", "waiting", "waiting"]
    assert now_of(small, backfill).status is BackfillStatus.CANCELLED
    with pytest.raises(FinishedError):
        cancel_backfill(small.world, backfill.id, runs=False)
    assert cancel_backfill(small.world, "sales.20261121T053000123Z.aaaaaaaa", runs=False) is None


def test_a_pause_holds_it_and_its_end_lets_it_go_on(small: SmallWorld) -> None:
    backfill = begin_backfill(small.world, CHAIN, DAYS[:2], {})
    small.pass_time(60)
    pause(small.world, "sales")
    small.service.end("job-1")
    small.pass_time(300, ticks=())
    assert shown(small, backfill) == ["succeeded", "waiting"]
    with pytest.raises(PausedError):
        begin_backfill(small.world, CHAIN, DAYS, {})
    forced = begin_backfill(small.world, CHAIN, DAYS[2:3], {}, force=True)
    small.pass_time(60)
    assert shown(small, forced) == ["running"]
    resume(small.world, "sales")
    small.pass_time(120, ticks=())
    assert shown(small, backfill) == ["succeeded", "running"]


def test_a_time_that_the_timer_runs_just_now_has_one_run(small: SmallWorld) -> None:
    chain = replace(CHAIN, schedule=Schedule(cron="*/10 * * * *"))
    small.pass_time(60, ticks=[chain])
    due = T0 + timedelta(minutes=10)
    small.pass_time(8 * 60 + 59, ticks=[chain])
    small.now += timedelta(seconds=1)
    backfill = begin_backfill(small.world, chain, [due], {})
    small.pass_time(70, ticks=[chain])
    assert len(runs(small)) == 1
    assert shown(small, backfill)[0] in ("running", "skipped")
    assert runs(small)[0].status is RunStatus.RUNNING
