"""Which looks ask for everything: a few, by the clock; the others for what has changed."""

from __future__ import annotations

import pytest

from shared.core.errors import TryLaterError
from shared.relay.watch import WIDE_SECONDS
from tests.unit.relay.small_world import SmallWorld, a_chain, a_step

HOUR = 3_600


@pytest.fixture
def small() -> SmallWorld:
    return SmallWorld()


def test_a_place_is_asked_for_everything_only_so_often(small: SmallWorld) -> None:
    small.start(a_chain(a_step("load")))
    small.pass_time(HOUR)
    wide = small.service.asked.count(None)
    assert HOUR / WIDE_SECONDS - 3 <= wide <= HOUR / WIDE_SECONDS + 1
    assert len(small.service.asked) > 2 * wide


def test_jobs_that_only_say_that_they_run_do_not_make_the_looks_wide(small: SmallWorld) -> None:
    for _ in range(40):  # more than one look tells by itself, so that some are told by messages
        small.start(a_chain(a_step("load")))
    small.pass_time(HOUR)
    assert small.service.asked.count(None) <= HOUR / WIDE_SECONDS + 1


def test_a_look_at_everything_that_failed_is_made_again(small: SmallWorld) -> None:
    small.service.observe_fails = [TryLaterError("throttled", "HTTP 429", 10)]
    small.start(a_chain(a_step("load")))
    small.pass_time(60)
    assert small.service.asked[:2] == [None, None]
    assert None not in small.service.asked[2:]
