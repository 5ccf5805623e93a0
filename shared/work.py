"""What the timer and the work queue set off."""

from __future__ import annotations

from shared.app import Baton
from shared.chains_file import ChainsFileError
from shared.core.definition import Chain
from shared.relay.advance import advance
from shared.relay.backfill import move_on
from shared.relay.messages import AdvanceMessage, BackfillMessage, CallBackMessage, WatchMessage, from_body
from shared.relay.tick import tick
from shared.relay.trouble import note_trouble
from shared.relay.watch import look
from shared.relay.web_hooks import call_back
from shared.relay.world import World, log

MOST_DEQUEUES = 5  # as in host.json: then the platform puts the message into the poison queue


def on_message(world: World, body: str, dequeue_count: int = 1) -> None:
    """Does what one work message asks. What it raises brings the message back, and at last makes it poison."""
    try:
        _do(world, body)
    except Exception as error:
        if dequeue_count >= MOST_DEQUEUES:
            note_trouble(world, body, error)
        raise


def _do(world: World, body: str) -> None:
    match from_body(body):
        case WatchMessage(place, token):
            look(world, place, token)
        case BackfillMessage(backfill_id):
            move_on(world, backfill_id)
        case CallBackMessage(run_id):
            call_back(world, run_id)
        case AdvanceMessage() as message:
            advance(world, message.run_id, *message.facts())


def on_tick(baton: Baton) -> None:
    """A broken chains file stops the schedules, and says so; runs under way are looked after all the same."""
    chains: tuple[Chain, ...] | None = None
    try:
        chains = tuple(baton.chains_file.chains.values())
    except ChainsFileError as error:
        log.error("action=chains_file_refused %s", error)
    tick(baton.world, chains)
