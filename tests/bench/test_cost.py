"""The cost model's formulas, against sums done by hand."""

from __future__ import annotations

import pytest

from bench.bill import MONTH_MINUTES, Work, bill, idle_month, logic_app, until_loop, work_of
from bench.cost import alone, idle_tick, last_night
from bench.cost_page import Costs, page
from bench.prices import FREE_GB_SECONDS, PRICES, dollars


def test_each_row_of_a_batch_is_a_transaction() -> None:
    counts = {"get": 2, "scan page": 3, "write": 1, "rows written": 5, "send": 1, "receive": 1, "delete": 1}
    work = work_of(counts, executions=2, calls=1, cpu_seconds=0.1)
    assert (work.table, work.queue) == (10, 3)


def test_a_short_execution_is_billed_a_second() -> None:
    short = Work(executions=1_000, cpu_seconds=1)
    assert short.billed_seconds() == 1_000
    assert bill(short, 2.0, free=False)["execution time"] == pytest.approx(2_000 * dollars("gb_second"))


def test_a_long_execution_is_billed_to_the_next_tenth() -> None:
    assert Work(executions=10, cpu_seconds=12.1).billed_seconds() == pytest.approx(13)


def test_free_grants_are_taken_off_once() -> None:
    work = Work(executions=FREE_GB_SECONDS + 10, table=1e4)
    billed = bill(work, 1.0, free=True)
    assert billed["execution time"] == pytest.approx(10 * dollars("gb_second"))
    assert billed["executions"] == 0
    assert billed["tables"] == dollars("table")


def test_an_hours_loop_of_half_minutes_is_362_activity_runs() -> None:
    runs = 362 * dollars("activity") / 1_000
    assert until_loop(3_600) == pytest.approx(runs + 121 / 60 * dollars("web_hour"))
    assert logic_app(3_600) == pytest.approx(121 * (dollars("connector") + dollars("built_in")))


def test_an_idle_month_is_its_ticks_and_the_host() -> None:
    month = idle_month(Work(executions=1, table=4))
    assert (month.executions, month.table) == (MONTH_MINUTES, 4 * MONTH_MINUTES)
    assert month.queue > 0


def test_a_chain_whose_past_is_known_costs_less_than_its_first_run() -> None:
    a_tick = idle_tick()
    assert 0 < a_tick.table < 20
    first, known = alone(1).work(a_tick), last_night(4, a_tick)
    assert known.executions < 0.6 * first.executions
    assert known.table < 0.6 * first.table
    text = page(Costs(a_tick, first, known, known, 3_600))
    assert all(price.unit in text for price in PRICES.values())
    assert "nan" not in text
