"""Which ended jobs start a run of a chain that follows them, and up to when all of them have been taken care of.

A look asks for what has changed since a little before the last look that worked: updates may show late. A job that
ended once is taken care of once: its id is kept as long as looks can show it. Times of jobs are their service's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from shared.core.definition import Follow
from shared.core.facts import Verdict
from shared.core.run import FollowedJob

LATE = timedelta(minutes=10)  # an update may show so much later than it is dated; clocks differ by less
FORGOTTEN = timedelta(minutes=15)  # a follow that was not declared for longer, and comes back, is a new one
MISSED_SEEN = timedelta(days=1)  # so far before the catch-up window missed jobs are looked for, to be counted
MOST_HANDLED = 4_000  # ids that a place keeps, so that its row stays within what storage takes


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenJob:
    """A job at a followed place. `what`: its pipeline, or type. `verdict`: None without a status."""

    id: str
    what: str
    verdict: Verdict | None
    status: str
    updated_at: datetime
    link: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    invoked_by: str | None = None
    by_call: bool = True  # whether a call, as Baton makes them, may have started it
    parameters: Mapping[str, Any] = field(default_factory=dict)
    output: Any = None

    @property
    def end(self) -> datetime:
        """Of a job that has ended; a service may not say when."""
        return self.ended_at or self.updated_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far one follow has come: what ended from `since` on and was updated until `done_until` is taken care of.

    `handled`: by job id, when it was updated. `absent_since`: from when on the chains file has not declared the
    follow. `error`: why the last job that should have started a run did not.
    """

    since: datetime
    done_until: datetime
    handled: Mapping[str, datetime] = field(default_factory=dict)
    absent_since: datetime | None = None
    error: str | None = None


class Fate(Enum):
    """What becomes of a job that a look has shown."""

    PASSED_OVER = "passed over"  # for good: it ended otherwise, or before the follow was declared
    UNDER_WAY = "under way"
    UNKNOWN = "unknown"  # no verdict: the window stays open
    MISSED = "missed"  # it ended too long ago
    COUNTS = "counts"


def fate(job: SeenJob, follow: Follow, progress: Progress, now: datetime) -> Fate:
    """What becomes of the job, whoever started it."""
    if job.verdict is None:
        return Fate.UNKNOWN
    if job.verdict is Verdict.ACTIVE:
        return Fate.UNDER_WAY
    if job.end < progress.since or not is_meant(follow, job.verdict):
        return Fate.PASSED_OVER
    return Fate.MISSED if job.end < now - timedelta(seconds=follow.catch_up_seconds) else Fate.COUNTS


def is_meant(follow: Follow, verdict: Verdict) -> bool:
    """Whether a job that ended like this starts a run."""
    return follow.on in ("completed", verdict.value)


def asked_since(progress: Progress, follow: Follow, now: datetime) -> datetime:
    """From when on updates are asked for."""
    earliest = now - timedelta(seconds=follow.catch_up_seconds) - MISSED_SEEN
    return max(progress.done_until - LATE, earliest)


def is_new(job: SeenJob, progress: Progress, since: datetime) -> bool:
    """Whether nobody has taken care of the job. `since`: from when on this follow asks; others may for more."""
    return job.updated_at >= since and job.id not in progress.handled


def taken_in(
    progress: Progress,
    *,
    looked_at: datetime,
    handled: Iterable[SeenJob],
    waiting: Iterable[SeenJob],
    error: str | None,
) -> Progress:
    """After a look that began at `looked_at`. What waits keeps the window open."""
    done_until = max(progress.done_until, min((job.updated_at for job in waiting), default=looked_at))
    known = {**progress.handled, **{job.id: job.updated_at for job in handled}}
    kept = {job_id: time for job_id, time in known.items() if time >= done_until - LATE}
    return replace(progress, done_until=min(done_until, looked_at), handled=kept, error=error)


def merged(there: Progress, mine: Progress) -> Progress:
    """What two looks at the same time have done, put together."""
    if there.since != mine.since:
        return there
    done_until = max(there.done_until, mine.done_until)
    known = {**there.handled, **mine.handled}
    kept = {job_id: time for job_id, time in known.items() if time >= done_until - LATE}
    return replace(there, done_until=done_until, handled=kept, error=mine.error)


def declared(known: Mapping[str, Progress], keys: Collection[str], now: datetime) -> dict[str, Progress]:
    """The progress of all follows at a place, once those of `keys` are declared.

    A new one counts from now on. One that is not declared is kept for a while: while a deploy is under way, ticks
    with the old file and the new take turns.
    """
    there = {key: one for key, one in known.items() if not _is_forgotten(one, now)}
    kept = {
        key: replace(one, absent_since=None if key in keys else one.absent_since or now)
        for key, one in there.items()
    }
    return kept | {key: Progress(since=now, done_until=now) for key in keys if key not in kept}


def bounded(progress: Mapping[str, Progress]) -> dict[str, Progress]:
    """With no more ids than a row takes: the oldest go. Their runs' causes still tell that they are known."""
    count = sum(len(one.handled) for one in progress.values())
    if count <= MOST_HANDLED:
        return dict(progress)
    times = sorted((time for one in progress.values() for time in one.handled.values()), reverse=True)
    oldest = times[MOST_HANDLED - 1]
    return {
        key: replace(one, handled={job_id: time for job_id, time in one.handled.items() if time > oldest})
        for key, one in progress.items()
    }


def job_context(job: FollowedJob) -> dict[str, Any]:
    """What templates see of a followed job."""
    return {each.name: getattr(job, each.name) for each in fields(job)}


def _is_forgotten(progress: Progress, now: datetime) -> bool:
    return progress.absent_since is not None and progress.absent_since + FORGOTTEN < now
