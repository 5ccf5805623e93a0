"""How long until the next look."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.pace import (
    BUDGET_SECONDS,
    LONGEST_SECONDS,
    SHORTEST_SECONDS,
    UNKNOWN_CROWDED_SECONDS,
    UNKNOWN_LONGEST_SECONDS,
    UNKNOWN_SHORTEST_SECONDS,
    Waiting,
    crowd_seconds,
    seconds_to_next_look,
    usual_seconds,
)

seconds = st.floats(0, 10**6)
past = st.lists(seconds, max_size=15).map(tuple)
STEADY = (3_600.0, 3_570.0, 3_640.0, 3_585.0, 3_610.0)


def looks(past_seconds: tuple[float, ...], until: float) -> list[float]:
    """The ages at which a job is looked at that lasts so long."""
    ages = [SHORTEST_SECONDS]
    while ages[-1] < until:
        ages.append(ages[-1] + seconds_to_next_look([Waiting(ages[-1], past_seconds)]))
    return ages


@given(st.lists(st.builds(Waiting, seconds, past, st.none() | seconds), max_size=3))
def test_the_pause_is_bounded_both_ways(jobs: list[Waiting]) -> None:
    assert SHORTEST_SECONDS <= seconds_to_next_look(jobs) <= LONGEST_SECONDS


def test_a_job_with_a_past_is_looked_at_most_when_it_should_end() -> None:
    early, near = seconds_to_next_look([Waiting(600, STEADY)]), seconds_to_next_look([Waiting(3_600, STEADY)])
    assert early > 100
    assert near < 5


def test_its_looks_cost_no_more_than_one_a_minute_would() -> None:
    assert len(looks(STEADY, until=3_600)) <= 1 + 3_600 / BUDGET_SECONDS


def test_a_job_that_ends_where_others_did_is_seen_within_seconds() -> None:
    for took in STEADY:
        assert looks(STEADY, until=took)[-1] - took < 10


def test_of_two_usual_lengths_both_are_looked_out_for() -> None:
    two = (300.0, 2_400.0, 2_390.0, 305.0, 2_420.0, 2_410.0, 298.0)
    short, between, long = (seconds_to_next_look([Waiting(age, two)]) for age in (300, 1_200, 2_400))
    assert short < between / 4
    assert long < between / 4


def test_one_odd_night_does_not_spread_the_looks_much() -> None:
    assert seconds_to_next_look([Waiting(3_600, (*STEADY, 900.0))]) < 8


def test_several_odd_nights_do_not_raise_the_budget() -> None:
    week = 7 * 86_400.0
    assert len(looks((*STEADY, *STEADY, week, week), until=3_600)) < 1.2 * len(looks(STEADY, until=3_600))


def test_two_usual_lengths_share_the_looks_of_their_mean() -> None:
    mostly_short = (300.0, 2_400.0, 2_390.0, 305.0, 310.0, 2_410.0, 298.0)
    mean = sum(mostly_short) / len(mostly_short)
    counts = [len(looks(mostly_short, until=took)) for took in mostly_short]
    assert 0.75 * mean / 60 < sum(counts) / len(counts) <= 1 + mean / 60


def test_the_newest_nights_count_most() -> None:
    grown = (*(1_800.0 + each for each in range(10)), *(2_400.0 + each for each in range(5)))
    shrunk = tuple(reversed(grown))
    short = [seconds_to_next_look([Waiting(1_800, past)]) for past in (grown, shrunk)]
    assert short[1] < short[0] / 2


def test_a_job_that_is_later_than_ever_is_looked_at_like_an_unknown_one() -> None:
    pauses = [after - before for before, after in pairwise(looks(STEADY, until=20_000)) if before > 5_000]
    assert round(max(pauses)) == UNKNOWN_LONGEST_SECONDS


def test_an_unknown_job_is_looked_at_in_steps_that_grow_with_its_age() -> None:
    assert seconds_to_next_look([Waiting(1)]) == UNKNOWN_SHORTEST_SECONDS
    assert seconds_to_next_look([Waiting(600)]) == 30


@pytest.mark.parametrize("took", [100.0, 800.0, 5_000.0])
def test_the_end_of_an_unknown_job_is_seen_within_a_small_share_of_its_length(took: float) -> None:
    assert looks((), until=took)[-1] - took <= 0.06 * took


def test_unknown_jobs_that_share_their_looks_get_more_of_them() -> None:
    alone, few, many = (seconds_to_next_look([Waiting(6_000)] * jobs) for jobs in (1, 4, 1_000))
    assert (alone, few, many) == (UNKNOWN_LONGEST_SECONDS, UNKNOWN_LONGEST_SECONDS / 2, UNKNOWN_CROWDED_SECONDS)


def test_the_most_urgent_job_sets_the_pace() -> None:
    assert seconds_to_next_look([Waiting(6_000), Waiting(100)]) == 5


def test_a_look_comes_when_a_timeout_does() -> None:
    assert seconds_to_next_look([Waiting(6_000, left_seconds=17)]) == 17


def test_what_is_usual_is_not_changed_by_one_odd_night() -> None:
    assert usual_seconds([60, 61, 59, 4_000, 60]) == 60
    assert usual_seconds([]) is None


def test_looks_read_no_more_pages_a_minute_however_many_jobs_there_are() -> None:
    assert crowd_seconds(100) < SHORTEST_SECONDS
    for jobs in (1_000, 10_000, 100_000):
        pages = jobs / 100
        assert pages * 60 / crowd_seconds(jobs) == 300
