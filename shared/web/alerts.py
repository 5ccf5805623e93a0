"""How it is with the events that Baton sends: what waits, since when, and what the topic says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from shared.relay.world import Alerts, World
from shared.web.views import time_view

GIVEN_UP_SHOWN = timedelta(days=1)


def alerts_view(world: World) -> dict[str, Any]:
    """The part `alerts` of `GET /api/health`. A topic that does not take events is a failure."""
    if world.alerts is None:
        return {"status": "ok", "configured": False, "waiting": 0, "waiting_since": None, "problems": []}
    problems = [{"code": code, "message": message} for code, message in _problems(world.alerts, world.now())]
    waiting = _waiting(world.alerts)
    return {
        "status": "failing" if problems else "ok",
        "configured": True,
        "waiting": len(waiting),
        "waiting_since": time_view(min(waiting, default=None)),
        "problems": problems,
    }


def _waiting(alerts: Alerts) -> list[datetime]:
    """Since when each run and each subject waits."""
    runs = [due.since for due in alerts.marks.all()]
    subjects: dict[str, datetime] = {}
    for held in alerts.outbox.waiting():
        subjects.setdefault(held.waiting.alert.subject, held.waiting.alert.time)
    return [*runs, *subjects.values()]


def _problems(alerts: Alerts, now: datetime) -> Iterator[tuple[str, str]]:
    state = alerts.outbox.topic()
    if state.since is not None:
        told = f"since {time_view(state.since)}, {state.failures} tries; next at {time_view(state.not_before)}"
        yield state.code, f"Events are not taken ({told}). {state.message}"
    gone = state.given_up
    if gone is not None and now < gone.at + GIVEN_UP_SHOWN:
        yield "alert_given_up", f"Event {gone.id} was never taken, and was left out: {gone.why}"
