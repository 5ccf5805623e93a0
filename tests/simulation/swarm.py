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

LARGE_EVERY = 30

# By kind of luck: the share of small seeds that have it, and how much likelier it is there than in a large seed.
KINDS: Mapping[str, tuple[float, float]] = {
    # what there is
    "a further chain": (0.2, 1.0),
    "a further step": (0.4, 0.5),
    "a notebook": (0.2, 5.0),
    "a refresh": (0.4, 2.2),
    "a dataflow": (0.15, 12.0),
    "a schedule": (0.1, 4.0),
    "a follow": (0.12, 4.5),
    "nightly fails": (1.0, 1.0),
    "a limit": (0.25, 1.6),
    "the newest matters": (0.5, 1.8),
    "a long pipeline": (0.15, 1.0),
    "a hanging pipeline": (0.04, 25.0),
    "a deaf pipeline": (0.06, 10.0),
    "a crowd": (0.25, 2.5),
    # what people do
    "a caller": (0.7, 1.0),
    "a further caller": (0.25, 1.0),
    "the same call again": (0.4, 1.0),
    "an event": (0.12, 1.3),
    "an event comes twice": (0.5, 1.5),
    "others refresh": (0.14, 4.0),
    "others run": (1.0, 0.7),
    "a cancel": (0.15, 2.0),
    "a rerun": (0.12, 4.0),
    "a pipeline waits": (0.15, 4.0),
    "a deploy": (0.08, 4.0),
    "a pause": (0.08, 4.0),
    "a backfill": (0.08, 3.0),
    "a backfill is cancelled": (0.5, 1.5),
    "the topic stays away": (1.0, 1.0),
    # what goes wrong
    "crash": (0.35, 1.5),
    "a callback does not arrive": (0.5, 1.5),
    "a callback's answer is lost": (0.5, 1.5),
    "freeze": (0.35, 1.5),
    "switch": (0.7, 1.0),
    "storage does not answer": (0.2, 2.0),
    "storage loses an answer": (0.2, 2.0),
    "the queue does not answer": (0.15, 3.0),
    "the queue loses an answer": (0.15, 3.0),
    "a message is lost": (0.3, 1.5),
    "a message comes twice": (0.3, 1.5),
    "a tick is missed": (0.25, 2.0),
    "a tick is doubled": (0.25, 2.0),
    "a slow request": (0.25, 2.0),
    "a slow answer": (0.25, 2.0),
    "before status": (0.25, 1.5),
    "before lost": (0.2, 5.0),
    "after status": (0.3, 2.0),
    "after lost": (0.25, 3.0),
    "hide_seconds": (0.3, 2.0),
    "no_status": (0.2, 2.0),
    "a job nobody lists": (0.06, 2.0),
}
# Where the first is, the second has something to do with it, and is there too with this chance.
_TOGETHER = (
    ("a pause", "a schedule", 0.7),
    ("a refresh", "others refresh", 0.8),
    ("a refresh", "a further step", 1.0),
    ("a dataflow", "a further step", 1.0),
    ("a limit", "a further caller", 0.5),
    ("the newest matters", "a limit", 0.2),
    ("the newest matters", "a further caller", 0.3),
    ("others refresh", "after lost", 0.6),
    ("others refresh", "before lost", 0.9),
    ("others refresh", "after status", 0.4),
    ("a schedule", "a tick is missed", 0.8),
    ("a schedule", "a deploy", 0.4),
    ("a backfill", "a message is lost", 0.6),
    ("a follow", "crash", 0.6),
    ("a crowd", "a message is lost", 0.5),
    ("a pipeline waits", "crash", 0.4),
    ("a rerun", "after lost", 0.5),
    ("a rerun", "a caller", 1.0),
    ("a pipeline waits", "a caller", 1.0),
    ("a crowd", "a message comes twice", 0.5),
    ("a crowd", "after lost", 0.4),
    ("a hanging pipeline", "a deaf pipeline", 0.5),
    ("a hanging pipeline", "a job nobody lists", 0.4),
    ("a hanging pipeline", "a cancel", 0.4),
    ("a notebook", "a job nobody lists", 0.2),
    ("a cancel", "before status", 0.4),
)
# Who follows jobs is promised that they are listed in time.
APART = ("a follow", "a job nobody lists")
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
            factors=dict.fromkeys(KINDS, 1.0) | {chance.choices(APART, [1, 2])[0]: 0.0},
        )
    factors = _small(chance)
    # A schedule needs its time; all else comes to harm, or does not, in a minute or two.
    lasts = [120.0, 300.0, 420.0] if factors["a schedule"] else [20.0, 30.0, 45.0, 60.0, 60.0, 120.0]
    return Swarm(
        large=False,
        instances=3 if chance.random() < 0.1 else 2,
        bad_seconds=chance.choice(lasts),
        severity=chance.choices([0.0, 0.5, 1.0, 2.0, 4.0], [4, 16, 30, 30, 20])[0],
        topic=chance.random() < 0.15,
        stays=chance.random() < 0.05,
        factors=factors,
    )


def _small(chance: random.Random) -> Mapping[str, float]:
    there = {kind for kind, (share, _) in KINDS.items() if chance.random() < share}
    for one, other, share in _TOGETHER:
        if one in there and chance.random() < share:
            there.add(other)
    if there.issuperset(APART):
        there.remove(APART[1])
    if there.isdisjoint(_ORIGINS):
        there.add("a caller")
    elif "a limit" not in there and chance.random() < 0.6:
        there -= {"a caller", "a further caller"}
    return {kind: times if kind in there else 0.0 for kind, (_, times) in KINDS.items()}
