"""Run ids: found, ordered and refused by their text alone."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.ids import chain_of, newest_first, run_id
from tests.unit.core.example import T0


def test_a_run_id_names_its_chain_and_its_time() -> None:
    run = run_id("sales-daily", T0 + timedelta(milliseconds=123), 2**63)
    assert run.startswith("sales-daily.20261121T053000123Z.")
    assert chain_of(run) == "sales-daily"


@given(st.integers(0, 10**10), st.integers(0, 10**10))
def test_keys_sort_newest_first(first: int, second: int) -> None:
    older, newer = sorted((first, second))
    ids = [run_id("c", T0 + timedelta(milliseconds=ms), 1) for ms in (older, newer)]
    assert (newest_first(ids[1]) < newest_first(ids[0])) is (older != newer)


@pytest.mark.parametrize("text", ["", "x", "../x", "a.b.c", "a.20261121T053000123Z.SHOUTING", "a/b", "a" * 5_000])
def test_what_is_no_run_id_names_no_chain(text: str) -> None:
    assert chain_of(text) is None


@pytest.mark.parametrize(
    "time",
    [
        "20261399T053000123Z",
        "20261121T250000000Z",
        "00000101T000000000Z",
        "\u0662\u0660\u0662\u06661121T053000123Z",
    ],
)
def test_digits_that_are_no_time_make_no_run_id(time: str) -> None:
    text = f"sales.{time}.k7q2mx4h"
    assert chain_of(text) is None
    with pytest.raises(ValueError, match="is no run id"):
        newest_first(text)
