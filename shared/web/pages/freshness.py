"""Whether a chain's data is as fresh as its schedule promises, from its past alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from shared.core.deadlines import Late
from shared.core.definition import Chain
from shared.core.due import next_times
from shared.core.past import KEPT_LINES, Past, RunLine
from shared.core.run import RunStatus

Word = Literal["fresh", "succeeded", "late", "failed", "never", "none"]
ATTENTION: frozenset[Word] = frozenset({"late", "failed", "never"})
SLACK_SHARE = 0.5  # of the usual duration, that a run may take longer before its data counts as late
LEAST_SLACK = timedelta(minutes=10)
UNKNOWN_DURATION = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """`fresh`: the last scheduled run succeeded, or may still. `succeeded`: the same of a chain that nothing is
    promised of. `since`: when it began to fail, or when a scheduled run should have been there. `none`: never ran.
    """

    word: Word
    last_success: RunLine | None
    since: datetime | None = None
    at_least: bool = False  # it may have begun to fail even earlier

    @property
    def needs_attention(self) -> bool:
        return self.word in ATTENTION


def freshness(chain: Chain, past: Past, now: datetime, late: Late | None = None) -> Freshness:
    """What can be said of the chain now. `late`: the deadline that it has missed."""
    state = _by_schedule(chain, past, now)
    if late is None or state.word in ("failed", "never"):
        return state
    return replace(state, word="late", since=late.since)


def _by_schedule(chain: Chain, past: Past, now: datetime) -> Freshness:
    success = past.success
    ended = [line for line in past.lines if line.status is not RunStatus.CANCELLED]
    if not past.lines and success is None:
        return Freshness(word="none", last_success=None)
    if ended and ended[0].status is RunStatus.FAILED:
        since, at_least = _failing_since(ended)
        word: Word = "failed" if success is not None else "never"
        return Freshness(word=word, last_success=success, since=since, at_least=at_least)
    if success is None:
        return Freshness(word="never", last_success=None)
    if chain.schedule is None:
        return Freshness(word="succeeded", last_success=success)
    due = next(iter(next_times(chain.schedule, success.created_at, 1)), None)
    if due is not None and now > due + _patience(past):
        return Freshness(word="late", last_success=success, since=due)
    return Freshness(word="fresh", last_success=success)


def _failing_since(ended: list[RunLine]) -> tuple[datetime, bool]:
    failing = ended[0]
    for line in ended:
        if line.status is not RunStatus.FAILED:
            return failing.finished_at or failing.created_at, False
        failing = line
    return failing.finished_at or failing.created_at, len(ended) >= KEPT_LINES


def _patience(past: Past) -> timedelta:
    usual = past.usual_seconds
    lasts = UNKNOWN_DURATION if usual is None else timedelta(seconds=usual)
    return lasts + max(LEAST_SLACK, lasts * SLACK_SHARE)
