"""Every misfortune of a seed, each with a name and a number, so that a replay can spare Baton some of them."""

from __future__ import annotations

import random
from collections.abc import Set as AbstractSet
from typing import NamedTuple


class Misfortune(NamedTuple):
    """The `number`th chance of its kind."""

    kind: str
    number: int


class Luck:
    """Draws from one stream for each kind: sparing a misfortune leaves the other streams as they were."""

    def __init__(self, seed: int, spared: AbstractSet[Misfortune] = frozenset()) -> None:
        self.struck: list[Misfortune] = []
        self._seed = seed
        self._spared = spared
        self._streams: dict[str, tuple[random.Random, list[int]]] = {}

    def strikes(self, kind: str, chance: float) -> bool:
        """Whether it happens this time."""
        stream, drawn = self._stream(kind)
        drawn[0] += 1
        if stream.random() >= chance:
            return False
        misfortune = Misfortune(kind, drawn[0])
        if misfortune in self._spared:
            return False
        self.struck.append(misfortune)
        return True

    def between(self, kind: str, low: float, high: float) -> float:
        """How much of it there is."""
        return self._stream(kind)[0].uniform(low, high)

    def one_of(self, kind: str, count: int) -> int:
        """A number below `count`."""
        return int(self._stream(kind)[0].random() * count)

    def _stream(self, kind: str) -> tuple[random.Random, list[int]]:
        known = self._streams.get(kind)
        if known is None:
            known = self._streams[kind] = (random.Random(f"{self._seed} {kind}"), [0])
        return known
