"""Every misfortune of a seed, each with a name and a number, so that a replay can spare Baton some of them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import NamedTuple


class Misfortune(NamedTuple):
    """The `number`th chance of its kind."""

    kind: str
    number: int


@dataclass(slots=True)
class _Stream:
    """One kind's own randomness. `factor`: how much likelier than usual it strikes; 0: never."""

    chance: random.Random
    factor: float
    drawn: int = 0


class Luck:
    """Draws from one stream for each kind: sparing a misfortune leaves the other streams as they were.

    `factors`: of the kinds that are likelier than usual in this seed, or (0) do not happen in it.
    """

    def __init__(
        self,
        seed: int,
        spared: AbstractSet[Misfortune] = frozenset(),
        factors: Mapping[str, float] | None = None,
    ) -> None:
        self.struck: list[Misfortune] = []
        self._seed = seed
        self._spared = spared
        self._factors = factors or {}
        self._streams: dict[str, _Stream] = {}

    def strikes(self, kind: str, chance: float) -> bool:
        """Whether it happens this time."""
        stream = self._streams.get(kind) or self._begun(kind)
        if not stream.factor:
            return False
        stream.drawn += 1
        if stream.chance.random() >= chance * stream.factor:
            return False
        misfortune = Misfortune(kind, stream.drawn)
        if misfortune in self._spared:
            return False
        self.struck.append(misfortune)
        return True

    def between(self, kind: str, low: float, high: float) -> float:
        """How much of it there is."""
        return (self._streams.get(kind) or self._begun(kind)).chance.uniform(low, high)

    def one_of(self, kind: str, count: int) -> int:
        """A number below `count`."""
        return int((self._streams.get(kind) or self._begun(kind)).chance.random() * count)

    def _begun(self, kind: str) -> _Stream:
        stream = _Stream(random.Random(f"{self._seed} {kind}"), self._factors.get(kind, 1.0))
        self._streams[kind] = stream
        return stream
