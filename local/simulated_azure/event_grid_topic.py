"""An Event Grid topic that takes CloudEvents 1.0: what it takes, and what it refuses.

Facts: the service's publishing pages. Sizes are those that it documents.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local.simulated_azure.messages import Request, Response, answer, parsed_time

PATH = "/api/events"
BATCH = "application/cloudevents-batch+json"
MOST_BYTES = 1_048_576  # of one event, and of a whole request
MOST_EVENTS = 5_000
_REQUIRED = ("id", "source", "type", "specversion")
_NAME = re.compile(r"[a-z0-9]+")

Event = dict[str, Any]
Subscriber = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Received:
    """An event that the topic has taken, and when."""

    event: Event
    at: datetime


@dataclass(slots=True)
class EventGridTopic:
    """One topic. `refused_types`: events that it will not take, and with them their whole request.

    Each of the `subscribers` hears of every event that was taken, in order. They are called while the simulation
    is locked: they take a note, and deliver later.
    """

    clock: Callable[[], datetime]
    received: list[Received] = field(default_factory=list)
    subscribers: list[Subscriber] = field(default_factory=list)
    may_send: bool = True  # whether the caller has the role EventGrid Data Sender
    refused_types: set[str] = field(default_factory=set)

    @property
    def events(self) -> list[Event]:
        """What was taken, in order; what came twice is there twice."""
        return [each.event for each in self.received]

    def handle(self, request: Request) -> tuple[str, Callable[[], Response]] | None:
        """The operation's name and what it does, for the path of this service."""
        if request.path != PATH:
            return None
        return "event_grid.publish", lambda: self._publish(request)

    def _publish(self, request: Request) -> Response:
        if request.method != "POST":
            return _refused(405, "MethodNotAllowed", "Events are posted.")
        if not self.may_send:
            return _refused(403, "Forbidden", "The principal does not have the data action EventGrid/events/send.")
        if len(request.body) > MOST_BYTES:
            return _refused(413, "RequestEntityTooLarge", "The request is larger than 1 MB.")
        wrong = _wrong_request(request)
        if wrong is not None:
            return _refused(400, "BadRequest", wrong)
        events = request.json()
        problem = next((told for event in events if (told := self._wrong_event(event))), None)
        if problem is not None:
            return _refused(400, "BadRequest", problem)
        for event in events:
            self.received.append(Received(event, self.clock()))
            for hear in self.subscribers:
                hear(event)
        return Response(status=200)

    def _wrong_event(self, event: Any) -> str | None:
        if not isinstance(event, dict):
            return "An event is an object."
        missing = [name for name in _REQUIRED if not isinstance(event.get(name), str) or not event[name]]
        if missing:
            return f"The event has no {', '.join(missing)}."
        odd = [name for name in event if not _NAME.fullmatch(name) and name != "data_base64"]
        if odd:
            return f"Attributes are lower-case letters and digits: {', '.join(odd)}."
        if event["specversion"] != "1.0":
            return f"specversion {event['specversion']} is not supported."
        if len(json.dumps(event)) > MOST_BYTES:
            return "The event is larger than 1 MB."
        if event["type"] in self.refused_types:
            return f"Events of type {event['type']} are not wanted."
        return _wrong_time(event.get("time"))


def _wrong_request(request: Request) -> str | None:
    if not request.query.get("api-version"):
        return "api-version is missing."
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != BATCH:
        return f"This topic takes {BATCH}, not {kind or 'nothing'}."
    try:
        told = request.json()
    except ValueError:
        return "The body is no JSON."
    if not isinstance(told, list) or not told:
        return "The body is an array of events."
    return None if len(told) <= MOST_EVENTS else f"There are more than {MOST_EVENTS} events."


def _wrong_time(time: Any) -> str | None:
    if time is None:
        return None
    try:
        parsed_time(str(time))
    except ValueError as error:
        return str(error)
    return None


def _refused(status: int, code: str, message: str) -> Response:
    return answer(status, {"error": {"code": code, "message": message, "details": []}})
