"""Run scheduled times afterwards: begin a backfill, move it on, cancel it.

A time's run has the same cause as if the timer had started it, so whoever comes first starts it, and nobody twice.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from shared.core.backfill import (
    Backfill,
    BackfillStatus,
    BackfillTime,
    OnFailure,
    TimeStatus,
    backfilled,
    ended,
    moved,
    with_time,
)
from shared.core.definition import Chain
from shared.core.due import scheduled_cause
from shared.core.ids import run_id
from shared.core.run import Trigger, new_run
from shared.relay.cancel import FinishedError, cancel
from shared.relay.messages import BackfillMessage, to_body
from shared.relay.pause import paused
from shared.relay.start import BusyError, PausedError, checked_parameters, launch
from shared.relay.world import World, say
from shared.storage.base import StorageError, StorageUnavailableError

MOST_ROUNDS = 5_000  # more than the saves of the longest backfill


def begin_backfill(
    world: World,
    chain: Chain,
    times: Sequence[datetime],
    said: Mapping[str, Any],
    *,
    parallelism: int = 1,
    on_failure: OnFailure = "stop",
    rerun: bool = False,
    force: bool = False,
    key: str | None = None,
) -> Backfill:
    """The backfill, or the one that the key has begun already. Its first runs are started soon.

    `times`: in order, no two the same. Raises BadParametersError, PausedError, TooLargeError; nothing begins then.
    """
    known = _known(world, chain.name, key)
    if known is not None:
        return known
    parameters = checked_parameters(chain, said)
    pause = paused(world, chain.name)
    if pause is not None and not force:
        raise PausedError(pause)
    now = world.now()
    backfill = Backfill(
        id=run_id(chain.name, now, world.random_bits()),
        definition=backfilled(chain),
        parameters=parameters,
        created_at=now,
        times=tuple(BackfillTime(time=time) for time in times),
        parallelism=parallelism,
        on_failure=on_failure,
        rerun=rerun,
        force=force,
    )
    if not world.backfills.create(backfill, key):
        other = _known(world, chain.name, key)
        if other is None:
            raise StorageUnavailableError("The backfill could not be kept; try again.")
        return other
    say("backfill_begun", backfill=backfill.id, times=len(times), parallelism=parallelism)
    _send(world, backfill.id)
    return backfill


def move_on(world: World, backfill_id: str) -> Backfill | None:
    """The backfill when nothing is left to do now; None when there is none of that id.

    Safe to call any number of times, from anywhere at once.
    """
    for _ in range(MOST_ROUNDS):
        held = world.backfills.load(backfill_id)
        if held is None or held.backfill.status is not BackfillStatus.RUNNING:
            return None if held is None else held.backfill
        before = held.backfill
        after = before
        for each in before.times:
            after = with_time(after, _looked_at(world, before, each))
        after = moved(after, world.now(), paused=paused(world, before.chain) is not None)
        if after == before:
            return before
        if world.backfills.save(held, after) and after.status is not BackfillStatus.RUNNING:
            say("backfill_ended", backfill=after.id, status=after.status)
    raise StorageUnavailableError(f"Backfill {backfill_id} is being changed too often at once.")


def cancel_backfill(world: World, backfill_id: str, *, runs: bool) -> Backfill | None:
    """No further time is begun. `runs`: those under way are cancelled too. Raises FinishedError."""
    for _ in range(MOST_ROUNDS):
        held = world.backfills.load(backfill_id)
        if held is None:
            return None
        before = held.backfill
        if before.status is not BackfillStatus.RUNNING:
            raise FinishedError(f"Backfill {backfill_id} has {before.status} already.")
        since = before.cancel_requested_at or world.now()
        after = replace(before, cancel_requested_at=since, cancel_runs=before.cancel_runs or runs)
        if after == before or world.backfills.save(held, after):
            say("backfill_cancelled", backfill=backfill_id, runs=runs or None)
            return move_on(world, backfill_id)
    raise StorageUnavailableError(f"Backfill {backfill_id} is being changed too often at once.")


def tend_backfill(world: World, backfill_id: str) -> None:
    """The timer's part: whatever was lost, each minute somebody looks what is next."""
    world.queue.send(to_body(BackfillMessage(backfill_id)))


def _looked_at(world: World, backfill: Backfill, each: BackfillTime) -> BackfillTime:
    match each.status:
        case TimeStatus.STARTING:
            return _started(world, backfill, each)
        case TimeStatus.RUNNING:
            return _watched(world, backfill, each)
    return each


def _started(world: World, backfill: Backfill, each: BackfillTime) -> BackfillTime:
    """Its run: made now, or by whoever was faster. When the chain is busy or paused: the next minute again."""
    cause = scheduled_cause(each.time)
    if backfill.rerun:
        cause = f"backfill {backfill.id} {cause}"
    make = partial(
        new_run,
        definition=backfill.definition,
        trigger=Trigger(type="schedule", time=each.time),
        parameters=backfill.parameters,
        backfill=backfill.id,
    )
    known = world.runs.run_of(backfill.chain, cause)
    held = world.runs.load(known) if known else None
    try:
        run = (
            held.run
            if held
            else launch(world, backfill.definition, make, cause=cause, inline=False, force=backfill.force)[0]
        )
    except BusyError:
        return each if backfill.cancel_requested_at is None else replace(each, status=TimeStatus.WAITING)
    status = TimeStatus.RUNNING if run.backfill == backfill.id else TimeStatus.SKIPPED
    return replace(each, status=status, run=run.id)


def _watched(world: World, backfill: Backfill, each: BackfillTime) -> BackfillTime:
    held = world.runs.load(each.run or "")
    if held is None:
        return each
    after = ended(each, held.run)
    if after == each and backfill.cancel_runs and held.run.cancel_requested_at is None:
        with suppress(FinishedError):  # then it is seen at the next look
            cancel(world, held.run.id)
    return after


def _known(world: World, chain: str, key: str | None) -> Backfill | None:
    known = None if key is None else world.backfills.begun_by(chain, key)
    held = world.backfills.load(known) if known else None
    return None if held is None else held.backfill


def _send(world: World, backfill_id: str) -> None:
    """It is accepted, whatever happens now: what storage keeps from being sent, the timer sends."""
    try:
        world.queue.send(to_body(BackfillMessage(backfill_id)))
    except StorageError as error:
        say("start_left_to_timer", level=logging.ERROR, backfill=backfill_id, why=error)
