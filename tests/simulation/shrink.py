"""Makes a failing seed readable: spares every misfortune that the failure does not need, and tells the rest."""

from __future__ import annotations

from collections.abc import Callable

from tests.simulation.invariants import violations
from tests.simulation.luck import Misfortune
from tests.simulation.simulation import Simulation

Plant = Callable[[Simulation], None]
MOST_PLAYS = 600


def story(seed: int, plant: Plant | None = None) -> str:
    """The shortest history found that still breaks a rule."""
    needed, spared = shrunk(seed, plant)
    simulation = _played(seed, spared, plant, telling=True)
    lines = [f"seed {seed}, with {len(needed)} misfortunes left:"]
    lines += [f"  {misfortune.kind}, number {misfortune.number}" for misfortune in needed]
    lines += [*(simulation.scheduler.told or ()), *violations(simulation)]
    return "\n".join(lines)


def shrunk(seed: int, plant: Plant | None = None) -> tuple[list[Misfortune], frozenset[Misfortune]]:
    """The misfortunes that are needed, and those that can be spared."""
    best = _played(seed, frozenset(), plant)
    spared: frozenset[Misfortune] = frozenset()
    plays, size = 0, max(1, len(best.luck.struck) // 2)
    while plays < MOST_PLAYS:
        struck = best.luck.struck
        shorter = None
        for start in range(0, len(struck), size):
            plays += 1
            tried = _played(seed, spared | set(struck[start : start + size]), plant)
            if violations(tried) and len(tried.luck.struck) < len(struck):
                shorter = tried, spared | set(struck[start : start + size])
                break
        if shorter is not None:
            best, spared = shorter
            size = max(1, min(size, len(best.luck.struck) // 2))
        elif size == 1:
            break
        else:
            size //= 2
    return best.luck.struck, spared


def _played(seed: int, spared: frozenset[Misfortune], plant: Plant | None, *, telling: bool = False) -> Simulation:
    simulation = Simulation(seed, spared=spared, telling=telling)
    if plant is not None:
        plant(simulation)
    simulation.run()
    return simulation
