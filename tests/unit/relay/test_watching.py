"""When a place is looked at next: by how crowded it is, and by what the service has asked for."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from shared.core.errors import TryLaterError
from shared.core.pace import crowd_seconds
from shared.core.run import Job
from shared.ports import Place, WatchedJob
from shared.relay.watching import ensure_watch
from shared.store.places import HeldWatch, place_key
from tests.unit.relay.small_world import CONNECTION, SmallWorld, a_chain, a_step

PLACE = Place(CONNECTION, "")
KEY = place_key(PLACE)


@pytest.fixture
def small() -> SmallWorld:
    return SmallWorld()


def watch_of(small: SmallWorld) -> HeldWatch:
    held = small.world.places.watch(KEY)
    assert held is not None
    return held


def crowd(small: SmallWorld, jobs: int) -> None:
    """So many jobs under way, of which the service has no news."""
    for number in range(jobs):
        job = Job(id=f"other-{number}", status="InProgress", link="")
        watched = WatchedJob(run_id="r", step="s", attempt=1, job=job, began_at=small.now, registered_at=small.now)
        assert small.world.places.claim(KEY, watched, f"owner {number}")


def looked_at(small: SmallWorld) -> datetime:
    told = watch_of(small).watch.looked_at
    assert told is not None
    return told


def test_new_jobs_do_not_hasten_the_looks_at_a_crowded_place(small: SmallWorld) -> None:
    crowd(small, 5_000)
    ensure_watch(small.world, PLACE, small.now)
    small.pass_time(1)
    assert watch_of(small).watch.spacing_seconds == crowd_seconds(5_000)
    for _ in range(30):
        ensure_watch(small.world, PLACE, small.now + timedelta(seconds=2))
        small.pass_time(1)
    assert small.service.looks == 4


def test_a_look_that_takes_long_is_not_overtaken_by_a_heap_of_others(small: SmallWorld) -> None:
    crowd(small, 5_000)
    ensure_watch(small.world, PLACE, small.now)
    small.pass_time(1)
    small.pass_time(12, messages=False)  # the second look has begun somewhere, and has not ended
    ensure_watch(small.world, PLACE, small.now + timedelta(seconds=2))
    assert watch_of(small).watch.next_look_at >= looked_at(small) + timedelta(seconds=20)


def test_a_new_job_does_not_cut_short_what_the_service_asked_for(small: SmallWorld) -> None:
    small.start(a_chain(a_step("load")))
    small.service.observe_fails = [TryLaterError("throttled", "HTTP 429", 600)]
    small.pass_time(5)
    assert small.service.looks == 1
    small.start(a_chain(a_step("load")))
    small.pass_time(590)
    assert small.service.looks == 1
    small.pass_time(30)
    assert small.service.looks > 1
