"""Runs that wait for a slot of their chain: who may begin now, and whose place they take."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from shared.core.facts import SlotGranted, Superseded
from shared.core.run import Run, RunStatus
from shared.core.slots import Slots
from shared.relay.messages import AdvanceMessage, to_body
from shared.relay.world import World


def learned_of_slot(world: World, run: Run) -> tuple[SlotGranted | Superseded, ...]:
    """What a run that waits learns from its chain's slots. It asks those whose place it waits for to stop.

    They are asked whenever the waiting run is looked at, so a crash between its creation and that loses nothing.
    """
    if not run.queued or run.status is not RunStatus.RUNNING:
        return ()
    slots = world.runs.slots(run.chain)
    if slots.waits(run.id):
        slots = _filled(world, run, slots)
    if run.id in slots.holders:
        return (SlotGranted(),)
    if not slots.waits(run.id):
        return (Superseded(by=slots.superseded.get(run.id)),)
    for other, by in slots.superseded.items():
        world.queue.send(to_body(AdvanceMessage(other, superseded_by=by)))
    return ()


def wants_waking(world: World, run: Run) -> bool:
    """Whether a run that waits for its slot has to be looked at, though nobody has told it anything."""
    slots = world.runs.slots(run.chain)
    return not slots.waits(run.id) or bool(slots.superseded) or _may_fill(world, run, slots) != slots


def without(world: World, run: Run, slots: Slots) -> Slots:
    """The slots when the run has ended. They are read before the pause, so that its end cannot be overlooked."""
    return slots.left(run.id, _limit(run), paused=bool(slots.waiting) and _is_paused(world, run.chain))


def newly_held(before: Slots | None, after: Slots | None) -> tuple[str, ...]:
    """Who has got a slot between the two."""
    if before is None or after is None:
        return ()
    return tuple(other for other in after.holders if other not in before.holders)


def point_at(world: World, run_ids: Iterable[str]) -> None:
    """Before they have their slots: the timer leaves those who wait alone, and a wake-up may be lost."""
    now = world.now()
    for run_id in run_ids:
        world.runs.point(run_id, now + timedelta(seconds=world.patience.revive_seconds), now)


def wake(world: World, run_ids: Iterable[str]) -> None:
    """Has each of them look whether it may run."""
    for run_id in run_ids:
        world.queue.send(to_body(AdvanceMessage(run_id)))


def _filled(world: World, run: Run, slots: Slots) -> Slots:
    """The slots with none free that somebody may have: the limit was raised, or a pause has ended."""
    after = _may_fill(world, run, slots)
    if after == slots:
        return slots
    promoted = newly_held(slots, after)
    point_at(world, promoted)
    if not world.runs.save_slots(run.chain, after):
        return slots  # whoever was faster wakes those who have one now
    wake(world, (other for other in promoted if other != run.id))
    return after


def _may_fill(world: World, run: Run, slots: Slots) -> Slots:
    if slots.filled(_limit(run)) == slots:
        return slots
    return slots.filled(_limit(run), paused=_is_paused(world, run.chain))


def _limit(run: Run) -> int:
    assert run.definition.max_running is not None
    return run.definition.max_running


def _is_paused(world: World, chain: str) -> bool:
    pause = world.pauses.of(chain)
    return pause is not None and pause.lasts(world.now())
