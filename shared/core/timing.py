"""How long things may take before someone looks, asks again, or gives up. All in seconds."""

from __future__ import annotations

from dataclasses import dataclass

STOP_LIMIT_SECONDS = 1_800  # a cancelled job that has not confirmed by then is given up on
MOST_FAILED_LOOKS = 10  # in a row, after its timeout, before a start of unknown outcome is given up on
MISSING_SECONDS = 900  # a job that its service's lists have not shown by then is lost


@dataclass(frozen=True, slots=True)
class Patience:
    """The times that keep starts apart from their repetition.

    A start call leaves within the fence, and ends within 35 seconds of that (services/reach.py), so an intent
    older than the lease has no call under way: its holder crashed, or froze.
    """

    fence_seconds: float = 10  # an intent older than this is not acted on any more by the one who saved it
    lease_seconds: float = 60  # an intent older than this is nobody's
    grace_seconds: float = 120  # how long a start of unknown outcome is looked for before it is repeated
    revive_seconds: float = 60  # how long after its due time something counts as forgotten


def backoff_seconds(tries: int, *, first: float = 5, most: float = 60) -> float:
    """Doubling from `first`, bounded by `most`; `tries` counts from 0."""
    return min(most, first * 2.0 ** min(tries, 16))
