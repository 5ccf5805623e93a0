"""Once a minute: fire what is due, have followed places looked at, and find what nobody has touched.

Missed or doubled, a tick does no harm.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from shared.core.decide import next_due
from shared.core.definition import Chain
from shared.core.due import due_times, scheduled_cause
from shared.core.run import Run, RunStatus, Trigger
from shared.relay.alerts import tend_alerts
from shared.relay.backfill import tend_backfill
from shared.relay.connections import tend_connections
from shared.relay.deadlines import keep_deadlines
from shared.relay.following import followed_places, tend_follows
from shared.relay.messages import AdvanceMessage, to_body
from shared.relay.pause import tend_pause
from shared.relay.start import BusyError, PausedError, start
from shared.relay.waiting import wants_waking
from shared.relay.watching import tend_watch
from shared.relay.web_hooks import tend_debt
from shared.relay.world import World, log, say
from shared.storage.base import MAX_BATCH_ROWS
from shared.store.runs import Pointer
from shared.store.schedules import Progress

T = TypeVar("T")
MOST_REVIVED = 2_000  # runs that one tick looks at; the rest are still due at the next
REVISIT = timedelta(minutes=30)  # a run under way is looked at this often, though nothing is due
FORGOTTEN = timedelta(minutes=15)  # a schedule that was away for longer, and comes back, is a new one
NEVER_CREATED = timedelta(minutes=10)  # an announced run that has not appeared by then never will


def tick(world: World, chains: Sequence[Chain] | None) -> None:
    """One look at the clock, at the runs under way and at the watches. None: what is declared is not known."""
    if chains is not None:
        _keep_schedules(world, {chain.name: chain for chain in chains if chain.schedule is not None})
        dated = {chain.name: chain for chain in chains if chain.deadline is not None}
        _each("deadline", keep_deadlines(world, dated), lambda act: act())
        _each("follow", followed_places(world, chains), lambda tended: tend_follows(world, tended))
    overdue = _overdue(world)
    for first in range(0, len(overdue), MAX_BATCH_ROWS):
        _revive(world, overdue[first : first + MAX_BATCH_ROWS])
    _each("pause", world.pauses.all(), lambda held: tend_pause(world, held))
    _each("backfill", world.backfills.under_way(), lambda backfill: tend_backfill(world, backfill))
    _each("callback", world.web_hooks.all(), lambda debt: tend_debt(world, debt))
    watches = list(world.places.watches())
    _each("watch", watches, lambda held: tend_watch(world, held))
    if world.alerts is not None:
        _each("connections", (watches,), lambda held: tend_connections(world, held))
        _each("alerts", (world,), tend_alerts)


def _keep_schedules(world: World, scheduled: Mapping[str, Chain]) -> None:
    progress = world.schedules.progress()
    _each("schedule", scheduled.values(), lambda chain: _fire(world, chain, progress.get(chain.name)))
    gone = [one for one in progress.values() if one.chain not in scheduled and one.absent_since is None]
    _each("schedule", gone, lambda one: world.schedules.save(replace(one, absent_since=world.now())))


def _each(what: str, items: Iterable[T], act: Callable[[T], object]) -> None:
    """One bad record must not keep the others waiting: it is reported, and met again at the next tick."""
    for item in items:
        try:
            act(item)
        except Exception:  # noqa: BLE001
            log.exception("action=tick_failed what=%s", what)


def _fire(world: World, chain: Chain, progress: Progress | None) -> None:
    """Runs the latest time that is due, and reports the earlier ones as missed.

    A new schedule counts from now on. A changed one does too, but what was due by the one before is still run:
    while a deploy is under way, ticks with the old file and the new take turns.
    """
    assert chain.schedule is not None
    now = world.now()
    if progress is None or (progress.absent_since is not None and progress.absent_since + FORGOTTEN < now):
        etag = progress.etag if progress else ""
        world.schedules.save(Progress(chain.name, chain.schedule, now, etag))
        return
    due = due_times(progress.schedule, progress.done_until, now)
    _run_what_is_not_paused(world, chain, due)
    done_until = now if progress.schedule != chain.schedule else max(due, default=progress.done_until)
    kept = replace(progress, schedule=chain.schedule, done_until=done_until, absent_since=None)
    if kept != progress:
        world.schedules.save(kept)


def _run_what_is_not_paused(world: World, chain: Chain, due: Sequence[datetime]) -> None:
    """Times within a pause are reported, and not made up for when it ends."""
    pause = world.pauses.of(chain.name) if due else None
    left = [time for time in due if pause is None or not pause.covers(time, world.now())]
    if len(left) < len(due):
        say("schedule_paused", chain=chain.name, times=len(due) - len(left), first=due[0])
    if left:
        _run_latest(world, chain, left)


def _run_latest(world: World, chain: Chain, due: Sequence[datetime]) -> None:
    *earlier, latest = due
    missed = [time for time in earlier if world.runs.run_of(chain.name, scheduled_cause(time)) is None]
    if missed:
        say("schedule_missed", level=logging.WARNING, chain=chain.name, times=len(missed), first=missed[0])
    trigger = Trigger(type="schedule", time=latest, missed=tuple(missed))
    try:
        start(world, chain, trigger, {}, cause=scheduled_cause(latest), inline=False)
    except PausedError:
        say("schedule_paused", chain=chain.name, times=1, first=latest)
    except BusyError as error:
        say("schedule_skipped", level=logging.WARNING, chain=chain.name, time=latest, why=error)


def _overdue(world: World) -> list[Pointer]:
    now = world.now()
    due = sorted((p for p in world.runs.pointers() if p.due_at <= now), key=lambda pointer: pointer.due_at)
    return due[:MOST_REVIVED]


def _revive(world: World, pointers: Sequence[Pointer]) -> None:
    again: list[Pointer] = []
    _each("run", pointers, lambda pointer: again.extend(_revived(world, pointer)))
    _each("pointers", (again,), world.runs.point_all)


def _revived(world: World, pointer: Pointer) -> tuple[Pointer, ...]:
    """Sends an overdue run on its way again. Returns when to look at it next; nothing when it is no more."""
    now = world.now()
    margin = timedelta(seconds=world.patience.revive_seconds)
    held = world.runs.load(pointer.run_id)
    if held is None:
        if now < pointer.since + NEVER_CREATED:
            return (replace(pointer, due_at=now + margin),)
        if world.runs.bury(pointer.run_id):
            world.runs.withdraw(pointer.run_id, alerting=world.alerts is not None)
        return ()
    due = next_due(held.run, world.patience)
    if _needs_somebody(world, held.run, due, now):
        say("run_revived", run=pointer.run_id)
        world.queue.send(to_body(AdvanceMessage(pointer.run_id)))
        return (replace(pointer, due_at=now + 2 * margin),)
    next_look = min(now + REVISIT, (due or now + REVISIT) + margin)
    return (replace(pointer, due_at=max(next_look, now + margin)),)


def _needs_somebody(world: World, run: Run, due: datetime | None, now: datetime) -> bool:
    """A run that waits for its slot is left alone: whoever gives it one has the timer look again soon."""
    if run.status is RunStatus.RUNNING and run.queued:
        return wants_waking(world, run)
    return run.status is not RunStatus.RUNNING or (due is not None and due <= now)
