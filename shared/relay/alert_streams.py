"""Where events come from: a run's transitions, or the outbox. Each stream is sent in its order."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from shared.core.alerts import Alert, alert_of
from shared.core.errors import RefusedError
from shared.core.run import RunStatus
from shared.core.timing import backoff_seconds
from shared.relay.world import Alerts, World, say
from shared.store.alerts import Unsent
from shared.store.outbox import GivenUp, HeldWaiting

NEVER_CREATED = timedelta(minutes=10)  # as of pointers: an announced run that is not there by then never will be
MOST_REFUSALS = 12  # of one event, over about six hours; then it is given up, and what follows goes out
FIRST_PAUSE_SECONDS = 60.0
LONGEST_PAUSE_SECONDS = 3_600.0


class Stream(Protocol):
    """Events that are sent in this order."""

    @property
    def alerts(self) -> Sequence[Alert]:
        """What is to be sent."""

    def sent(self, alert: Alert) -> None:
        """The topic has taken this event, and with it all before."""

    def refused(self, alert: Alert, error: RefusedError) -> bool:
        """The topic will not have this event. True: it is given up, and the next ones may go."""


@dataclass(slots=True)
class RunStream:
    """The events of one run, up to this number of transitions."""

    world: World
    to: Alerts
    unsent: Unsent
    transitions: int
    ended: bool
    alerts: Sequence[Alert]

    def sent(self, alert: Alert) -> None:
        if alert is self.alerts[-1]:
            self.to.marks.done(self.unsent, self.transitions, ended=self.ended)
        else:
            self.unsent = self.to.marks.progress(self.unsent, alert.sequence)

    def refused(self, alert: Alert, error: RefusedError) -> bool:
        refusals = self.unsent.refusals + 1
        if refusals >= MOST_REFUSALS:
            _give_up(self.world, self.to, alert, error)
            self.sent(alert)
            return True
        self.unsent = self.to.marks.progress(self.unsent, self.unsent.sent, refusals)
        due_at = _pause_until(self.world, refusals, alert, error)
        self.to.marks.put_off([replace(self.unsent.due, due_at=due_at)])
        return False


@dataclass(slots=True)
class SubjectStream:
    """The events in the outbox that are about one subject."""

    world: World
    to: Alerts
    held: list[HeldWaiting]

    @property
    def alerts(self) -> Sequence[Alert]:
        return [held.waiting.alert for held in self.held]

    def sent(self, alert: Alert) -> None:
        done = [held for held in self.held if held.waiting.alert.sequence <= alert.sequence]
        self.to.outbox.sent(done)

    def refused(self, alert: Alert, error: RefusedError) -> bool:
        held = next(held for held in self.held if held.waiting.alert.id == alert.id)
        refusals = held.waiting.refusals + 1
        if refusals >= MOST_REFUSALS:
            _give_up(self.world, self.to, alert, error)
            self.sent(alert)
            return True
        self.to.outbox.refused(held, _pause_until(self.world, refusals, alert, error))
        return False


def run_stream(world: World, to: Alerts, run_id: str) -> RunStream | None:
    """What of the run is unsent; None when that is nothing."""
    unsent = to.marks.of(run_id)
    if unsent is None:
        return None
    held = world.runs.load(run_id)
    if held is None:
        if world.now() > unsent.due.since + NEVER_CREATED:
            to.marks.forget(unsent)
        return None
    run = held.run
    changes = world.runs.transitions(run_id, after=unsent.sent)
    alerts = [alert for change in changes if change.number <= run.transitions and (alert := alert_of(run, change))]
    ended = run.status is not RunStatus.RUNNING
    if not alerts:
        to.marks.done(unsent, run.transitions, ended=ended)
        return None
    return RunStream(world, to, unsent, run.transitions, ended, alerts)


def _pause_until(world: World, refusals: int, alert: Alert, error: RefusedError) -> datetime:
    """When a refused event is tried again."""
    say(
        "alert_refused",
        level=logging.WARNING,
        alert=alert.id,
        refusals=refusals,
        code=error.code,
        why=error.message,
    )
    pause = backoff_seconds(refusals - 1, first=FIRST_PAUSE_SECONDS, most=LONGEST_PAUSE_SECONDS)
    return world.now() + timedelta(seconds=pause)


def _give_up(world: World, to: Alerts, alert: Alert, error: RefusedError) -> None:
    say("alert_given_up", level=logging.ERROR, alert=alert.id, type=alert.type, code=error.code, why=error.message)
    given_up = GivenUp(id=alert.id, at=world.now(), why=error.message[:1_000])
    to.outbox.note_topic(replace(to.outbox.topic(), given_up=given_up))
