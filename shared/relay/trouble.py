"""What becomes of a work message that cannot be done: its run says why, until the run has moved on."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from shared.core.run import RunStatus
from shared.core.trouble import Trouble
from shared.relay.messages import (
    AdvanceMessage,
    BackfillMessage,
    BadMessageError,
    CallBackMessage,
    PublishMessage,
    from_body,
)
from shared.relay.world import World, say
from shared.storage.base import StorageError


def note_trouble(world: World, body: str, error: Exception) -> None:
    """Keeps the reason where people look for it; the message itself goes to the poison queue."""
    about, run_id = _about(body)
    why = f"{type(error).__name__}: {error}"
    say("message_poisoned", level=logging.ERROR, about=about[:200], why=why[:500])
    try:
        world.troubles.note(Trouble(about=about, run_id=run_id, at=world.now(), why=why))
    except StorageError as unwritten:
        say("trouble_unwritten", level=logging.ERROR, about=about[:200], why=unwritten)


def trouble_of(world: World, run_id: str) -> Trouble | None:
    """Why a run under way does not go on; None when it does, or has again."""
    trouble = world.troubles.of(run_id)
    return trouble if trouble is not None and _lasts(world, trouble) else None


def troubles(world: World) -> Iterator[Trouble]:
    """Everything that does not go on."""
    return (trouble for trouble in world.troubles.all() if _lasts(world, trouble))


def _lasts(world: World, trouble: Trouble) -> bool:
    """A run that has changed since, or has ended, has no trouble any more."""
    if trouble.run_id is None:
        return True
    try:
        held = world.runs.load(trouble.run_id)
    except ValueError:  # it cannot be read: that is the trouble
        return True
    if held is None or held.run.status is not RunStatus.RUNNING:
        return False
    changes = world.runs.transitions(trouble.run_id)
    return all(change.at <= trouble.at for change in changes[-1:])


def _about(body: str) -> tuple[str, str | None]:
    try:
        message = from_body(body)
    except BadMessageError:
        return f"message {body[:200]}", None
    if isinstance(message, AdvanceMessage | CallBackMessage):
        return message.run_id, message.run_id
    if isinstance(message, PublishMessage):
        return f"events of {', '.join(message.run_ids) or 'no run'}", None
    if isinstance(message, BackfillMessage):
        return f"backfill {message.backfill_id}", None
    return f"place {message.place}", None
