"""Reading what callers send as JSON: exactly what it says, or an error that says where it is wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.core.rerun import FROM_FAILED
from shared.core.web_hook import address_problem
from shared.settings import Settings
from shared.web.answer import Mistake, ProblemError
from shared.web.limits import MAX_BODY_BYTES, MOST_DIGITS

_OF_A_START = ("parameters", "force", "callBackUri")


class UnusableError(ValueError):
    """JSON that readers understand differently, or that no reader can keep."""


@dataclass(frozen=True, slots=True)
class StartBody:
    """What a start's body says. `force`: also when the chain is paused. `call_back`: whom to tell of its end."""

    parameters: Mapping[str, Any]
    force: bool = False
    call_back: str | None = field(default=None, repr=False)


def start_body(body: bytes, settings: Settings) -> StartBody:
    """A start's body: nothing, or `{"parameters": {...}}` and what may stand beside it. Raises ProblemError."""
    told = _told(body, '{"parameters": {...}}')
    mistakes = [
        Mistake(name, f"unknown; a start takes {', '.join(_OF_A_START)}")
        for name in told
        if name not in _OF_A_START
    ]
    parameters, force = told.get("parameters", {}), told.get("force", False)
    if not isinstance(parameters, dict):
        mistakes.append(Mistake("parameters", "must be an object"))
    if not isinstance(force, bool):
        mistakes.append(Mistake("force", "must be true or false"))
    address = told.get("callBackUri")
    problem = None if address is None else _address_problem(address, settings)
    if problem is not None:
        mistakes.append(Mistake("callBackUri", problem))
    if mistakes:
        raise ProblemError(400, "The body does not fit.", errors=mistakes)
    return StartBody(dict(parameters), force, address)


def _address_problem(address: object, settings: Settings) -> str | None:
    if not isinstance(address, str):
        return "must be a text"
    return address_problem(address, settings.callback_hosts, loopback=settings.allow_loopback)


def object_of(body: bytes, example: str) -> dict[str, Any]:
    """The JSON object that a body holds; an empty one for no body. Raises ProblemError."""
    return _told(body, example)


def rerun_begin(body: bytes) -> str:
    """The `from` of a rerun's body: "failed" (also without a body), "start" or a step. Raises ProblemError."""
    told = _told(body, '{"from": "failed"}')
    mistakes = [Mistake(name, "unknown; a rerun takes only 'from'") for name in told if name != "from"]
    begin = told.get("from", FROM_FAILED)
    if not isinstance(begin, str):
        mistakes.append(Mistake("from", "must be 'failed', 'start' or a step's name"))
    if mistakes:
        raise ProblemError(400, "The body does not fit.", errors=mistakes)
    return str(begin)


def _told(body: bytes, example: str) -> dict[str, Any]:
    """The JSON object; an empty one for no body."""
    if len(body) > MAX_BODY_BYTES:
        raise ProblemError(413, f"The body is over {MAX_BODY_BYTES:,} bytes.")
    if not body.strip():
        return {}
    told = parsed_json(body)
    if not isinstance(told, dict):
        raise ProblemError(400, f"The body must be a JSON object: {example}.")
    return told


def parsed_json(body: bytes) -> Any:
    """Any JSON value. Raises ProblemError."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ProblemError(400, f"The body is not UTF-8: byte {error.start} begins no character.") from error
    try:
        return json.loads(text, parse_int=_whole, object_pairs_hook=_object)
    except RecursionError as error:
        raise ProblemError(400, "The body is nested too deep.") from error
    except UnusableError as error:
        raise ProblemError(400, f"The body cannot be used: {error}.") from error
    except ValueError as error:
        raise ProblemError(400, f"The body is no JSON: {error}") from error


def _whole(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise UnusableError(f"it holds a number of {len(digits):,} digits; {MOST_DIGITS:,} are the most")
    return int(digits)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        doubled = next(name for name in made if names.count(name) > 1)
        raise UnusableError(f"the name {doubled[:200]!r} stands twice in one object")
    return made
