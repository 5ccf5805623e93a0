"""How long things may take before someone looks, asks again, or gives up. All in seconds."""

from __future__ import annotations

from dataclasses import dataclass

START_CALL_SECONDS = 60  # a start call ends within this time, one way or the other
LEASE_SECONDS = 90  # an intent older than this is nobody's: its holder crashed or froze
FENCE_SECONDS = 20  # an intent older than this is not acted on any more by the one who saved it
STOP_LIMIT_SECONDS = 1_800  # a cancelled job that has not confirmed by then is given up on
REVIVE_SECONDS = 60  # how long after its due time a run counts as forgotten
MISSING_SECONDS = 900  # a job that its service's lists have not shown by then is lost


@dataclass(frozen=True, slots=True)
class Patience:
    """What users may set. `grace_seconds`: how long a start of unknown outcome is looked for."""

    grace_seconds: float = 120


def backoff_seconds(tries: int, *, first: float = 5, most: float = 60) -> float:
    """Doubling from `first`, bounded by `most`; `tries` counts from 0."""
    return min(most, first * 2.0 ** min(tries, 16))
