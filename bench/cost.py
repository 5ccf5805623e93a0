"""What Baton costs: counted work at list prices, beside an Until loop, a Logic App and a managed Airflow.

`python -m bench.cost` plays chains in virtual time, counts what they made Baton do, and writes docs/cost.md.
Prices are in bench/prices.py, formulas in bench/bill.py.
"""

from __future__ import annotations

import logging
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from bench.bill import Work, work_of
from bench.cost_page import Costs, written
from bench.loads import HOUR_SECONDS, LOADS, Load
from bench.table import CALLS
from bench.virtual import T0, Begin, VirtualBaton
from shared.core.definition import Chain, Schedule
from shared.relay.tick import tick

NIGHTS = 8  # that a chain has behind it when it counts as known
APART_SECONDS = 7_200.0
TOGETHER = 300
SCHEDULED = 20  # chains with a schedule, for the timer


@dataclass(frozen=True, slots=True)
class Played:
    """Counts in all, with those of the ticks."""

    counts: Counter[str]
    starts: int
    ticks: float
    cpu_seconds: float

    def work(self, a_tick: Work) -> Work:
        """Without what the timer did, which the idle month has."""
        calls = sum(self.counts[name] for name in CALLS)
        executions = self.starts + self.counts["delete"]
        work = work_of(self.counts, executions=executions, calls=calls, cpu_seconds=self.cpu_seconds)
        return work.plus(Work(table=-a_tick.table * self.ticks, cpu_seconds=-a_tick.cpu_seconds * self.ticks))


def main() -> int:
    logging.getLogger("baton").setLevel(logging.CRITICAL)
    a_tick = idle_tick()
    first = alone(1).work(a_tick)
    known = last_night(NIGHTS + 1, a_tick)
    together = play(LOADS["chains-hour"], TOGETHER).work(a_tick).times(1 / TOGETHER)
    print(written(Costs(a_tick, first, known, together, sum(HOUR_SECONDS) / 2)))
    return 0


def idle_tick() -> Work:
    """The mean of the ticks of an hour in which nothing is due, with SCHEDULED chains declared."""
    baton = VirtualBaton()
    chains = scheduled(baton)
    tick(baton.world, chains)
    baton.counts.clear()
    began = time.process_time()
    for minute in range(1, 61):
        baton.now = T0 + timedelta(minutes=minute)
        tick(baton.world, chains)
    cpu_seconds = time.process_time() - began
    return work_of(baton.counts, executions=60, calls=0, cpu_seconds=cpu_seconds).times(1 / 60)


def scheduled(baton: VirtualBaton) -> Sequence[Chain]:
    """Chains that fire once a day, hours away from T0."""
    step = LOADS["chains-hour"](baton, 1)[0].chain.steps[:1]
    schedule = Schedule(cron="0 22 * * *", time_zone="UTC")
    return [Chain(name=f"daily-{number}", steps=step, schedule=schedule) for number in range(SCHEDULED)]


def alone(nights: int) -> Played:
    """One chain, so many times one after the other: a pipeline of an hour, then a refresh."""

    def load(baton: VirtualBaton, runs: int) -> list[Begin]:
        chain = LOADS["chains-hour"](baton, 1)[0].chain
        return [Begin(night * APART_SECONDS, chain) for night in range(runs)]

    return play(load, nights)


def play(load: Load, runs: int) -> Played:
    baton = VirtualBaton()
    wanted = load(baton, runs)
    began = time.process_time()
    baton.play(wanted)
    cpu_seconds = time.process_time() - began - baton.simulation.seconds
    return Played(baton.counts + baton.azure.calls, runs, baton.minutes, cpu_seconds)


def last_night(nights: int, a_tick: Work) -> Work:
    """What the last of so many nights took. Its CPU is the mean of all: a difference of two would be noise."""
    all_nights = alone(nights)
    work = all_nights.work(a_tick).plus(alone(nights - 1).work(a_tick).times(-1))
    return replace(work, cpu_seconds=all_nights.cpu_seconds / nights)


if __name__ == "__main__":
    sys.exit(main())
