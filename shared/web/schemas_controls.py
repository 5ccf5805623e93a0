"""Schemas of the calls that hold chains back and let them go on. Part of `schemas.py`."""

from __future__ import annotations

from shared.core.backfill import MOST_PARALLEL, MOST_TIMES, BackfillStatus, OnFailure, TimeStatus
from shared.web.pauses import MOST_REASON_CHARACTERS
from shared.web.schemas import RUN_ID_PATTERN, Schema, listed, literals, nullable, record, ref, text, words


def schemas() -> dict[str, Schema]:
    """By name."""
    return {**_of_pauses(), **_of_backfills()}


def _of_pauses() -> dict[str, Schema]:
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


def _of_backfills() -> dict[str, Schema]:
    each = {"time": ref("Time"), "status": words(TimeStatus), "run": nullable(ref("RunId"))}
    count = {"type": "integer", "minimum": 1}
    parallelism: Schema = {"type": "integer", "minimum": 1, "maximum": MOST_PARALLEL}
    backfill = {
        "id": ref("BackfillId"),
        "chain": ref("ChainName"),
        "status": words(BackfillStatus),
        "created_at": ref("Time"),
        "finished_at": nullable(ref("Time")),
        "cancel_requested_at": nullable(ref("Time")),
        "parallelism": parallelism,
        "on_failure": literals(OnFailure),
        "rerun": {"type": "boolean"},
        "parameters": {"type": "object"},
        "counts": record(
            {word.value: count for word in TimeStatus},
            optional=tuple(word.value for word in TimeStatus),
            description="How many of its times are where; a status of none is left out.",
        ),
        "times": listed(record(each), description="In order of time.", minItems=1),
    }
    moment = text(format="date-time")
    body = {
        "from": {**moment, "description": "The first scheduled time may be this one."},
        "to": {**moment, "description": "The last scheduled time is before this one. Not in the future."},
        "times": listed(
            moment,
            description="Instead of `from` and `to`: the times themselves.",
            minItems=1,
            maxItems=MOST_TIMES,
        ),
        "parallelism": {**parallelism, "default": 1, "description": "Runs of it at once; max_running holds too."},
        "parameters": {"type": "object", "description": "For every run of it."},
        "rerun": {"type": "boolean", "default": False, "description": "Also times that have a run already."},
        "on_failure": {**literals(OnFailure), "default": "stop"},
        "force": {"type": "boolean", "default": False, "description": "Although the chain is paused."},
    }
    stop = {"type": "string", "enum": ["leave", "cancel"], "default": "leave"}
    return {
        "BackfillId": text("It names the chain and the time.", pattern=RUN_ID_PATTERN),
        "Backfill": record(backfill, description="Scheduled times that are run afterwards."),
        "BackfillBody": record(
            body,
            optional=tuple(body),
            additionalProperties=False,
            oneOf=[
                {"required": ["times"], "not": {"anyOf": [{"required": ["from"]}, {"required": ["to"]}]}},
                {"required": ["from", "to"], "not": {"required": ["times"]}},
            ],
        ),
        "BackfillCancelBody": record(
            {"runs": {**stop, "description": "What becomes of its runs under way."}},
            optional=("runs",),
            additionalProperties=False,
        ),
    }
