"""Reading what services send: leniently, as their documents promise little."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)?")


def time_of(text: Any) -> datetime | None:
    """A time as the services write it: any number of decimals, with or without Z (UTC either way)."""
    match = _TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    seconds, decimals, zone = match.groups()
    fraction = (decimals or "0")[:6].ljust(6, "0")
    zone = "+00:00" if zone in (None, "Z") else zone
    return datetime.fromisoformat(f"{seconds}.{fraction}{zone}").astimezone(UTC)


def wire_time(time: datetime) -> str:
    """RFC 3339 with microseconds and Z."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def text_of(value: Any) -> str | None:
    """The value if it is a text with something in it."""
    return value if isinstance(value, str) and value else None
