"""Backfills over HTTP: begin one, see how far it is, stop it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Any, get_args

from shared.app import Baton
from shared.core.backfill import MOST_PARALLEL, MOST_TIMES, Backfill, OnFailure
from shared.core.definition import Chain
from shared.core.due import fire_times
from shared.core.ids import chain_of
from shared.relay.backfill import begin_backfill, cancel_backfill
from shared.relay.cancel import FinishedError
from shared.web.answer import Answer, Mistake, ProblemError, json_answer
from shared.web.api import check_key, refusals
from shared.web.bodies import object_of
from shared.web.declared import declared_chain
from shared.web.limits import RUN_RETRY_SECONDS
from shared.web.moments import FORM, moment
from shared.web.views import time_view

_KNOWN = ("from", "to", "times", "parallelism", "parameters", "rerun", "on_failure", "force")
_EXAMPLE = '{"from": "2026-11-01T00:00:00Z", "to": "2026-12-01T00:00:00Z"}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a backfill's body asks for."""

    times: tuple[datetime, ...]
    parallelism: int
    parameters: Mapping[str, Any]
    rerun: bool
    on_failure: OnFailure
    force: bool


def begin(baton: Baton, chain_name: str, body: bytes, idempotency_key: str | None) -> Answer:
    """`POST /api/chains/{chain}/backfill`."""
    chain = declared_chain(baton, chain_name)
    check_key(idempotency_key)
    said = _Reader(chain, object_of(body, _EXAMPLE), baton.world.now()).said()
    with refusals():
        backfill = begin_backfill(
            baton.world,
            chain,
            said.times,
            said.parameters,
            parallelism=said.parallelism,
            on_failure=said.on_failure,
            rerun=said.rerun,
            force=said.force,
            key=idempotency_key,
        )
    return _accepted(backfill)


def show(baton: Baton, backfill_id: str) -> Answer:
    """`GET /api/backfills/{id}`."""
    held = baton.world.backfills.load(backfill_id)
    if held is None:
        raise _no_backfill(backfill_id)
    headers = {"Retry-After": RUN_RETRY_SECONDS} if held.backfill.finished_at is None else {}
    return json_answer(200, backfill_view(held.backfill), headers)


def cancel(baton: Baton, backfill_id: str, body: bytes) -> Answer:
    """`POST /api/backfills/{id}/cancel`."""
    told = object_of(body, '{"runs": "leave"}')
    mistakes = [Mistake(name, "unknown; a cancel takes only 'runs'") for name in told if name != "runs"]
    runs = told.get("runs", "leave")
    if runs not in ("leave", "cancel"):
        mistakes.append(Mistake("runs", "must be 'leave' or 'cancel'"))
    if mistakes:
        raise ProblemError(400, "The body does not fit.", errors=mistakes)
    try:
        backfill = cancel_backfill(baton.world, backfill_id, runs=runs == "cancel")
    except FinishedError as error:
        raise ProblemError(409, str(error)) from error
    if backfill is None:
        raise _no_backfill(backfill_id)
    return _accepted(backfill)


def backfill_view(backfill: Backfill) -> dict[str, Any]:
    """A backfill as the API shows it."""
    return {
        "id": backfill.id,
        "chain": backfill.chain,
        "status": backfill.status,
        "created_at": time_view(backfill.created_at),
        "finished_at": time_view(backfill.finished_at),
        "cancel_requested_at": time_view(backfill.cancel_requested_at),
        "parallelism": backfill.parallelism,
        "on_failure": backfill.on_failure,
        "rerun": backfill.rerun,
        "parameters": dict(backfill.parameters),
        "counts": dict(Counter(each.status.value for each in backfill.times)),
        "times": [
            {"time": time_view(each.time), "status": each.status, "run": each.run} for each in backfill.times
        ],
    }


def _accepted(backfill: Backfill) -> Answer:
    headers = {"Location": f"/api/backfills/{backfill.id}", "Retry-After": RUN_RETRY_SECONDS}
    return json_answer(202, backfill_view(backfill), headers)


def _no_backfill(backfill_id: str) -> ProblemError:
    shown = backfill_id if chain_of(backfill_id) else backfill_id[:200]
    return ProblemError(404, f"There is no backfill {shown!r}.")


class _Reader:
    """Reads one body, and gathers what is wrong with it."""

    def __init__(self, chain: Chain, told: Mapping[str, Any], now: datetime) -> None:
        self._chain = chain
        self._told = told
        self._now = now
        self._mistakes = [
            Mistake(name, f"unknown; a backfill takes {', '.join(_KNOWN)}") for name in told if name not in _KNOWN
        ]

    def said(self) -> Said:
        parameters = self._told.get("parameters", {})
        if not isinstance(parameters, dict):
            self._mistakes.append(Mistake("parameters", "must be an object"))
        parallelism = self._parallelism()
        on_failure = self._told.get("on_failure", "stop")
        if on_failure not in get_args(OnFailure):
            self._mistakes.append(Mistake("on_failure", "must be 'stop' or 'continue'"))
        rerun, force = self._bool("rerun"), self._bool("force")
        times = self._times()
        if self._mistakes:
            raise ProblemError(400, "The body does not fit.", errors=self._mistakes)
        return Said(
            times=times,
            parallelism=parallelism,
            parameters=parameters,
            rerun=rerun,
            on_failure=on_failure,
            force=force,
        )

    def _parallelism(self) -> int:
        value = self._told.get("parallelism", 1)
        if isinstance(value, float) and value.is_integer():  # 2.0 is a whole number in JSON
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST_PARALLEL:
            self._mistakes.append(Mistake("parallelism", f"must be a whole number from 1 to {MOST_PARALLEL}"))
            return 1
        return value

    def _bool(self, name: str) -> bool:
        value = self._told.get(name, False)
        if not isinstance(value, bool):
            self._mistakes.append(Mistake(name, "must be true or false"))
        return value is True

    def _times(self) -> tuple[datetime, ...]:
        if "times" in self._told:
            for name in ("from", "to"):
                if name in self._told:
                    self._mistakes.append(Mistake(name, "cannot stand beside 'times'"))
            return self._listed(self._told["times"])
        return self._scheduled()

    def _listed(self, told: Any) -> tuple[datetime, ...]:
        if not isinstance(told, list) or not 1 <= len(told) <= MOST_TIMES:
            self._mistakes.append(Mistake("times", f"must be a list of 1 to {MOST_TIMES:,} times"))
            return ()
        found: list[datetime] = []
        for index, text in enumerate(told):
            time, place = moment(text), f"times[{index}]"
            if time is None:
                self._mistakes.append(Mistake(place, FORM))
            elif time.microsecond:
                self._mistakes.append(Mistake(place, "must be a whole second"))
            elif time > self._now:
                self._mistakes.append(Mistake(place, "is in the future"))
            elif time in found:
                self._mistakes.append(Mistake(place, "stands here twice"))
            else:
                found.append(time)
        return tuple(sorted(found))

    def _scheduled(self) -> tuple[datetime, ...]:
        """The chain's own times from `from` on and before `to`."""
        before = len(self._mistakes)
        begins, ends = self._bound("from"), self._bound("to")
        if self._chain.schedule is None:
            text = f"chain {self._chain.name!r} has no schedule; say its 'times'"
            self._mistakes.append(Mistake("from", text))
        if begins is not None and ends is not None and begins >= ends:
            self._mistakes.append(Mistake("from", "must be earlier than 'to'"))
        if ends is not None and ends > self._now:
            self._mistakes.append(Mistake("to", "is in the future"))
        if len(self._mistakes) > before or self._chain.schedule is None or begins is None or ends is None:
            return ()
        times = takewhile(lambda time: time < ends, fire_times(self._chain.schedule, _just_before(begins)))
        found = tuple(islice(times, MOST_TIMES + 1))
        if len(found) > MOST_TIMES:
            text = f"there are more than {MOST_TIMES:,} scheduled times up to 'to'; ask for them in parts"
            self._mistakes.append(Mistake("from", text))
        if not found:
            self._mistakes.append(Mistake("from", "there is no scheduled time from 'from' on and before 'to'"))
        return found

    def _bound(self, name: str) -> datetime | None:
        time = moment(self._told.get(name))
        if time is None:
            text = FORM if name in self._told else f"is required, unless 'times' is there; {FORM}"
            self._mistakes.append(Mistake(name, text))
        return time


def _just_before(time: datetime) -> datetime:
    """So that a scheduled time at the very beginning is found: schedules count in minutes."""
    return time - timedelta(seconds=1)
