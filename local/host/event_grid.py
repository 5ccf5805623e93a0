"""Event Grid's webhook, `/runtime/webhooks/EventGrid?functionName=...`, with the system key as `code`.

One delivery holds one event or an array of them; each is one invocation, all at the same time. One failure answers
500, and Event Grid then sends all of them again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import CancelledError
from functools import partial
from typing import Any

from local.host.errors import HostStoppingError, InvocationFailedError
from local.host.index import EventGridTrigger, FunctionEntry
from local.host.invoke import Invoker, refuse_result
from local.host.keys import Keys
from local.host.messages import WebRequest, WebResponse, json_response, text_response
from local.host.payloads import event_payload

PATH = "/runtime/webhooks/eventgrid"
_METHODS = frozenset({"GET", "POST", "DELETE", "OPTIONS"})


class EventGrid:
    """Answers what Event Grid sends."""

    def __init__(self, entries: Sequence[FunctionEntry], *, keys: Keys, invoker: Invoker) -> None:
        self._entries = {entry.name: entry for entry in entries if isinstance(entry.trigger, EventGridTrigger)}
        self._keys = keys
        self._invoker = invoker

    def answer(self, request: WebRequest) -> WebResponse:
        if request.method not in _METHODS:
            return WebResponse(404)
        if not self._keys.opens_event_grid(request):
            return WebResponse(401)
        name = request.parameter("functionName")
        entry = self._entries.get(name)
        if entry is None:
            return text_response(404, f"cannot find function: '{name}'")
        if request.method == "OPTIONS":
            return _origin_allowed(request)
        kind = request.headers.get("aeg-event-type", "").lower()
        if kind == "unsubscribe":
            return WebResponse(202)
        if kind not in {"subscriptionvalidation", "notification"}:
            return WebResponse(400)
        try:
            parsed = json.loads(request.body)
            return self._notify(entry, parsed) if kind == "notification" else _handshake(parsed)
        except (ValueError, LookupError, TypeError):
            # The real extension lets its parser's exception through, which the host answers so.
            return WebResponse(500)

    def _notify(self, entry: FunctionEntry, parsed: object) -> WebResponse:
        events = parsed if isinstance(parsed, list) else [parsed]
        try:
            runs = [
                self._invoker.submit(entry, partial(event_payload, entry, event), refuse_result)
                for event in events
            ]
            failures = [error for error in (run.exception() for run in runs) if error is not None]
        except (HostStoppingError, CancelledError):
            return WebResponse(503)
        for error in failures:
            if isinstance(error, InvocationFailedError):
                return text_response(500, str(error))
            raise error
        return WebResponse(202)


def _origin_allowed(request: WebRequest) -> WebResponse:
    """CloudEvents' handshake. Where a function is the endpoint, Event Grid itself asks for none."""
    origin = request.headers.get("webhook-request-origin", "")
    return WebResponse(200, headers=(("webhook-allowed-origin", origin),) if origin else ())


def _handshake(parsed: Any) -> WebResponse:
    """Raises what indexing the wrong shape raises."""
    if isinstance(parsed, list):
        code = parsed[0]["data"]["validationCode"]
    else:
        data = parsed["data"]
        # A CloudEvents validation event carries its data as JSON within JSON.
        code = (json.loads(data) if isinstance(data, str) else data)["validationCode"]
    return json_response(200, {"validationResponse": str(code)})
