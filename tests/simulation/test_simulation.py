"""Seeds that everybody plays, and bugs planted on purpose, which the seeds must find."""

from __future__ import annotations

import pytest

from tests.simulation.invariants import violations
from tests.simulation.many import played
from tests.simulation.plants import PLANTS, retry_a_start
from tests.simulation.shrink import Plant, story
from tests.simulation.simulation import Simulation

SEEDS = 3_000
BLOCK = 100
MOST_SEEDS_TO_FIND = 2_000
COMPARED = 30
MOST_NEEDED = 10  # a lost answer, and what makes the chain that meets it


@pytest.mark.parametrize("first", range(1, SEEDS, BLOCK))
def test_whatever_goes_wrong_nothing_is_doubled_forgotten_or_stale(first: int) -> None:
    for seed in range(first, first + BLOCK):
        assert played(seed) == [], f"replay with: python -m tests.simulation 1 {seed}"


@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_bug_is_found(plant: Plant) -> None:
    for seed in range(1, MOST_SEEDS_TO_FIND + 1):
        simulation = Simulation(seed)
        plant(simulation)
        simulation.run()
        if violations(simulation):
            return
    pytest.fail(f"{MOST_SEEDS_TO_FIND} seeds did not find it: {plant.__doc__}")


def test_a_seed_plays_the_same_with_the_real_clients_and_the_real_store() -> None:
    for seed in range(1, COMPARED + 1):
        straight, real = Simulation(seed, telling=True), Simulation(seed, telling=True, real=True)
        straight.run()
        real.run()
        assert straight.scheduler.told == real.scheduler.told


def test_the_story_of_a_failing_seed_has_only_what_it_needs() -> None:
    seed = next(seed for seed in range(1, MOST_SEEDS_TO_FIND) if _fails(seed, retry_a_start))
    told = story(seed, retry_a_start).splitlines()
    left = [line for line in told if line.startswith("  ") and ", number " in line]
    assert told[0] == f"seed {seed}, with {len(left)} misfortunes left:"
    assert 1 <= len(left) <= MOST_NEEDED
    assert "has 2 jobs" in told[-1]


def _fails(seed: int, plant: Plant) -> bool:
    simulation = Simulation(seed)
    plant(simulation)
    simulation.run()
    return bool(violations(simulation))
