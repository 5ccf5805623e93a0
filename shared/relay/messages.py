"""The work messages: small, typed, and harmless when they come twice, late or never.

No property is called like a queue trigger's metadata (`id`, `dequeueCount`, ...), which the Functions host
would overwrite.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from shared.core.facts import Fact, Observed, Superseded
from shared.store.codec import decode, encode


@dataclass(frozen=True, slots=True)
class AdvanceMessage:
    """Look what is next with a run. `seen`: what a look at its job has just shown.

    `superseded_by`: the later run that takes its place.
    """

    run_id: str
    seen: Observed | None = None
    superseded_by: str | None = None

    def facts(self) -> tuple[Fact, ...]:
        """What the run learns by it."""
        by = () if self.superseded_by is None else (Superseded(by=self.superseded_by),)
        return by if self.seen is None else (self.seen, *by)


@dataclass(frozen=True, slots=True)
class WatchMessage:
    """Look at a place, if `token` is still its watch's."""

    place: str
    token: str


@dataclass(frozen=True, slots=True)
class PublishMessage:
    """Send the unsent events of these runs; of none: those that belong to no run."""

    run_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FollowMessage:
    """Look at a followed place, if `token` is still its row's."""

    place: str
    token: str


@dataclass(frozen=True, slots=True)
class CallBackMessage:
    """Call the pipelines back that wait for a run."""

    run_id: str


@dataclass(frozen=True, slots=True)
class BackfillMessage:
    """Look what is next with a backfill."""

    backfill_id: str


class BadMessageError(Exception):
    """The body is no work message: it was not written by Baton, or by one of another version."""


Message = AdvanceMessage | WatchMessage | FollowMessage | PublishMessage | CallBackMessage | BackfillMessage


def to_body(message: Message) -> str:
    if isinstance(message, FollowMessage):
        return json.dumps({"kind": "follow", "place": message.place, "token": message.token})
    if isinstance(message, PublishMessage):
        return json.dumps({"kind": "publish", "runs": message.run_ids})
    if isinstance(message, BackfillMessage):
        return json.dumps({"kind": "backfill", "backfill": message.backfill_id})
    if isinstance(message, CallBackMessage):
        return json.dumps({"kind": "call_back", "run": message.run_id})
    if isinstance(message, WatchMessage):
        return json.dumps({"kind": "watch", "place": message.place, "token": message.token})
    seen = {"seen": encode(Observed, message.seen)} if message.seen else {}
    by = {"superseded_by": message.superseded_by} if message.superseded_by else {}
    return json.dumps({"kind": "advance", "run": message.run_id, **seen, **by})


def from_body(body: str) -> Message:
    """Raises BadMessageError."""
    try:
        told = json.loads(body)
        if told["kind"] == "watch":
            return WatchMessage(str(told["place"]), str(told["token"]))
        if told["kind"] == "publish":
            return PublishMessage(tuple(str(run_id) for run_id in told["runs"]))
        if told["kind"] == "follow":
            return FollowMessage(str(told["place"]), str(told["token"]))
        if told["kind"] == "backfill":
            return BackfillMessage(str(told["backfill"]))
        if told["kind"] == "call_back":
            return CallBackMessage(str(told["run"]))
        if told["kind"] == "advance":
            seen = decode(Observed, told["seen"]) if "seen" in told else None
            return AdvanceMessage(str(told["run"]), seen, told.get("superseded_by"))
    except (ValueError, KeyError, TypeError) as error:
        raise BadMessageError(f"not a work message: {body[:80]!r}") from error
    raise BadMessageError(f"a work message of unknown kind: {told['kind']!r}")
