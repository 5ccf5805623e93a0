"""That a chain is paused: from when, until when, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A chain starts nothing by itself from `since` until `until`; None: until somebody resumes it.

    `released`: it is over, and the runs that waited for its end have been told.
    """

    chain: str
    since: datetime
    until: datetime | None = None
    reason: str | None = None
    released: bool = False
    etag: str = ""  # "" when there is no row yet

    def lasts(self, now: datetime) -> bool:
        """Whether it is on."""
        return self.until is None or now < self.until

    def covers(self, time: datetime, now: datetime) -> bool:
        """Whether a scheduled time is not run: the pause is on, or was on at that time."""
        return self.lasts(now) or (self.until is not None and self.since <= time < self.until)
