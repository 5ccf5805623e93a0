"""Seeds that everybody plays, and bugs planted on purpose, which the seeds must find."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from shared.core.timing import Patience
from shared.ports import WatchedJob
from shared.relay.world import World
from shared.store.places import PlaceStore
from tests.simulation.invariants import violations
from tests.simulation.simulation import Simulation

SEEDS = 120
BLOCK = 20
MOST_SEEDS_TO_FIND = 300


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Warnings are what a simulation is made of."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("first", range(1, SEEDS, BLOCK))
def test_whatever_goes_wrong_nothing_is_doubled_forgotten_or_stale(first: int) -> None:
    for seed in range(first, first + BLOCK):
        simulation = Simulation(seed)
        simulation.run()
        assert violations(simulation) == [], f"replay with: python -m tests.simulation 1 {seed}"


def no_grace(simulation: Simulation) -> None:
    """Starts again at once when a look shows no job."""
    hasty = Patience(grace_seconds=0)
    simulation.worlds = [replace(world, patience=hasty) for world in simulation.worlds]


def blind_retry(simulation: Simulation) -> None:
    """Takes an unclear start for one that did not happen."""

    def make(world: World) -> World:
        def services(connection: Any) -> Any:
            return _Blind(world.services(connection))

        return replace(world, services=services)

    simulation.worlds = [make(world) for world in simulation.worlds]


class _Blind:
    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def start(self, order: Any, send_before: Callable[[], bool]) -> Any:
        from shared.core.errors import TryLaterError, UnclearError

        try:
            return self._inner.start(order, send_before)
        except UnclearError as error:
            raise TryLaterError(error.code, error.message) from error


def any_refresh_is_ours(simulation: Simulation) -> None:
    """Adopts a refresh that began before the data was ready."""

    class Adopter(_Blind):
        def start(self, order: Any, send_before: Callable[[], bool]) -> Any:
            return self._inner.start(order, send_before)

        def find_started(self, order: Any) -> Any:
            from datetime import timedelta

            early = replace(order, ready_at=None, intended_at=order.intended_at - timedelta(hours=1))
            return self._inner.find_started(early)

    def make(world: World) -> World:
        return replace(world, services=lambda connection: Adopter(world.services(connection)))

    simulation.worlds = [make(world) for world in simulation.worlds]


def no_claims(simulation: Simulation) -> None:
    """Lets a job belong to whoever asks."""

    class Generous(PlaceStore):
        def claim(self, key: str, watched: WatchedJob, owner: str) -> bool:
            super().claim(key, watched, owner)
            return True

    for number, world in enumerate(simulation.worlds):
        simulation.worlds[number] = replace(world, places=Generous(world.places._table))


def no_etags(simulation: Simulation) -> None:
    """Writes whatever it has, whoever wrote meanwhile."""
    from shared.storage.base import Replace, Upsert

    for world in simulation.worlds:
        table = world.runs._table
        world.runs._table = _Careless(table, Replace, Upsert)


class _Careless:
    def __init__(self, inner: Any, conditional: Any, blind: Any) -> None:
        self._inner, self._conditional, self._blind = inner, conditional, blind

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def write(self, writes: Any) -> Any:
        careless = [self._blind(w.row) if not hasattr(w, "partition") else w for w in writes]
        return self._inner.write(careless)


def no_revival(simulation: Simulation) -> None:
    """Forgets whoever lost a message."""
    for world in simulation.worlds:
        world.runs.pointers = lambda: iter(())  # type: ignore[method-assign]


@pytest.mark.parametrize("plant", [no_grace, blind_retry, any_refresh_is_ours, no_claims, no_etags, no_revival])
def test_a_planted_bug_is_found(plant: Callable[[Simulation], None]) -> None:
    for seed in range(1, MOST_SEEDS_TO_FIND):
        simulation = Simulation(seed)
        plant(simulation)
        simulation.run()
        if violations(simulation):
            return
    pytest.fail(f"{MOST_SEEDS_TO_FIND} seeds did not find it: {plant.__doc__}")
