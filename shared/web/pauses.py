"""Pausing a chain and letting it go on."""

from __future__ import annotations

from datetime import datetime

from shared.app import Baton
from shared.core.ids import CHAIN_NAME
from shared.core.pause import Pause
from shared.relay.pause import pause, paused, resume
from shared.web.answer import Answer, Mistake, ProblemError, json_answer
from shared.web.bodies import object_of
from shared.web.declared import declared_chain
from shared.web.moments import FORM, moment
from shared.web.views import pause_view

MOST_REASON_CHARACTERS = 500


def pause_chain(baton: Baton, chain_name: str, body: bytes) -> Answer:
    """`POST /api/chains/{chain}/pause`."""
    chain = declared_chain(baton, chain_name)
    reason, until = _said(body, baton.world.now())
    return _answer(chain.name, pause(baton.world, chain.name, reason, until))


def resume_chain(baton: Baton, chain_name: str) -> Answer:
    """`POST /api/chains/{chain}/resume`. Also of a chain that is declared no more, if it was paused."""
    if not CHAIN_NAME.fullmatch(chain_name) or baton.world.pauses.of(chain_name) is None:
        chain_name = declared_chain(baton, chain_name).name
    resume(baton.world, chain_name)
    return _answer(chain_name, paused(baton.world, chain_name))


def _answer(chain: str, held: Pause | None) -> Answer:
    return json_answer(200, {"chain": chain, "paused": pause_view(held)})


def _said(body: bytes, now: datetime) -> tuple[str | None, datetime | None]:
    told = object_of(body, '{"reason": "...", "until": "2026-12-01T00:00:00Z"}')
    known = ("reason", "until")
    mistakes = [Mistake(name, "unknown; a pause takes 'reason' and 'until'") for name in told if name not in known]
    reason, until = told.get("reason"), told.get("until")
    if reason is not None and not (isinstance(reason, str) and len(reason) <= MOST_REASON_CHARACTERS):
        mistakes.append(Mistake("reason", f"must be a text of at most {MOST_REASON_CHARACTERS} characters"))
    time = None if until is None else moment(until)
    if until is not None and time is None:
        mistakes.append(Mistake("until", FORM))
    elif time is not None and time <= now:
        mistakes.append(Mistake("until", "is over already"))
    if mistakes:
        raise ProblemError(400, "The body does not fit.", errors=mistakes)
    return reason or None, time
