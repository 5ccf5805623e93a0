"""Pause a chain and let it go on: a paused chain starts nothing by itself, and what waits for a slot waits on."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from shared.core.pause import Pause
from shared.relay.waiting import wake
from shared.relay.world import World, say
from shared.storage.base import StorageUnavailableError

MOST_RACES = 20
KEPT = timedelta(hours=1)  # a pause that is over: schedules that are late know by it what not to run


def paused(world: World, chain: str) -> Pause | None:
    """The chain's pause if it is on; None when the chain may start by itself. One read of one row."""
    pause = world.pauses.of(chain)
    return pause if pause is not None and pause.lasts(world.now()) else None


def pause(world: World, chain: str, reason: str | None = None, until: datetime | None = None) -> Pause:
    """The chain's pause. One that is on already stays, with the reason and the end that are given now."""
    for _ in range(MOST_RACES):
        held, now = world.pauses.of(chain), world.now()
        if held is not None and held.lasts(now):
            wanted = replace(held, reason=reason or held.reason, until=until or held.until)
        else:
            etag = "" if held is None else held.etag
            wanted = Pause(chain=chain, since=now, until=until, reason=reason, etag=etag)
        if wanted == held:
            return wanted
        if world.pauses.save(wanted):
            say("chain_paused", chain=chain, since=wanted.since, until=wanted.until)
            return wanted
    raise StorageUnavailableError(f"The pause of chain {chain!r} is being changed too often at once; try again.")


def resume(world: World, chain: str) -> bool:
    """Ends the chain's pause and wakes the runs that waited for it. False when it was not paused."""
    for _ in range(MOST_RACES):
        held, now = world.pauses.of(chain), world.now()
        if held is None or not held.lasts(now):
            return False
        if world.pauses.save(replace(held, until=max(now, held.since), released=False)):
            say("chain_resumed", chain=chain)
            over = world.pauses.of(chain)
            if over is not None and not over.lasts(now):
                _release(world, over)
            return True
    raise StorageUnavailableError(f"The pause of chain {chain!r} is being changed too often at once; try again.")


def tend_pause(world: World, held: Pause) -> None:
    """The timer's part: a pause that is over lets its runs go on, and is forgotten later."""
    now = world.now()
    if held.lasts(now):
        return
    if not held.released:
        _release(world, held)
    elif held.until is not None and held.until + KEPT < now:
        world.pauses.forget(held)


def _release(world: World, over: Pause) -> None:
    """Wakes who may run now.

    The slots are written, though nothing in them changes: a run that leaves just now, and has read that the chain
    is paused, must look again before it gives its slot to nobody.
    """
    for _ in range(MOST_RACES):
        slots = world.runs.slots(over.chain)
        if not slots.waiting or world.runs.save_slots(over.chain, slots):
            wake(world, (*slots.holders, *slots.waiting[:1]))
            world.pauses.save(replace(over, released=True))
            return
