"""How long jobs take, night after night: what the pace of the watch is tried on."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

HISTORIES = 60  # pasts that are drawn for each kind
JOBS = 8  # jobs that are drawn for each past
KEPT = 15  # durations that Baton keeps of each step
MINUTE = 60.0
HOUR = 3_600.0

Draw = Callable[[random.Random, int], float]  # of the job of the n-th night, its seconds


@dataclass(frozen=True, slots=True)
class Kind:
    """Jobs of one kind. `modes`: (share, median, spread) of the log-normals that lengths come from, or nearly."""

    name: str
    draw: Draw
    kept: Draw | None  # how long those take that succeed, which alone are remembered; None: nothing is
    modes: Sequence[tuple[float, float, float]]

    def sample(self, chance: random.Random) -> list[tuple[tuple[float, ...], float]]:
        """(past, length) of HISTORIES times JOBS jobs."""
        return [each for _ in range(HISTORIES) for each in self._nights(chance)]

    def _nights(self, chance: random.Random) -> list[tuple[tuple[float, ...], float]]:
        past = tuple(self.kept(chance, night) for night in range(KEPT)) if self.kept else ()
        return [(past, self.draw(chance, KEPT)) for _ in range(JOBS)]


def kinds() -> list[Kind]:
    """Those that `make bench-pace` shows, in its order."""
    steady = [
        _log_normal(f"stable {_told(median)} ± {spread:.0%}", median, spread)
        for median in (10 * MINUTE, 30 * MINUTE, HOUR, 3 * HOUR)
        for spread in (0.03, 0.10)
    ]
    wide = [_log_normal(f"log-normal 30 min, sigma {spread}", 30 * MINUTE, spread) for spread in (0.25, 0.5)]
    return [*steady, *wide, _two_lengths(), _drifting(), _failing_early(), _first_ever()]


def _told(seconds: float) -> str:
    return f"{seconds / HOUR:.0f} h" if seconds > HOUR else f"{seconds / MINUTE:.0f} min"


def _log_normal(name: str, median: float, spread: float) -> Kind:
    def draw(chance: random.Random, _night: int) -> float:
        return chance.lognormvariate(math.log(median), spread)

    return Kind(name, draw, draw, [(1.0, median, spread)])


def _two_lengths() -> Kind:
    """Some nights there is nothing to load."""

    def draw(chance: random.Random, _night: int) -> float:
        return chance.lognormvariate(math.log(chance.choice((5 * MINUTE, 40 * MINUTE))), 0.03)

    return Kind("5 or 40 min, ± 3%", draw, draw, [(0.5, 5 * MINUTE, 0.03), (0.5, 40 * MINUTE, 0.03)])


def _drifting() -> Kind:
    """The data grows."""

    def draw(chance: random.Random, night: int) -> float:
        return chance.lognormvariate(math.log(30 * MINUTE) + night * math.log(1.01), 0.03)

    return Kind("30 min ± 3%, 1% longer each night", draw, draw, [(1.0, 30 * MINUTE * 1.01**KEPT, 0.03)])


def _failing_early() -> Kind:
    """Of twenty jobs one fails on its way, at any time."""
    well = _log_normal("", 30 * MINUTE, 0.03).draw

    def draw(chance: random.Random, night: int) -> float:
        return chance.uniform(1.0, 30 * MINUTE) if chance.random() < 0.05 else well(chance, night)

    return Kind("30 min ± 3%, 5% fail early", draw, well, [(0.95, 30 * MINUTE, 0.03), (0.05, 12 * MINUTE, 0.8)])


def _first_ever() -> Kind:
    """Nothing is known: any length from a minute to three hours, as likely on a log scale."""

    def draw(chance: random.Random, _night: int) -> float:
        return math.exp(chance.uniform(math.log(MINUTE), math.log(3 * HOUR)))

    return Kind("never run before, 1 min to 3 h", draw, None, [])


def least_product(kind: Kind) -> float | None:
    """No way to look has a smaller product of calls and mean delay in seconds, even if it knows the kind itself.

    With density f of ends and S alive, looks at a rate r cost the integral of r S and delay by that of f / 2r;
    their product is least where r grows with sqrt(f / S), and is then half the square of the integral of
    sqrt(f S). This takes looks as flowing, which few of them are not.
    """
    if not kind.modes:
        return None
    total, steps = 0.0, 20_000
    low, high = math.log(1.0), math.log(100 * HOUR)
    width = (high - low) / steps
    for number in range(steps):
        log_age = low + (number + 0.5) * width
        density = alive = 0.0
        for share, middle, spread in kind.modes:
            score = (log_age - math.log(middle)) / spread
            density += share * math.exp(-score * score / 2) / (math.sqrt(2 * math.pi) * spread)
            alive += share * math.erfc(score / math.sqrt(2)) / 2
        total += math.sqrt(density * alive * math.exp(log_age)) * width
    return total * total / 2
