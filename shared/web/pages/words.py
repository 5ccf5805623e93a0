"""How pages say times, durations and reasons. Times go in as aware UTC, and come out with the word UTC."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

HOME = "/api/dashboard"
MOST_SHOWN = 2_000
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"'(\[])|[\r\n]")
_STEPS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A time as a page shows it. `iso` is for programs, `relative` like `2 h ago` or `in 5 min`."""

    iso: str
    absolute: str
    relative: str


def moment(time: datetime, now: datetime) -> Moment:
    """The time, seen from now."""
    seconds = (now - time).total_seconds()
    if abs(seconds) < 1:
        relative = "now"
    elif seconds > 0:
        relative = f"{rough(seconds)} ago"
    else:
        relative = f"in {rough(-seconds)}"
    return Moment(
        iso=f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", absolute=absolute(time, now), relative=relative
    )


def moment_or_none(time: datetime | None, now: datetime) -> Moment | None:
    return None if time is None else moment(time, now)


def absolute(time: datetime, now: datetime) -> str:
    """Like `21 Nov 05:30 UTC`, with the year where it is not this one."""
    told = time.astimezone(UTC)
    year = "" if told.year == now.astimezone(UTC).year else f" {told.year}"
    return f"{told.day} {told:%b}{year} {told:%H:%M} UTC"


def rough(seconds: float) -> str:
    """A duration by its largest unit: `3 d`, `30 h`, `5 min`, `12 s`. Hours go on to the end of the second day."""
    if 86_400 <= seconds < 2 * 86_400:
        return f"{int(seconds // 3_600)} h"
    size, unit = next(((size, unit) for size, unit in _STEPS if seconds >= size), (1, "s"))
    return f"{int(seconds // size)} {unit}"


def duration(seconds: float) -> str:
    """A duration by its two largest units: `1 h 5 min`, `4 min 10 s`; under ten seconds with a tenth."""
    if seconds < 9.95:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    left = round(seconds)
    parts = []
    for size, unit in _STEPS:
        if left >= size:
            parts.append(f"{left // size} {unit}")
            left %= size
        elif parts:
            break
        if len(parts) == 2:
            break
    return " ".join(parts)


def between(began: datetime | None, ended: datetime | None) -> str | None:
    """How long it took; None when it has not begun or not ended."""
    return None if began is None or ended is None else duration(max(0.0, (ended - began).total_seconds()))


def first_sentence(text: str, most: int = 240) -> str:
    """What stands before the first full stop or line end, shortened where that is long."""
    sentence = _SENTENCE_END.split(text.strip(), maxsplit=1)[0]
    return sentence if len(sentence) <= most else f"{sentence[: most - 1]}…"


def shown_value(value: Any) -> str:
    """A value as people read it: text as it is, anything else as JSON, of both the beginning only."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
    if len(text) <= MOST_SHOWN:
        return text
    return f"{text[:MOST_SHOWN]}… (the first {MOST_SHOWN:,} of {len(text):,} characters; /api/runs has all)"


def safe_link(address: str | None) -> str | None:
    """The address if a browser may be sent there: http and https only, whatever a service said."""
    if not address or any(ord(character) < 33 for character in address):
        return None
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    return address if parts.scheme in ("http", "https") and parts.netloc else None


def run_link(run_id: str) -> str:
    return f"{HOME}/runs/{quote(run_id, safe='')}"


def chain_link(chain: str) -> str:
    return f"{HOME}/chains/{quote(chain, safe='')}"


def connection_link(name: str) -> str:
    return f"{HOME}/connections/{quote(name, safe='')}"
