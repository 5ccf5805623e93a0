"""How long until the next look at a place: often when a job is about to finish, seldom otherwise.

A job with a past gets about as many looks as one a minute would be, placed where an end is likely by what its
step's last jobs took, the newest of them first: where the chance of an end is `h`, looks follow each other at a
rate that grows with a power of `h`. One without a past is looked at in steps that grow with its age, so that the
delay until its end is seen stays a small share of its length; the more jobs share a look, the smaller the largest
step. `bench/pace.py` measures this against other ways.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise
from statistics import fmean, median, pstdev

SHORTEST_SECONDS = 2.0
LONGEST_SECONDS = 300.0
UNKNOWN_SHORTEST_SECONDS = 5.0  # for a job that nothing is known of
UNKNOWN_LONGEST_SECONDS = 45.0  # for one alone; many at a place share each look, and can have more of them
UNKNOWN_CROWDED_SECONDS = 10.0  # the longest for one of a crowd, however large
UNKNOWN_SHARE = 0.05  # of a job's age, when nothing is known of its length
BUDGET_SECONDS = 65.0  # a job with a past is meant to get as many looks as one each so many seconds would be
CROWDING = 0.65  # the power of h. Mean delay is least at 1/2; more serves usual nights, at the cost of odd ones
FEWEST_LOOKS = 6
SURPRISE = 0.02  # how likely an end is that the past says nothing of
NARROWEST = 0.01  # what is taken for the spread of jobs that always take the same time, as a share
LONGEST_KNOWN_SECONDS = 7 * 86_400.0  # as no timeout is longer
FADING = 0.8  # what a night counts for in comparison with the one after it
ODD_TIMES = 2.0  # what took longer than so many times what three of four nights take does not count as longer
KEPT_DURATIONS = 15
JOBS_A_SECOND = 500  # that looks at one place read at most: of a factory, 350 pages a minute of 1,000 allowed

_GRID = 48  # ages at which a plan is reckoned, besides those around the past
# Surprises come at any age between a second and a week, on a log scale.
_SURPRISES_END = math.log(LONGEST_KNOWN_SECONDS)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job under way: its age, and what its step's last jobs took. `left_seconds`: until its timeout."""

    age_seconds: float
    past_seconds: tuple[float, ...] = ()
    left_seconds: float | None = None


def seconds_to_next_look(jobs: Iterable[Waiting]) -> float:
    """The time until the first of the jobs deserves a look, between the shortest and the longest pause."""
    jobs = tuple(jobs)
    longest = max(UNKNOWN_CROWDED_SECONDS, UNKNOWN_LONGEST_SECONDS / math.sqrt(max(1, len(jobs))))
    return min((_pause(job, longest) for job in jobs), default=LONGEST_SECONDS)


def crowd_seconds(jobs: int) -> float:
    """The least time between two looks at a place with so many jobs: each look reads pages of them."""
    return jobs / JOBS_A_SECOND


def shared_seconds(looks_a_minute: float, others: Sequence[float]) -> float:
    """The least time between two looks at a place, where others share its budget. `others`: their pauses, seconds.

    What they leave over, or an even share where they leave less: who took more steps back at its next look.
    """
    left = looks_a_minute - sum(60 / max(pause, SHORTEST_SECONDS) for pause in others)
    return 60 / max(left, looks_a_minute / (len(others) + 1))


def usual_seconds(durations: Sequence[float]) -> float | None:
    """What past durations say of the next one: their median; None without a past."""
    return median(durations) if durations else None


def _pause(job: Waiting, longest_unknown: float) -> float:
    pause = max(SHORTEST_SECONDS, min(LONGEST_SECONDS, _wished(job, longest_unknown)))
    if job.left_seconds is not None and job.left_seconds < pause:
        return max(SHORTEST_SECONDS, job.left_seconds)
    return pause


def _wished(job: Waiting, longest_unknown: float) -> float:
    age = max(0.0, job.age_seconds)
    past = tuple(min(max(1.0, seconds), LONGEST_KNOWN_SECONDS) for seconds in job.past_seconds)
    if not past:
        return _unknown(age, longest_unknown)
    plan = _plan(past)
    over = age - plan.ages[-1]
    if over >= 0:  # later than ever: as if it had begun when the others had ended
        return _unknown(over, longest_unknown)
    return _after_looks(plan, age) - age


def _unknown(age: float, longest: float) -> float:
    return max(UNKNOWN_SHORTEST_SECONDS, min(longest, age * UNKNOWN_SHARE))


@dataclass(frozen=True, slots=True)
class _Plan:
    """How many looks a job is to have had at each of some ages."""

    ages: tuple[float, ...]
    looks: tuple[float, ...]


def _after_looks(plan: _Plan, age: float) -> float:
    """The age at which one look more is to have happened than at this one."""
    wanted = _between(age, plan.ages, plan.looks) + 1.0
    return _between(wanted, plan.looks, plan.ages)


def _between(x: float, xs: Sequence[float], ys: Sequence[float]) -> float:
    """The value at x of the line through the points; at their ends the first and the last."""
    if x <= xs[0]:
        return ys[0]
    if x >= xs[-1]:
        return ys[-1]
    right = bisect_right(xs, x)
    share = (x - xs[right - 1]) / (xs[right] - xs[right - 1])
    return ys[right - 1] + share * (ys[right] - ys[right - 1])


@lru_cache(maxsize=4_096)
def _plan(past: tuple[float, ...]) -> _Plan:
    """Looks along a job's age, by how likely an end is: each past duration stands for ends around it."""
    logs = [math.log(seconds) for seconds in past]
    weights = _weights(len(past))
    width = _width(logs, weights)
    ages = _ages(logs, width)
    steps = [after - before for before, after in pairwise(ages)]
    middles = [before + step / 2 for before, step in zip(ages, steps, strict=False)]
    told = [_ends(age, logs, weights, width) for age in middles]
    rates = [(density / alive) ** CROWDING for density, alive in told]
    expected = sum(rate * alive * step for rate, (_, alive), step in zip(rates, told, steps, strict=True))
    scale = _budget(past) / expected
    looks = accumulate((rate * step * scale for rate, step in zip(rates, steps, strict=True)), initial=0.0)
    return _Plan(tuple(ages), tuple(looks))


def _weights(count: int) -> list[float]:
    """What each past duration counts for, in all 1: the last is the newest."""
    weights = [FADING ** (count - 1 - number) for number in range(count)]
    return [weight / sum(weights) for weight in weights]


def _budget(past: Sequence[float]) -> float:
    """So many looks: by the mean, so that several usual lengths share them, and deaf to odd nights."""
    three_of_four = sorted(past)[math.ceil(0.75 * len(past)) - 1]
    counted = fmean(min(seconds, ODD_TIMES * three_of_four) for seconds in past)
    return max(FEWEST_LOOKS, counted / BUDGET_SECONDS)


def _width(logs: Sequence[float], weights: Sequence[float]) -> float:
    """How wide each past duration's share is, on a log scale: narrower the more there are, deaf to odd nights."""
    middle = median(logs)
    spread: float = 1.4826 * median(abs(each - middle) for each in logs)
    spread = min(pstdev(logs), spread) if spread else pstdev(logs)
    counting = 1 / sum(weight * weight for weight in weights)
    silverman: float = 1.06 * spread * counting**-0.2
    return max(NARROWEST, silverman)


def _ages(logs: Sequence[float], width: float) -> list[float]:
    """From a second on: dense around what the past has seen, and up to a while after the longest of it."""
    marks = {each + width * offset for each in logs for offset in (-3, -2, -1, 0, 1, 2, 4)}
    first, last = 0.0, max(*marks, 0.1)
    marks |= {first + (last - first) * number / _GRID for number in range(_GRID + 1)}
    return sorted(math.exp(mark) for mark in marks if mark >= first)


def _ends(age: float, logs: Sequence[float], weights: Sequence[float], width: float) -> tuple[float, float]:
    """The density of ends at this age, and the share of jobs that get so old."""
    log_age = math.log(age)
    scores = [(log_age - each) / width for each in logs]
    bells = (weight * math.exp(-score * score / 2) for weight, score in zip(weights, scores, strict=True))
    density = sum(bells) / (math.sqrt(2 * math.pi) * width * age)
    alive = sum(
        weight * math.erfc(score / math.sqrt(2)) / 2 for weight, score in zip(weights, scores, strict=True)
    )
    surprise = SURPRISE / (age * _SURPRISES_END)
    left = SURPRISE * max(0.01, 1 - log_age / _SURPRISES_END)
    return (1 - SURPRISE) * density + surprise, (1 - SURPRISE) * alive + left
