"""What a seed is made of: its size, and the kinds of luck that it knows.

One of LARGE_EVERY seeds has everything at once. Each of the others draws a few features and a few kinds of
trouble, has these the more often, and leaves out all else. Such a swarm finds more than the same time spent on
seeds that have it all: features hide each other's bugs (a cancel ends the run that would have come to harm, a
crash the call that would have raced), and a small seed costs so little that many odd mixtures get their turn.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

LARGE_EVERY = 25

# By kind of luck: the share of small seeds that have it, and how much likelier it is there than in a large seed.
KINDS: Mapping[str, tuple[float, float]] = {
    # what there is
    "a further chain": (0.3, 1.2),
    "a further step": (0.6, 0.6),
    "a notebook": (0.25, 5.0),
    "a refresh": (0.4, 2.0),
    "a dataflow": (0.15, 12.0),
    "a schedule": (0.15, 4.0),
    "a follow": (0.12, 4.5),
    "nightly fails": (1.0, 1.0),
    "a limit": (0.4, 1.6),
    "the newest matters": (0.5, 1.8),
    "a long pipeline": (0.2, 1.0),
    # what people do
    "a caller": (0.8, 1.0),
    "a further caller": (0.4, 1.2),
    "the same call again": (0.4, 1.0),
    "an event": (0.15, 2.0),
    "an event comes twice": (0.5, 1.5),
    "others refresh": (0.2, 1.5),
    "others run": (0.7, 0.7),
    "a cancel": (0.2, 2.0),
    "a deploy": (0.1, 4.0),
    "a pause": (0.1, 4.0),
    "a backfill": (0.1, 4.0),
    "a backfill is cancelled": (0.5, 1.5),
    "the topic stays away": (1.0, 1.0),
    # what goes wrong
    "crash": (0.35, 1.5),
    "freeze": (0.35, 1.5),
    "switch": (0.7, 1.0),
    "storage does not answer": (0.25, 2.0),
    "storage loses an answer": (0.25, 2.0),
    "a message is lost": (0.35, 1.5),
    "a message comes twice": (0.35, 1.5),
    "a tick is missed": (0.3, 2.0),
    "a tick is doubled": (0.3, 2.0),
    "a slow request": (0.3, 2.0),
    "a slow answer": (0.3, 2.0),
    "before status": (0.35, 1.0),
    "before lost": (0.35, 1.0),
    "after status": (0.35, 1.5),
    "after lost": (0.4, 1.5),
    "hide_seconds": (0.4, 1.5),
    "no_status": (0.25, 1.5),
}
_ORIGINS = ("a schedule", "a follow", "an event", "a backfill")  # of runs, besides callers


@dataclass(frozen=True, slots=True)
class Swarm:
    """`factors`: how much likelier each kind of luck is than usual; 0: it is left out. `bad_seconds`: until peace.

    `stays`: ticks go on for a while after all is quiet.
    """

    large: bool
    instances: int
    bad_seconds: float
    severity: float
    topic: bool
    stays: bool
    factors: Mapping[str, float]


def swarm_of(seed: int) -> Swarm:
    """The same for the same seed."""
    chance = random.Random(f"{seed} swarm")
    if seed % LARGE_EVERY == 0:
        return Swarm(
            large=True,
            instances=3,
            bad_seconds=chance.choice([60.0, 120.0, 200.0, 300.0, 900.0]),
            severity=chance.choice([0.0, 0.5, 1.0, 1.0, 2.0, 4.0]),
            topic=chance.random() < 0.35,
            stays=True,
            factors=dict.fromkeys(KINDS, 1.0),
        )
    factors = {kind: times if chance.random() < share else 0.0 for kind, (share, times) in KINDS.items()}
    if not any(factors[kind] for kind in _ORIGINS):
        factors["a caller"] = 1.0
    return Swarm(
        large=False,
        instances=3 if chance.random() < 0.1 else 2,
        bad_seconds=chance.choices([30.0, 60.0, 120.0, 200.0, 400.0], [30, 35, 20, 10, 5])[0],
        severity=chance.choices([0.0, 0.5, 1.0, 2.0, 4.0], [4, 16, 30, 30, 20])[0],
        topic=chance.random() < 0.15,
        stays=chance.random() < 0.05,
        factors=factors,
    )
