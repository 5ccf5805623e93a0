"""Schemas of the calls that hold chains back and let them go on. Part of `schemas.py`."""

from __future__ import annotations

from shared.web.pauses import MOST_REASON_CHARACTERS
from shared.web.schemas import Schema, nullable, record, ref, text


def schemas() -> dict[str, Schema]:
    """By name."""
    pause = {
        "since": ref("Time"),
        "until": nullable({**ref("Time"), "description": "Null: until it is resumed."}),
        "reason": nullable(text()),
    }
    state = {"chain": ref("ChainName"), "paused": nullable(ref("Pause"))}
    body = {
        "reason": nullable(text("Why, and by whom: whoever looks reads it.", maxLength=MOST_REASON_CHARACTERS)),
        "until": nullable(text("When it ends by itself.", format="date-time")),
    }
    return {
        "Pause": record(pause, description="That a chain starts nothing by itself."),
        "PauseState": record(state),
        "PauseBody": record(body, optional=tuple(body), additionalProperties=False),
    }
