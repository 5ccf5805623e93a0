"""The host's own endpoints under `/admin`: its state, and running a function by hand. They need the master key."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from local.host.errors import HostStoppingError
from local.host.index import EventGridTrigger, FunctionEntry, HttpTrigger, QueueTrigger
from local.host.invoke import Invoker, refuse_result
from local.host.keys import Keys
from local.host.messages import WebRequest, WebResponse, json_response, text_response
from local.host.payloads import event_payload, queue_metadata, queue_payload, timer_payload

VERSION = "4.0.0-local"


class Admin:
    """`GET /admin/host/status`, `GET /admin/host/ping` and `POST /admin/functions/{name}`."""

    def __init__(
        self, entries: Sequence[FunctionEntry], *, keys: Keys, invoker: Invoker, clock: Callable[[], datetime]
    ) -> None:
        self._entries: Mapping[str, FunctionEntry] = {entry.name.lower(): entry for entry in entries}
        self._keys = keys
        self._invoker = invoker
        self._clock = clock
        self._started = time.monotonic()

    def answer(self, request: WebRequest) -> WebResponse:
        parts = request.path.strip("/").lower().split("/")[1:]
        if parts == ["host", "ping"]:
            return WebResponse(200)
        if not self._keys.opens_admin(request):
            return WebResponse(401)
        if parts == ["host", "status"] and request.method == "GET":
            return self._status()
        if len(parts) == 2 and parts[0] == "functions" and request.method == "POST":
            return self._run(parts[1], request.body)
        return WebResponse(404)

    def _status(self) -> WebResponse:
        uptime_ms = int((time.monotonic() - self._started) * 1000)
        status = {"id": "local", "state": "Running", "version": VERSION, "versionDetails": VERSION}
        return json_response(200, status | {"processUptime": uptime_ms})

    def _run(self, name: str, body: bytes) -> WebResponse:
        """Starts the function and answers 202 without waiting for it."""
        entry = self._entries.get(name)
        text = _input(body)
        if text is None:
            return text_response(400, 'the body must be a JSON object such as {"input": "..."}')
        if entry is None:
            return WebResponse(404)
        if isinstance(entry.trigger, HttpTrigger):
            return text_response(400, f"{entry.name} is an HTTP function: call its route")
        try:
            self._invoker.submit(entry, lambda: self._payload(entry, text), refuse_result)
        except HostStoppingError:
            return WebResponse(503)
        return WebResponse(202)

    def _payload(self, entry: FunctionEntry, text: str) -> object:
        if isinstance(entry.trigger, QueueTrigger):
            now = self._clock()
            message_id = str(uuid.uuid4())
            metadata = queue_metadata(
                text, message_id=message_id, receipt="", dequeue_count=1, inserted_at=now, hidden_until=now
            )
            return queue_payload(entry, text, metadata)
        if isinstance(entry.trigger, EventGridTrigger):
            return event_payload(entry, json.loads(text))
        return timer_payload(entry, past_due=False)


def _input(body: bytes) -> str | None:
    try:
        parsed = json.loads(body)
    except ValueError:
        return None
    if not isinstance(parsed, dict):
        return None
    value = next((value for name, value in parsed.items() if name.lower() == "input"), None)
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
