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
    return not slots.waits(run.id) or bool(slots.superseded)


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
