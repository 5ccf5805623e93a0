"""However many places there are, one identity asks a service no more than it may."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.definition import Chain, Connection, Credential, StepDefinition
from shared.core.pace import SHORTEST_SECONDS, shared_seconds
from shared.relay.budgets import LOOKS_A_MINUTE
from tests.unit.relay.small_world import SmallWorld

ALLOWED = 200  # Fabric's own figure, for one identity and minute
MANAGED = Credential()
OTHER = Credential(type="client_secret", tenant="t", client_id="c", client_secret_setting="S")


@pytest.fixture
def small() -> SmallWorld:
    return SmallWorld()


def lakehouse(number: int, credential: Credential = MANAGED) -> Chain:
    connection = Connection(name=f"lake-{number}", type="fabric", workspace=f"w-{number}", credential=credential)
    step = StepDefinition(name="load", connection=connection, item="i", job_type="RunNotebook")
    return Chain(name=f"chain-{number}", steps=(step,))


def looked(small: SmallWorld, seconds: float) -> list[datetime]:
    """When the service is asked while time passes."""
    times: list[datetime] = []
    small.service.while_observing = lambda: times.append(small.now)
    small.pass_time(seconds)
    return times


def most_in_a_minute(times: list[datetime]) -> int:
    return max(sum(time <= other < time + timedelta(minutes=1) for other in times) for time in times)


def test_many_places_of_one_identity_keep_to_its_budget(small: SmallWorld) -> None:
    for number in range(60):
        small.start(lakehouse(number))
    times = looked(small, 600)
    assert most_in_a_minute(times) <= ALLOWED
    steady = [time for time in times if time >= small.now - timedelta(minutes=5)]
    assert 0.5 * LOOKS_A_MINUTE["fabric"] <= len(steady) / 5 <= 1.1 * LOOKS_A_MINUTE["fabric"]


def test_new_jobs_at_watched_places_do_not_break_the_budget(small: SmallWorld) -> None:
    chains = [lakehouse(number) for number in range(60)]
    for chain in chains:
        small.start(chain)
    small.pass_time(120)
    times: list[datetime] = []
    small.service.while_observing = lambda: times.append(small.now)
    for _ in range(30):
        for chain in chains:
            small.start(chain)
        small.pass_time(2)
    assert len(times) <= ALLOWED


def test_another_identity_has_a_budget_of_its_own(small: SmallWorld) -> None:
    for number in range(60):
        small.start(lakehouse(number))
    small.pass_time(120)
    small.start(replace(lakehouse(99, OTHER), name="other"))
    times = looked(small, 60)
    held = [held for held in small.world.places.watches() if held.watch.place.connection.credential == OTHER]
    assert [one.watch.spacing_seconds for one in held] == [60 / LOOKS_A_MINUTE["fabric"]]
    assert len(times) > 60


def test_a_place_alone_is_not_held_back() -> None:
    assert shared_seconds(100, []) < SHORTEST_SECONDS


def test_who_needs_few_looks_leaves_the_rest_to_others() -> None:
    assert shared_seconds(100, [300.0] * 60) < SHORTEST_SECONDS
    assert shared_seconds(100, [30.0] * 49) == 30
    assert shared_seconds(100, [2.0] * 49) == 30


@given(st.lists(st.floats(2, 600), max_size=80))
def test_looks_that_make_room_for_each_other_come_to_fit(pauses: list[float]) -> None:
    now = list(pauses)
    for _ in range(3):
        for place, wished in enumerate(pauses):
            now[place] = max(wished, shared_seconds(100, now[:place] + now[place + 1 :]))
    assert sum(60 / pause for pause in now) <= 100 * 1.001
