"""`GET /api/health`: for every connection, whether what the chains need of it works, and if not, exactly why."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from shared.app import Baton
from shared.core.definition import Connection, StepDefinition
from shared.core.errors import BatonError
from shared.ports import Problem
from shared.relay.on_event import refused_events
from shared.relay.trouble import troubles
from shared.web.alerts import alerts_view
from shared.web.answer import Answer, json_answer

MOST_AT_ONCE = 8
MOST_TOLD = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A connection, what keeps it from working, and what works today and will not for long."""

    connection: Connection
    problems: Sequence[Problem]
    warnings: Sequence[Problem] = ()


def health(baton: Baton) -> Answer:
    """200 when all is well, else 503; the body says the same either way. Warnings leave it at 200."""
    failing_looks = _failing_looks(baton)
    told = [_view(checked, failing_looks.get(checked.connection.name, ())) for checked in check_all(baton)]
    messages = _messages(baton)
    events = _events(baton)
    alerts = alerts_view(baton.world)
    well = all(item["status"] == "ok" for item in (*told, messages, events, alerts))
    body = {
        "status": "ok" if well else "failing",
        "connections": told,
        "messages": messages,
        "events": events,
        "alerts": alerts,
    }
    return json_answer(200 if well else 503, body)


def check_all(baton: Baton) -> list[Checked]:
    """Asks every connection's service, some at a time; in the order of the chains file."""
    with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
        return list(pool.map(lambda each: _checked(baton, each), baton.chains_file.connections.values()))


def _checked(baton: Baton, connection: Connection) -> Checked:
    try:
        problems = baton.world.services(connection).check(_definitions(baton, connection))
        warnings = baton.identities.of(connection.credential).warnings()
    except BatonError as error:
        return Checked(connection=connection, problems=[Problem(error.code, error.message)])
    return Checked(connection=connection, problems=problems, warnings=warnings)


def _definitions(baton: Baton, connection: Connection) -> list[StepDefinition]:
    chains = baton.chains_file.chains.values()
    steps = [step for chain in chains for step in chain.steps]
    followed = [follow.as_step() for chain in chains for follow in chain.follows]
    return [step for step in (*steps, *followed) if step.connection.name == connection.name]


def _failing_looks(baton: Baton) -> dict[str, list[Problem]]:
    """Watches whose last looks did not work: their jobs go on, but nobody can see them. The same of follows."""
    failing: dict[str, list[Problem]] = {}
    for held in baton.world.places.watches():
        if held.watch.error is not None:
            text = f"Running jobs cannot be looked at ({held.watch.failures} times in a row). {held.watch.error}"
            failing.setdefault(held.watch.place.connection.name, []).append(Problem("look_failed", text))
    for followed in (held.followed for held in baton.world.follows.all()):
        problems = failing.setdefault(followed.place.connection.name, [])
        if followed.error is not None:
            text = f"What is followed cannot be looked at ({followed.failures} times in a row). {followed.error}"
            problems.append(Problem("look_failed", text))
        told = [one.error for one in followed.progress.values() if one.error and one.absent_since is None]
        problems += [Problem("follow_refused", text) for text in told]
    return failing


def _messages(baton: Baton) -> dict[str, Any]:
    """Work messages that could not be done, and the runs that do not go on because of it.

    Once the poison queue has been emptied, a message about no run is nobody's trouble any more.
    """
    poison = baton.poison.length()
    lasting = [trouble for trouble in troubles(baton.world) if trouble.run_id or poison]
    problems = [Problem("message_failed", f"{trouble.about}: {trouble.why}") for trouble in lasting[:MOST_TOLD]]
    return {
        "status": "failing" if lasting else "ok",
        "poison": poison,
        "problems": [_shown(problem) for problem in problems],
    }


def _events(baton: Baton) -> dict[str, Any]:
    """Events that could start no run though a chain waits for them, and how many no chain waits for."""
    refused = refused_events(baton.world)
    unmatched = baton.world.events.unmatched(baton.world.now())
    problems = [Problem("event_refused", f"{one.place}: {one.why}") for one in refused[:MOST_TOLD]]
    return {
        "status": "failing" if refused else "ok",
        "unmatched_today": unmatched.count,
        "last_unmatched_type": unmatched.last_type or None,
        "problems": [_shown(problem) for problem in problems],
    }


def _view(checked: Checked, failing_looks: Sequence[Problem]) -> dict[str, Any]:
    problems = [*checked.problems, *failing_looks]
    return {
        "name": checked.connection.name,
        "type": checked.connection.type,
        "status": "failing" if problems else "ok",
        "problems": [_shown(problem) for problem in problems],
        "warnings": [_shown(warning) for warning in checked.warnings],
    }


def _shown(problem: Problem) -> dict[str, str]:
    return {"code": problem.code, "message": problem.message}
