"""How long until the next look."""

from hypothesis import given
from hypothesis import strategies as st

from shared.core.pace import (
    LONGEST_SECONDS,
    SHORTEST_SECONDS,
    Waiting,
    crowd_seconds,
    seconds_to_next_look,
    usual_seconds,
)

seconds = st.floats(0, 10**6)


@given(st.lists(st.builds(Waiting, seconds, st.none() | seconds, st.none() | seconds)))
def test_the_pause_is_bounded_both_ways(jobs: list[Waiting]) -> None:
    assert SHORTEST_SECONDS <= seconds_to_next_look(jobs) <= LONGEST_SECONDS


def test_a_job_with_a_past_is_left_alone_until_it_should_end() -> None:
    assert seconds_to_next_look([Waiting(10, usual_seconds=3_600)]) == LONGEST_SECONDS
    assert seconds_to_next_look([Waiting(10, usual_seconds=50)]) == 35
    assert seconds_to_next_look([Waiting(50, usual_seconds=50)]) == SHORTEST_SECONDS


def test_an_unknown_job_is_looked_at_in_steps_that_grow_with_its_age() -> None:
    assert seconds_to_next_look([Waiting(1)]) == SHORTEST_SECONDS
    assert seconds_to_next_look([Waiting(600)]) == 30


def test_the_most_urgent_job_sets_the_pace() -> None:
    assert seconds_to_next_look([Waiting(6_000), Waiting(100)]) == 5


def test_a_look_comes_when_a_timeout_does() -> None:
    assert seconds_to_next_look([Waiting(6_000, left_seconds=17)]) == 17


def test_one_odd_night_does_not_change_what_is_usual() -> None:
    assert usual_seconds([60, 61, 59, 4_000, 60]) == 60
    assert usual_seconds([]) is None


def test_looks_read_no_more_pages_a_minute_however_many_jobs_there_are() -> None:
    assert crowd_seconds(100) < SHORTEST_SECONDS
    for jobs in (1_000, 10_000, 100_000):
        pages = jobs / 100
        assert pages * 60 / crowd_seconds(jobs) == 300
