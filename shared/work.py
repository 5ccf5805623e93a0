"""What the timer and the work queue set off."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from shared.app import Baton
from shared.chains_file import ChainsFileError
from shared.core.definition import Chain
from shared.core.events import NotAnEventError, event_of
from shared.relay.advance import advance
from shared.relay.alerts import publish
from shared.relay.backfill import move_on
from shared.relay.follow import look_at_followed
from shared.relay.messages import (
    AdvanceMessage,
    BackfillMessage,
    CallBackMessage,
    FollowMessage,
    PublishMessage,
    WatchMessage,
    from_body,
)
from shared.relay.on_event import note_unmatched, note_unusable, on_event
from shared.relay.tick import tick
from shared.relay.trouble import note_trouble
from shared.relay.watch import look
from shared.relay.web_hooks import call_back
from shared.relay.world import World, log

MOST_DEQUEUES = 5  # as in host.json: then the platform puts the message into the poison queue


Declared = Callable[[], Sequence[Chain] | None]  # the chains; None: what is declared is not known


def on_message(world: World, body: str, dequeue_count: int = 1, declared: Declared = lambda: None) -> None:
    """Does what one work message asks. What it raises brings the message back, and at last makes it poison."""
    try:
        _do(world, body, declared)
    except Exception as error:
        if dequeue_count >= MOST_DEQUEUES:
            note_trouble(world, body, error)
        raise


def _do(world: World, body: str, declared: Declared) -> None:
    match from_body(body):
        case WatchMessage(place, token):
            look(world, place, token)
        case FollowMessage(place, token):
            look_at_followed(world, declared() or (), place, token)
        case PublishMessage(run_ids):
            publish(world, run_ids)
        case BackfillMessage(backfill_id):
            move_on(world, backfill_id)
        case CallBackMessage(run_id):
            call_back(world, run_id)
        case AdvanceMessage() as message:
            advance(world, message.run_id, *message.facts())


def on_tick(baton: Baton) -> None:
    """A broken chains file stops schedules and follows, and says so; runs under way are looked after."""
    tick(baton.world, declared_chains(baton))


def declared_chains(baton: Baton) -> Sequence[Chain] | None:
    """What the chains file declares; None when it cannot be used."""
    try:
        return tuple(baton.chains_file.chains.values())
    except ChainsFileError as error:
        log.error("action=chains_file_refused %s", error)
        return None


def on_delivery(baton: Baton, text: str) -> None:
    """One event of Event Grid, in either schema. What it raises has the event delivered again.

    What is no event is taken, and shown by `GET /api/health`: it would be none the next time either.
    """
    try:
        event = event_of(json.loads(text))
    except (NotAnEventError, ValueError, RecursionError) as error:
        note_unusable(baton.world, str(error) or "is nested too deep")
        return
    try:
        chains = baton.chains_file.chains.values()
    except ChainsFileError as error:
        log.error("action=chains_file_refused %s", error)
        raise
    if not on_event(baton.world, chains, event).matched:
        note_unmatched(baton.world, [event])
