"""Run ids: they name the chain and the time, so that a run is found and ordered by its id alone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

CHAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_RUN_ID = re.compile(
    r"(?P<chain>[A-Za-z0-9][A-Za-z0-9_-]{0,62})\.(?P<time>[0-9]{8}T[0-9]{9}Z)\.(?P<tail>[a-z2-7]{8})"
)
_LAST_MILLISECOND = 9_999_999_999_999
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


def run_id(chain: str, created_at: datetime, random_bits: int) -> str:
    """Like `sales-daily.20261121T053000123Z.k7q2mx4h`; the tail is made of the lowest 40 of `random_bits`."""
    milliseconds = created_at.microsecond // 1000
    tail = "".join(_ALPHABET[(random_bits >> shift) & 31] for shift in range(0, 40, 5))
    return f"{chain}.{created_at:%Y%m%dT%H%M%S}{milliseconds:03d}Z.{tail}"


def chain_of(id: str) -> str | None:
    """The chain that a run id names, or None when it is no run id."""
    match = _RUN_ID.fullmatch(id)
    return match["chain"] if match and _time(match["time"]) else None


@lru_cache(maxsize=16_384)
def created_at(id: str) -> datetime:
    """When the run of this id was created, to the millisecond. Raises ValueError when it is no run id."""
    match = _RUN_ID.fullmatch(id)
    time = match and _time(match["time"])
    if time is None:
        raise ValueError(f"{id!r} is no run id")
    return time


def newest_first(id: str) -> str:
    """A key that sorts run ids by time, newest first. Raises ValueError when it is no run id."""
    milliseconds = (created_at(id) - _EPOCH) // timedelta(milliseconds=1)
    return f"{_LAST_MILLISECOND - milliseconds:013d}.{id}"


def _time(digits: str) -> datetime | None:
    """None when there is no such day or time: callers can write any digits."""
    try:
        return datetime.fromisoformat(f"{digits[:-4]}.{digits[-4:]}")
    except ValueError:
        return None
