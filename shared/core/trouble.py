"""That a work message could not be done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """The last message about `about` that went to the poison queue. `run_id` is None where it was about no run."""

    about: str
    run_id: str | None
    at: datetime
    why: str
