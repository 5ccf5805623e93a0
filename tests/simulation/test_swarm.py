"""No kind of luck falls out of the swarm, so that nobody notices."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.simulation.faults import LISTS, OTHERS, STARTS, all_faults, named, sort_of
from tests.simulation.simulation import Simulation
from tests.simulation.swarm import APART, KINDS, LARGE_EVERY, swarm_of

PLAYED = 600
RARE = {"power_bi.cancel_transaction", "power_bi.cancel_refresh", "power_bi.transactions"}  # in so few seeds


@pytest.fixture(scope="module")
def struck(quiet: None) -> Counter[str]:
    """How often each kind of luck has struck in the first seeds."""
    found: Counter[str] = Counter()
    for seed in range(1, PLAYED + 1):
        simulation = Simulation(seed)
        simulation.run()
        found.update(misfortune.kind for misfortune in simulation.luck.struck)
    return found


def test_every_kind_of_luck_strikes_within_few_seeds(struck: Counter[str]) -> None:
    faults = {named(fault): fault for fault in all_faults()}
    sorts = {sort_of(fault) for fault in faults.values()}
    assert KINDS.keys() - sorts - struck.keys() == set()
    assert struck.keys() - KINDS.keys() - faults.keys() == set(), "of which the swarm knows nothing"
    assert sorts - {sort_of(faults[kind]) for kind in struck.keys() & faults.keys()} == set()
    operations = {faults[kind].operation for kind in struck.keys() & faults.keys()}
    assert {*STARTS, *LISTS, *OTHERS} - operations - RARE == set()


def test_some_seeds_are_large_and_have_it_all() -> None:
    large = [swarm_of(seed) for seed in range(1, PLAYED + 1) if swarm_of(seed).large]
    assert len(large) == PLAYED // LARGE_EVERY
    left_out = [{kind for kind, factor in one.factors.items() if factor != 1} for one in large]
    assert all(len(kinds) == 1 and kinds < set(APART) for kinds in left_out)
    assert {one.instances for one in large} == {3}
    assert any(one.topic for one in large)


def test_small_seeds_have_a_few_kinds_each_and_all_of_them_together() -> None:
    small = [swarm_of(seed) for seed in range(1, PLAYED + 1) if not swarm_of(seed).large]
    for kind in KINDS:
        assert any(one.factors[kind] for one in small), kind
    assert all(sum(map(bool, one.factors.values())) < 0.75 * len(KINDS) for one in small)
    assert {one.instances for one in small} == {2, 3}
    assert any(one.topic for one in small)
    assert any(one.stays for one in small)
