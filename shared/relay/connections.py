"""Tell when the jobs at a connection cannot be seen any more: once, until they have been seen again."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby

from shared.core.alert_data import ConnectionUnhealthy, json_ready
from shared.core.alerts import CONNECTION_UNHEALTHY, Alert, cut
from shared.relay.alerts import raise_alert
from shared.relay.world import World, say
from shared.storage.base import Row
from shared.store.codec import key_of
from shared.store.places import HeldWatch, Watch

MOST_REFUSALS = 3  # looks in a row: a role that is just being changed may refuse one
MOST_FAILING = timedelta(minutes=15)  # for trouble that may pass
MOST_CHARACTERS = 1_500
_PREFIX = "connection."


def tend_connections(world: World, watches: Sequence[HeldWatch]) -> None:
    """The timer's part. What a connection was told to be is kept in one row; while all is well there is none."""
    if world.alerts is None:
        return
    states = world.alerts.outbox.states(_PREFIX)
    active = sorted((held.watch for held in watches if held.watch.active), key=_name)
    for name, group in groupby(active, key=_name):
        places = list(group)
        sick = [watch for watch in places if _is_sick(watch, world.now())]
        key = f"{_PREFIX}{key_of(name)}"
        state = states.get(key)
        told = json.loads(state.data) if state else {}
        spell, since = told.get("spell", 0), told.get("since")
        if sick and since is None:
            _fell_ill(world, key, state, max(sick, key=lambda watch: watch.refusals), spell + 1)
        elif state is not None and since is not None and not sick and _worked_since(places, since):
            say("connection_recovered", connection=name, since=since)
            world.alerts.outbox.save(key, json.dumps({"spell": spell, "since": None}), state.etag)


def _fell_ill(world: World, key: str, state: Row | None, watch: Watch, spell: int) -> None:
    now = world.now()
    name = _name(watch)
    code, _, message = (watch.error or "").partition(": ")
    data = ConnectionUnhealthy(
        connection=name,
        type=watch.place.connection.type,
        code=code,
        message=cut(message, MOST_CHARACTERS),
        since=watch.failing_since or now,
        failed_looks=watch.failures,
    )
    alert = Alert(
        id=f"connection.{name}.{spell}.{now:%Y%m%dT%H%M%SZ}",
        type=CONNECTION_UNHEALTHY,
        subject=f"connections/{name}",
        time=now,
        sequence=spell,
        data=json_ready(data),
    )
    told = json.dumps({"spell": spell, "since": now.isoformat()})
    if raise_alert(world, key, told, state.etag if state else "", alert):
        say("connection_unhealthy", level=logging.WARNING, connection=name, code=code, why=data.message)


def _is_sick(watch: Watch, now: datetime) -> bool:
    if watch.failing_since is None:
        return False
    return watch.refusals >= MOST_REFUSALS or now >= watch.failing_since + MOST_FAILING


def _worked_since(places: Sequence[Watch], since: str) -> bool:
    began = datetime.fromisoformat(since)
    return any(watch.failures == 0 and watch.looked_at is not None and watch.looked_at > began for watch in places)


def _name(watch: Watch) -> str:
    return watch.place.connection.name
