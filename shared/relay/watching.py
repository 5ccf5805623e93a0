"""Keeping one watch for each place with jobs under way: made when needed, revived when lost, ended when idle."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from shared.ports import Place
from shared.relay.messages import WatchMessage, to_body
from shared.relay.world import World, say
from shared.store.places import HeldWatch, Watch, place_key

MOST_RACES = 20


def ensure_watch(world: World, place: Place, look_at: datetime, *, urgent: bool = False) -> None:
    """The place will be looked at by `look_at`, or soon after where it is crowded. Call it after its job has been
    written.

    A service that asked to be left alone for longer is, unless the look is urgent.
    """
    key = place_key(place)
    for _ in range(MOST_RACES):
        held = world.places.watch(key)
        if held is None:
            watch = Watch(place=place, token=world.fresh_id(), next_look_at=look_at)
            if world.places.begin(key, watch):
                send_watch(world, key, watch)
                return
            continue
        due = look_at
        if not urgent:
            due = max(due, held.watch.not_before or due, _crowded_until(held.watch, world.now()))
        if held.watch.place != place:  # the newest start knows best which credential opens it
            held = replace(held, watch=replace(held.watch, place=place))
        elif _soon_enough(held.watch, due, world.now(), urgent=urgent):
            return
        if schedule_look(world, held, due):
            return
    # Whoever wins this often keeps the watch alive; the timer finds it if not.


def schedule_look(world: World, held: HeldWatch, look_at: datetime) -> bool:
    """Sends for a look. False when the race was lost.

    The token stays: a message that is only late, in a long queue, is as good as this one. The first of them to
    come looks, and gives the watch a new token, which outdates the others.
    """
    watch = replace(held.watch, active=True, next_look_at=look_at)
    if world.places.save(held, watch) is None:
        return False
    send_watch(world, held.key, watch)
    return True


def send_watch(world: World, key: str, watch: Watch) -> None:
    delay = max(0.0, (watch.next_look_at - world.now()).total_seconds())
    world.queue.send(to_body(WatchMessage(key, watch.token)), delay_seconds=delay)


def tend_watch(world: World, held: HeldWatch) -> None:
    """The timer's part: a look that is overdue is sent again; an idle watch ends, or wakes if it has jobs."""
    now = world.now()
    if held.watch.active:
        if held.watch.next_look_at + timedelta(seconds=world.patience.revive_seconds) < now:
            say("watch_revived", place=held.key)
            schedule_look(world, held, now)
    elif world.places.watched(held.key):
        schedule_look(world, held, now)
    elif held.watch.next_look_at + timedelta(seconds=world.patience.revive_seconds) < now:
        world.places.end(held)


def _crowded_until(watch: Watch, now: datetime) -> datetime:
    """However many jobs are new, the next look keeps its distance from the beginning of the last one."""
    began = [watch.looked_at or now]
    if watch.active and watch.next_look_at <= now:
        began.append(watch.next_look_at)
    return max(began) + timedelta(seconds=watch.spacing_seconds)


def _soon_enough(watch: Watch, look_at: datetime, now: datetime, *, urgent: bool) -> bool:
    """A look that should be going on just now does not count: it may have read the jobs already.

    After a failed look the service has been given its time, which a new job does not cut short.
    """
    put_off = watch.failures > 0 and not urgent
    return watch.active and now < watch.next_look_at and (put_off or watch.next_look_at <= look_at)
