"""A backfill: scheduled times of a chain that are run afterwards, in order, a few at once. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from shared.core.definition import Chain
from shared.core.run import Run, RunStatus

MOST_TIMES = 1_000
MOST_PARALLEL = 100

OnFailure = Literal["stop", "continue"]


class BackfillStatus(StrEnum):
    """Where a backfill is."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"  # a run of it did not succeed
    CANCELLED = "cancelled"


class TimeStatus(StrEnum):
    """Where one of its times is."""

    WAITING = "waiting"  # after the backfill's end: never begun
    STARTING = "starting"  # it is its turn: this is saved before its run is created
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"  # it had a run already


UNDER_WAY = frozenset({TimeStatus.STARTING, TimeStatus.RUNNING})
_BAD = frozenset({TimeStatus.FAILED, TimeStatus.CANCELLED})


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillTime:
    """One scheduled time, and the run for it."""

    time: datetime
    status: TimeStatus = TimeStatus.WAITING
    run: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    """Times to be run, with the definition and parameters that hold for all of them.

    `force`: it goes on though the chain is paused. `rerun`: also times that have a run already.
    """

    id: str
    definition: Chain
    parameters: Mapping[str, Any]
    created_at: datetime
    times: tuple[BackfillTime, ...]
    parallelism: int = 1
    on_failure: OnFailure = "stop"
    rerun: bool = False
    force: bool = False
    status: BackfillStatus = BackfillStatus.RUNNING
    cancel_requested_at: datetime | None = None
    cancel_runs: bool = field(default=False)  # with the request: also those under way
    finished_at: datetime | None = None

    @property
    def chain(self) -> str:
        return self.definition.name


def backfilled(chain: Chain) -> Chain:
    """The chain as its backfills run it: in order of time, none in place of another."""
    return replace(chain, overlap="wait")


def with_time(backfill: Backfill, changed: BackfillTime) -> Backfill:
    """The backfill with one of its times changed."""
    times = tuple(changed if each.time == changed.time else each for each in backfill.times)
    return replace(backfill, times=times)


def ended(time: BackfillTime, run: Run) -> BackfillTime:
    """The time as its run left it; the same while that goes on."""
    if run.status is RunStatus.RUNNING:
        return time
    return replace(time, status=TimeStatus(run.status.value))


def moved(backfill: Backfill, now: datetime, *, paused: bool) -> Backfill:
    """Whose turn it is next; or the end, when nothing is under way and nothing may begin."""
    if backfill.status is not BackfillStatus.RUNNING:
        return backfill
    halted = backfill.cancel_requested_at is not None or (
        backfill.on_failure == "stop" and any(each.status in _BAD for each in backfill.times)
    )
    if not halted and (backfill.force or not paused):
        backfill = _begun(backfill)
    busy = any(each.status in UNDER_WAY for each in backfill.times)
    left = any(each.status is TimeStatus.WAITING for each in backfill.times)
    if busy or (left and not halted):
        return backfill
    return replace(backfill, status=_outcome(backfill), finished_at=now)


def _begun(backfill: Backfill) -> Backfill:
    most = min(backfill.parallelism, backfill.definition.max_running or MOST_PARALLEL)
    free = most - sum(each.status in UNDER_WAY for each in backfill.times)
    waiting = [each for each in backfill.times if each.status is TimeStatus.WAITING]
    for each in waiting[: max(0, free)]:
        backfill = with_time(backfill, replace(each, status=TimeStatus.STARTING))
    return backfill


def _outcome(backfill: Backfill) -> BackfillStatus:
    if backfill.cancel_requested_at is not None:
        return BackfillStatus.CANCELLED
    if any(each.status in _BAD for each in backfill.times):
        return BackfillStatus.FAILED
    return BackfillStatus.SUCCEEDED
