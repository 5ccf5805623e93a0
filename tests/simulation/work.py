"""What the work queue sets off, as `shared.work` does it for the process's own Baton."""

from __future__ import annotations

from shared.relay.advance import advance
from shared.relay.messages import AdvanceMessage, WatchMessage, from_body
from shared.relay.watch import look
from shared.relay.world import World


def on_message(world: World, body: str) -> None:
    match from_body(body):
        case WatchMessage(place, token):
            look(world, place, token)
        case AdvanceMessage(run_id, seen):
            advance(world, run_id, *([seen] if seen else []))
