"""`GET /api/health`: for every connection, whether what the chains need of it works, and if not, exactly why."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from shared.app import Baton
from shared.core.definition import Connection, StepDefinition
from shared.core.errors import BatonError
from shared.ports import Problem
from shared.relay.trouble import troubles
from shared.web.answer import Answer, json_answer

MOST_AT_ONCE = 8
MOST_TOLD = 50


def health(baton: Baton) -> Answer:
    """200 when all is well, else 503; the body says the same either way. Warnings leave it at 200."""
    connections = baton.chains_file.connections
    failing_looks = _failing_looks(baton)
    with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
        checks = {name: pool.submit(_checked, baton, connection) for name, connection in connections.items()}
    told = []
    for name, connection in connections.items():
        problems, warnings = checks[name].result()
        told.append(_view(connection, [*problems, *failing_looks.get(name, ())], warnings))
    messages = _messages(baton)
    well = all(item["status"] == "ok" for item in (*told, messages))
    body = {"status": "ok" if well else "failing", "connections": told, "messages": messages}
    return json_answer(200 if well else 503, body)


def _checked(baton: Baton, connection: Connection) -> tuple[Sequence[Problem], Sequence[Problem]]:
    """What keeps the connection from working, and what works today and will not for long."""
    try:
        problems = baton.world.services(connection).check(_definitions(baton, connection))
        return problems, baton.identities.of(connection.credential).warnings()
    except BatonError as error:
        return [Problem(error.code, error.message)], ()


def _definitions(baton: Baton, connection: Connection) -> list[StepDefinition]:
    chains = baton.chains_file.chains.values()
    return [step for chain in chains for step in chain.steps if step.connection.name == connection.name]


def _failing_looks(baton: Baton) -> dict[str, list[Problem]]:
    """Watches whose last looks did not work: their jobs go on, but nobody can see them."""
    failing: dict[str, list[Problem]] = {}
    for held in baton.world.places.watches():
        if held.watch.error is not None:
            text = f"Running jobs cannot be looked at ({held.watch.failures} times in a row). {held.watch.error}"
            failing.setdefault(held.watch.place.connection.name, []).append(Problem("look_failed", text))
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


def _view(connection: Connection, problems: Sequence[Problem], warnings: Sequence[Problem]) -> dict[str, Any]:
    return {
        "name": connection.name,
        "type": connection.type,
        "status": "failing" if problems else "ok",
        "problems": [_shown(problem) for problem in problems],
        "warnings": [_shown(warning) for warning in warnings],
    }


def _shown(problem: Problem) -> dict[str, str]:
    return {"code": problem.code, "message": problem.message}
