"""Ways to choose when to look at a job next, and what each of them costs and gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, median, quantiles

from shared.core.pace import Waiting, seconds_to_next_look

Pause = Callable[[float, tuple[float, ...]], float]  # from a job's age and its past


def fixed(seconds: float) -> Pause:
    return lambda _age, _past: seconds


def geometric(share: float, shortest: float = 2.0) -> Pause:
    """So much of the job's age."""
    return lambda age, _past: max(shortest, age * share)


def former(age: float, past: tuple[float, ...]) -> float:
    """As Baton did before: each minute until 90 % of the usual length, then each 2 % of it."""
    if not past:
        return _within(age * 0.05)
    usual = median(past)
    if age < usual * 0.9:
        return _within(usual * 0.9 - age)
    return _within(usual * 0.02 if age < usual * 1.1 else (age - usual * 1.1) * 0.05)


def _within(seconds: float) -> float:
    return max(2.0, min(60.0, seconds))


def shipped(age: float, past: tuple[float, ...]) -> float:
    return seconds_to_next_look([Waiting(age, past)])


@dataclass(frozen=True, slots=True)
class Shown:
    """What a way did with the jobs of one kind. `calls`: looks a job, on average."""

    calls: float
    median_seconds: float
    late_seconds: float  # 95 of 100 are seen sooner
    mean_seconds: float
    share: float  # the median of delay / length


def play(pause: Pause, jobs: Sequence[tuple[tuple[float, ...], float]]) -> Shown:
    """All jobs, each watched by itself from its start until a look finds that it has ended."""
    calls, delays = [], []
    for past, length in jobs:
        age, looks = 0.0, 0
        while age < length:
            age += pause(age, past)
            looks += 1
        calls.append(looks)
        delays.append(age - length)
    shares = [delay / length for delay, (_, length) in zip(delays, jobs, strict=True)]
    return Shown(fmean(calls), median(delays), quantiles(delays, n=20)[-1], fmean(delays), median(shares))
