"""Events that start chains: one shape for both of Event Grid's schemas, and which patterns an event matches.

Comparing follows Event Grid's own filters: the case of letters does not count. `*` stands for any text, slashes
included, and a slash at the beginning of a subject counts for nothing, as samples of the same event differ in it.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.core.definition import Chain, EventPattern
from shared.core.values import value_problem

FABRIC = "Microsoft.Fabric."
FABRIC_JOBS = "Microsoft.Fabric.JobEvents."
MOST_NAME_CHARACTERS = 2_048  # of an id, a type, a source, a subject
MOST_EVENT_CHARACTERS = 65_536  # of the JSON that a run carries
MOST_AHEAD = timedelta(minutes=5)  # clocks differ; an event is not from further in the future
MOST_BEHIND = timedelta(days=366)


class NotAnEventError(ValueError):
    """What came is no event of either schema. `mistakes`: pairs of a place in it and what is wrong there."""

    def __init__(self, mistakes: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{place}: {detail}" if place else detail for place, detail in mistakes))
        self.mistakes = tuple(mistakes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event in one shape, whichever schema it came in. `source` is Event Grid's `topic`, too.

    `time` is aware UTC; None where it told none that can be read.
    """

    id: str
    type: str
    source: str = ""
    subject: str = ""
    time: datetime | None = None
    data: Any = None


def event_of(raw: Any) -> Event:
    """The event that a CloudEvent 1.0 or an Event Grid schema event holds. Raises NotAnEventError."""
    if not isinstance(raw, dict):
        raise NotAnEventError([("", "is no JSON object")])
    cloud = "specversion" in raw
    names = ("id", "type", "source", "subject") if cloud else ("id", "eventType", "topic", "subject")
    needed = names[:3] if cloud else names[:2]
    problems = ((name, _problem(raw.get(name), needed=name in needed)) for name in names)
    mistakes = [(name, problem) for name, problem in problems if problem]
    if not cloud and "eventType" not in raw:
        mistakes = [
            ("", "has neither the 'specversion' of a CloudEvent nor the 'eventType' of Event Grid's schema")
        ]
    if mistakes:
        raise NotAnEventError(mistakes)
    told = dict(zip(("id", "type", "source", "subject"), (raw.get(name) or "" for name in names), strict=True))
    return Event(**told, time=time_of(raw.get("time" if cloud else "eventTime")), data=_data(raw))


def _problem(value: Any, *, needed: bool) -> str | None:
    if value is None or value == "":
        return "is required" if needed else None
    if not isinstance(value, str):
        return "must be a text"
    if len(value) > MOST_NAME_CHARACTERS:
        return f"may have at most {MOST_NAME_CHARACTERS:,} characters"
    return value_problem(value)


def _data(raw: Mapping[str, Any]) -> Any:
    """A CloudEvent's bytes are read where they are JSON; others stay base64."""
    encoded = raw.get("data_base64")
    if "data" in raw or not isinstance(encoded, str):
        return raw.get("data")
    kind = str(raw.get("datacontenttype") or "").split(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        return encoded
    try:
        return json.loads(base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return encoded


def time_of(text: Any) -> datetime | None:
    """RFC 3339 and its relatives; without a zone it is UTC. None for what is no time."""
    try:
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def trigger_time(event: Event, now: datetime) -> datetime:
    """The event's time; now, where it is missing, more than five minutes ahead or more than a year ago."""
    time = event.time
    return time if time is not None and now - MOST_BEHIND <= time <= now + MOST_AHEAD else now


def carry_problem(event: Event) -> str | None:
    """Why no run can carry the event; None when one can."""
    problem = value_problem(event.data)
    if problem is not None:
        return f"its data {problem}"
    if len(json.dumps(event.data)) > MOST_EVENT_CHARACTERS:
        return f"its data is over {MOST_EVENT_CHARACTERS:,} characters of JSON: have the sender give a reference"
    return None


def event_context(event: Event | None) -> dict[str, Any] | None:
    """What templates see of it."""
    if event is None:
        return None
    return {
        "id": event.id,
        "type": event.type,
        "source": event.source,
        "subject": event.subject,
        "time": event.time,
        "data": event.data,
    }


def cause_of(event: Event) -> str:
    """One run of a chain for one event: an id is unique within its source."""
    return f"event {json.dumps([event.source, event.id])}"


def matches_of(chain: Chain, event: Event) -> Iterator[tuple[int, EventPattern]]:
    """The chain's patterns that the event matches, with their place in the list."""
    return ((index, pattern) for index, pattern in enumerate(chain.events) if matches(pattern, event))


def matches(pattern: EventPattern, event: Event) -> bool:
    """Whether all that the pattern asks for is so."""
    return (
        any(fits(pattern.type, spelling) for spelling in _spellings(event.type))
        and (pattern.source is None or fits(_unslashed(pattern.source), _unslashed(event.source)))
        and (pattern.subject is None or fits(_unslashed(pattern.subject), _unslashed(event.subject)))
        and all(_field_fits(wanted, _field(event.data, path)) for path, wanted in pattern.data.items())
    )


def fits(pattern: str, text: str) -> bool:
    """Whether the text is what the pattern says; `*` is any text. In time that grows with both lengths only."""
    first, *others = pattern.lower().split("*")
    text = text.lower()
    if not others:
        return text == first
    *middle, last = others
    if not text.startswith(first) or len(text) < len(first) + len(last) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for part in middle:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def _unslashed(text: str) -> str:
    return text.removeprefix("/")


def _spellings(told: str) -> tuple[str, ...]:
    """Fabric's job events are spelled in two ways."""
    if told.startswith(FABRIC_JOBS):
        return told, FABRIC + told.removeprefix(FABRIC_JOBS)
    if told.startswith(f"{FABRIC}ItemJob"):
        return told, FABRIC_JOBS + told.removeprefix(FABRIC)
    return (told,)


_MISSING = object()


def _field(data: Any, path: str) -> Any:
    """`essentials.severity` within the data; a name may hold dots itself."""
    while isinstance(data, Mapping):
        if path in data:
            return data[path]
        name, _, path = path.partition(".")
        data = data.get(name, _MISSING)
        if not path:
            return data
    return _MISSING


def _field_fits(wanted: Any, value: Any) -> bool:
    """A list wants any one of its items."""
    if isinstance(wanted, list | tuple):
        return any(_field_fits(one, value) for one in wanted)
    if isinstance(wanted, str):
        return isinstance(value, str) and fits(wanted, value)
    return isinstance(value, bool) == isinstance(wanted, bool) and bool(value == wanted)
