"""The timer trigger: when it fires, and what it makes up for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from local.host.index import FunctionEntry, TimerTrigger
from local.host.invoke import Invoker
from local.host.timers import Timer
from shared.storage.sqlite import SqliteStorage
from tests.host.running import T0, FakeClock, FakeStop, functions_of

EVERY_FIVE_MINUTES = "0 */5 * * * *"
EVERY_TEN_SECONDS = "*/10 * * * * *"


@dataclass(frozen=True)
class Fired:
    at: datetime
    past_due: bool
    status: dict[str, str]


class Bench:
    """A timer function on a clock that moves only when it waits."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.storage = SqliteStorage(None, clock=self.clock)
        self.invoker = Invoker(threads=1)
        self.fired: list[Fired] = []
        self.during: Callable[[], None] = lambda: None

    def run(self, schedule: str, *, waits: int, on_startup: bool = False, monitor: bool = True) -> list[float]:
        """Runs the timer's loop for so many waits. Returns how long they were."""
        stop = FakeStop(self.clock, waits)
        trigger = TimerTrigger(schedule=schedule, run_on_startup=on_startup, use_monitor=monitor)
        table = self.storage.table("localhosttimers")
        timer = Timer(self._entry(), trigger, table=table, invoker=self.invoker, clock=self.clock, stop=stop)
        timer.run()
        return stop.waited

    def _entry(self) -> FunctionEntry:
        def tick(timer: Any) -> None:
            self.fired.append(Fired(self.clock(), timer.past_due, timer.schedule_status))
            self.during()

        return replace(functions_of("triggers")["tick"], function=tick)


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.invoker.close(5)
    made.storage.close()


def times(bench: Bench) -> list[float]:
    return [(fired.at - T0).total_seconds() for fired in bench.fired]


def test_it_fires_at_each_scheduled_time(bench: Bench) -> None:
    bench.run(EVERY_FIVE_MINUTES, waits=91)
    assert times(bench) == [300, 600, 900]
    assert [fired.past_due for fired in bench.fired] == [False, False, False]


def test_it_sees_the_last_and_the_due_time(bench: Bench) -> None:
    bench.run(EVERY_FIVE_MINUTES, waits=61)
    assert bench.fired[0].status == {"Next": (T0 + timedelta(minutes=5)).isoformat()}
    assert bench.fired[1].status == {
        "Last": (T0 + timedelta(minutes=5)).isoformat(),
        "LastUpdated": (T0 + timedelta(minutes=5)).isoformat(),
        "Next": (T0 + timedelta(minutes=10)).isoformat(),
    }


def test_long_waits_are_cut_so_that_a_clock_that_jumped_is_noticed(bench: Bench) -> None:
    assert set(bench.run(EVERY_FIVE_MINUTES, waits=5)) == {10.0}


def test_the_first_start_makes_up_for_nothing(bench: Bench) -> None:
    bench.run(EVERY_FIVE_MINUTES, waits=1)
    assert bench.fired == []


def test_ticks_missed_while_the_host_was_down_are_made_up_for_once(bench: Bench) -> None:
    bench.run(EVERY_FIVE_MINUTES, waits=1)
    bench.clock.advance(3_600)
    bench.run(EVERY_FIVE_MINUTES, waits=1)
    assert [(fired.past_due, fired.status["Next"]) for fired in bench.fired] == [
        (True, (T0 + timedelta(minutes=5)).isoformat())
    ]


def test_a_restart_between_two_ticks_makes_up_for_nothing(bench: Bench) -> None:
    bench.run(EVERY_FIVE_MINUTES, waits=31)
    bench.clock.advance(60)
    bench.run(EVERY_FIVE_MINUTES, waits=1)
    assert times(bench) == [300]


def test_a_restart_on_the_second_of_a_tick_does_not_lose_it(bench: Bench) -> None:
    bench.run(EVERY_FIVE_MINUTES, waits=1)
    bench.clock.now = T0 + timedelta(minutes=5)
    bench.run(EVERY_FIVE_MINUTES, waits=1)
    assert times(bench) == [300]


def test_without_monitoring_nothing_is_made_up_for(bench: Bench) -> None:
    for _ in range(2):
        bench.run(EVERY_FIVE_MINUTES, waits=1, monitor=False)
        bench.clock.advance(3_600)
    assert bench.fired == []


def test_a_schedule_faster_than_a_minute_is_not_monitored(bench: Bench) -> None:
    bench.run(EVERY_TEN_SECONDS, waits=2)
    bench.clock.advance(3_600)
    bench.run(EVERY_TEN_SECONDS, waits=1)
    assert [fired.past_due for fired in bench.fired] == [False]


def test_run_on_startup_runs_at_startup(bench: Bench) -> None:
    bench.run(EVERY_FIVE_MINUTES, waits=1, on_startup=True)
    assert [(fired.at, fired.past_due) for fired in bench.fired] == [(T0, False)]


def test_a_tick_during_a_long_run_follows_at_once_and_the_others_are_skipped(bench: Bench) -> None:
    def take_twelve_minutes() -> None:
        bench.during = lambda: None
        bench.clock.advance(720)

    bench.during = take_twelve_minutes
    bench.run(EVERY_FIVE_MINUTES, waits=60)
    assert times(bench)[:3] == [300, 1_020, 1_200]
    assert not any(fired.past_due for fired in bench.fired)


def test_a_failure_is_followed_by_the_next_tick(bench: Bench) -> None:
    def fail() -> None:
        raise RuntimeError("asked to fail")

    bench.during = fail
    bench.run(EVERY_FIVE_MINUTES, waits=61)
    assert times(bench) == [300, 600]


def test_a_changed_schedule_is_followed_from_the_last_tick(bench: Bench) -> None:
    bench.run("0 0 3 1 1 *", waits=1)
    bench.clock.advance(30)
    bench.run(EVERY_FIVE_MINUTES, waits=1)
    assert bench.fired == []


def test_a_schedule_that_never_comes_never_fires(bench: Bench) -> None:
    bench.run("0 0 0 30 2 *", waits=3)
    assert bench.fired == []
