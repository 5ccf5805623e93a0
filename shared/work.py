"""What the timer and the work queue set off."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from shared.app import Baton
from shared.chains_file import ChainsFileError
from shared.core.definition import Chain
from shared.relay.advance import advance
from shared.relay.follow import look_at_followed
from shared.relay.messages import AdvanceMessage, FollowMessage, WatchMessage, from_body
from shared.relay.tick import tick
from shared.relay.trouble import note_trouble
from shared.relay.watch import look
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
        case AdvanceMessage(run_id, seen):
            advance(world, run_id, *([seen] if seen else []))


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
