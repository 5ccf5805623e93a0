"""What a run costs does not grow with the number of runs under way: counts, in virtual time."""

from __future__ import annotations

import pytest

from bench.loads import LOADS
from bench.scale import Measured, measure
from bench.table import CALLS, STORAGE

MORE = 1.1  # a run that waits for hours is looked after now and then


@pytest.mark.parametrize("load", ["pipelines-short", "chains-short", "one-at-a-time"])
def test_a_run_costs_no_more_beside_hundreds_than_beside_nine(load: str) -> None:
    few, many = measure(load, 10), measure(load, 300)
    assert many.most_active > 250
    for names in (STORAGE, CALLS):
        assert many.each(names) <= few.each(names) * MORE, names


def test_a_look_grows_only_with_the_pages_that_it_reads() -> None:
    few, many = measure("pipelines-short", 10), measure("pipelines-short", 300)
    assert pages_a_look(few) == 1
    assert 1 < pages_a_look(many) <= 3
    assert many.most_queries < 100
    looks = [each.counts["look at data_factory"] for each in (few, many)]
    assert looks[1] < looks[0] * 1.25


def pages_a_look(measured: Measured) -> float:
    return measured.counts["data_factory.query_runs"] / measured.counts["look at data_factory"]


def test_every_load_says_what_it_is() -> None:
    assert all(load.__doc__ for load in LOADS.values())
