"""Times that callers send: RFC 3339, with their zone."""

from __future__ import annotations

from datetime import UTC, datetime

FORM = "must be a time with its zone, like 2026-11-21T05:30:00Z"


def moment(text: object) -> datetime | None:
    """The time in UTC; None when it is none, or of a year that time arithmetic could leave the calendar from."""
    try:
        time = datetime.fromisoformat(text) if isinstance(text, str) and "T" in text else None
    except ValueError:
        return None
    good = time is not None and time.tzinfo is not None and 2000 <= time.year < 3000
    return time.astimezone(UTC) if time is not None and good else None
