"""How long until the next look at a place: often when a job is about to finish, seldom otherwise.

A job with a past is left alone until it comes near its usual duration. One without is looked at in steps
that grow with its age, so that the delay until its end is seen stays a small share of its length.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

SHORTEST_SECONDS = 2.0
LONGEST_SECONDS = 60.0
UNKNOWN_SHARE = 0.05  # of a job's age, when nothing is known of its length
NEAR_SHARE = 0.02  # of its usual duration, when it should end about now
EARLY_SHARE = 0.1  # a job may end this much before its usual duration
KEPT_DURATIONS = 15
JOBS_A_SECOND = (
    500  # that looks at one place may read: of a factory, about 350 pages a minute where 1,000 are allowed
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job under way: its age, and its usual duration if it has a past. `left_seconds`: until its timeout."""

    age_seconds: float
    usual_seconds: float | None = None
    left_seconds: float | None = None


def seconds_to_next_look(jobs: Iterable[Waiting]) -> float:
    """The time until the first of the jobs deserves a look, between the shortest and the longest pause."""
    return min((_pause(job) for job in jobs), default=LONGEST_SECONDS)


def crowd_seconds(jobs: int) -> float:
    """The least time between two looks at a place with so many jobs: each look reads pages of them."""
    return jobs / JOBS_A_SECOND


def usual_seconds(durations: Sequence[float]) -> float | None:
    """What past durations say of the next one: their median; None without a past."""
    return median(durations) if durations else None


def _pause(job: Waiting) -> float:
    pause = max(SHORTEST_SECONDS, min(LONGEST_SECONDS, _wished(job)))
    if job.left_seconds is not None and job.left_seconds < pause:
        return max(SHORTEST_SECONDS, job.left_seconds)
    return pause


def _wished(job: Waiting) -> float:
    age = max(0.0, job.age_seconds)
    if job.usual_seconds is None:
        return age * UNKNOWN_SHARE
    early = job.usual_seconds * (1 - EARLY_SHARE)
    late = job.usual_seconds * (1 + EARLY_SHARE)
    if age < early:
        return early - age
    return job.usual_seconds * NEAR_SHARE if age < late else (age - late) * UNKNOWN_SHARE
