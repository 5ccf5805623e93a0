"""`/api/events`: events by webhook, in both of Event Grid's schemas and as alerts, with both handshakes.

Event Grid drops what is answered by 400, 401, 403 or 413, so these are for what would be wrong the next time, too.
What may work later is a 503: then it comes again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

from shared.app import Baton
from shared.chains_file import ChainsFileError
from shared.core.events import Event, NotAnEventError, event_of
from shared.core.monitor_alerts import event_form, is_alert
from shared.relay.on_event import Received, note_unmatched, on_event
from shared.relay.start import TooManyWaitingError
from shared.web.answer import Answer, Mistake, ProblemError, json_answer
from shared.web.bodies import parsed_json
from shared.web.limits import MOST_EVENT_BODY_BYTES, MOST_EVENTS

VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent"
MOST_CODE_CHARACTERS = 200
MOST_TOLD = 100
WORKING = timedelta(seconds=20)  # Event Grid waits 30 for an answer
_KIND = "aeg-event-type"
_LATER = {"Retry-After": "60"}


def receive(baton: Baton, body: bytes, headers: Mapping[str, str]) -> Answer:
    """`POST /api/events`. The names of headers are lower case."""
    if len(body) > MOST_EVENT_BODY_BYTES:
        raise ProblemError(413, f"The body is over {MOST_EVENT_BODY_BYTES:,} bytes.")
    kind = headers.get(_KIND, "").lower()
    if kind in ("unsubscribe", "subscriptiondeletion"):
        return _told([], ())
    raws = _binary(body, headers) if "ce-specversion" in headers else _listed(parsed_json(body))
    if kind == "subscriptionvalidation" or (raws and _is_validation(raws[0])):
        return json_answer(200, {"validationResponse": _validation_code(raws)})
    events, mistakes = _read(raws)
    answer = _told(_started(baton, events), events)
    if mistakes:  # only now: one bad event must not cost the others
        raise ProblemError(400, "The body holds what is no event.", errors=mistakes[:MOST_TOLD])
    return answer


def handshake(baton: Baton, headers: Mapping[str, str]) -> Answer:
    """`OPTIONS /api/events`: whether a sender of CloudEvents may deliver here (CloudEvents 1.0, web hooks, 4)."""
    origin = headers.get("webhook-request-origin", "").strip()
    if not origin:
        return Answer(status=200, body="", headers={"Allow": "POST, OPTIONS"})
    allowed = baton.settings.webhook_origins
    if "*" not in allowed and origin.lower() not in allowed:
        raise ProblemError(
            403, f"{origin[:200]!r} may not deliver here: the app setting WEBHOOK_ORIGINS lacks it."
        )
    told = {"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "*", "Allow": "POST, OPTIONS"}
    return Answer(status=200, body="", headers=told)


def _listed(told: Any) -> list[Any]:
    raws = told if isinstance(told, list) else [told]
    if len(raws) > MOST_EVENTS:
        raise ProblemError(413, f"The body holds {len(raws):,} events; {MOST_EVENTS:,} are the most.")
    return raws


def _binary(body: bytes, headers: Mapping[str, str]) -> list[Any]:
    """A CloudEvent in binary mode: attributes in headers, percent-encoded; the body is its data."""
    attributes: dict[str, Any] = {
        name.removeprefix("ce-"): unquote(value) for name, value in headers.items() if name.startswith("ce-")
    }
    kind = headers.get("content-type", "").split(";")[0].strip().lower()
    if not body:
        return [attributes]
    if kind in ("", "application/json") or kind.endswith("+json"):
        return [attributes | {"data": parsed_json(body)}]
    return [attributes | {"data": body.decode("utf-8", errors="replace")}]


def _is_validation(raw: Any) -> bool:
    return isinstance(raw, dict) and VALIDATION in (raw.get("eventType"), raw.get("type"))


def _validation_code(raws: Sequence[Any]) -> str:
    data = raws[0].get("data") if raws and isinstance(raws[0], dict) else None
    if isinstance(data, str):  # a CloudEvent carries it as JSON within JSON
        try:
            data = json.loads(data)
        except (ValueError, RecursionError):
            data = None
    code = data.get("validationCode") if isinstance(data, dict) else None
    if not isinstance(code, str) or not 0 < len(code) <= MOST_CODE_CHARACTERS:
        raise ProblemError(400, "The validation event has no validationCode.")
    return code


def _read(raws: Sequence[Any]) -> tuple[list[Event], list[Mistake]]:
    events: list[Event] = []
    mistakes: list[Mistake] = []
    for index, raw in enumerate(raws):
        try:
            events.append(event_of(event_form(raw) if is_alert(raw) else raw))
        except NotAnEventError as error:
            mistakes += [
                Mistake(f"[{index}].{place}" if place else f"[{index}]", detail)
                for place, detail in error.mistakes
            ]
    return events, mistakes


def _started(baton: Baton, events: Sequence[Event]) -> list[Received]:
    """What became of each. Raises ProblemError when some of them have to come again."""
    try:
        chains = tuple(baton.chains_file.chains.values()) if events else ()
    except ChainsFileError as error:
        errors = [Mistake(mistake.path, mistake.message) for mistake in error.mistakes]
        raise ProblemError(503, "The chains file has mistakes.", errors=errors, headers=_LATER) from error
    ends_at = baton.world.now() + WORKING
    done: list[Received] = []
    later: Exception | None = None
    for event in events:
        if baton.world.now() > ends_at:
            raise ProblemError(503, "These are too many events for one answer; send them again.", headers=_LATER)
        try:
            done.append(on_event(baton.world, chains, event))
        except TooManyWaitingError as error:
            later = error
    if later is not None:
        raise ProblemError(503, str(later), headers=_LATER) from later
    note_unmatched(baton.world, [one for one, was in zip(events, done, strict=True) if not was.matched])
    return done


def _told(done: Sequence[Received], events: Sequence[Event]) -> Answer:
    runs = dict.fromkeys(run for one in done for run in one.runs)
    refused = [why for one in done for why in one.refused]
    body = {
        "received": len(events),
        "unmatched": sum(not one.matched for one in done),
        "runs": list(runs),
        "refused": refused[:MOST_TOLD],
        "skipped": list(dict.fromkeys(chain for one in done for chain in one.skipped)),
    }
    return json_answer(200, body)
