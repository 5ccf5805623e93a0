"""What the timer and the work queue set off."""

from __future__ import annotations

from shared.app import Baton
from shared.chains_file import ChainsFileError
from shared.core.definition import Chain
from shared.relay.advance import advance
from shared.relay.messages import AdvanceMessage, WatchMessage, from_body
from shared.relay.tick import tick
from shared.relay.watch import look
from shared.relay.world import log


def on_message(baton: Baton, body: str) -> None:
    """Does what one work message asks. Raises BadMessageError for what is none, so that it ends as poison."""
    match from_body(body):
        case WatchMessage(place, token):
            look(baton.world, place, token)
        case AdvanceMessage(run_id, seen):
            advance(baton.world, run_id, *([seen] if seen else []))


def on_tick(baton: Baton) -> None:
    """A broken chains file stops the schedules, and says so; runs under way are looked after all the same."""
    chains: tuple[Chain, ...] | None = None
    try:
        chains = tuple(baton.chains_file.chains.values())
    except ChainsFileError as error:
        log.error("action=chains_file_refused %s", error)
    tick(baton.world, chains)
