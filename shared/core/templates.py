"""Templates in step parameters: Jinja2 in its sandbox, checked when the file is read, rendered when a step starts.

What a template sees:
`parameters` - the run's parameters, by name;
`trigger` - `{type, time, event, job}`, time an aware UTC datetime; event None unless one started the run, else
`{id, type, source, subject, time, data}`; job the one that was followed, or None;
`steps` - by name, of the steps before: `{status, output, started_at, finished_at, job: {id}}`;
`run` - `{id, chain, created_at}`;
`callback_url` - the address that the job may call when it is done.
The parameters of a follow see `job` alone: the job that ended.

A text that is one `{{ expression }}` gives the expression's value with its type; any other text gives text.
Values are data: what they hold is never rendered again. Times have two filters of their own: `shift(days=-1)` and
`in_zone('Europe/Berlin')`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from shared.core.run import FollowedJob
from shared.core.values import value_problem

if TYPE_CHECKING:
    from jinja2 import nodes

    from shared.core.sandbox import Environment

MEMBERS = {
    "trigger": frozenset({"type", "time", "event", "job"}),
    "event": frozenset({"id", "type", "source", "subject", "time", "data"}),
    "run": frozenset({"id", "chain", "created_at"}),
    "job": frozenset(field.name for field in fields(FollowedJob)),
}
NAMES = ("parameters", "trigger", "steps", "run", "callback_url")
EVENT_NAMES = ("event",)  # what the templates see that make a run's parameters of an event
FOLLOW_NAMES = ("job",)
MAX_TEMPLATE_CHARACTERS = 16_384
# What odd templates make Python and Jinja raise, besides Jinja's own errors: a bad zone name ends in OSError, a
# number of 5,000 digits in ValueError, deep brackets in RecursionError or MemoryError, deep loops in SyntaxError.
_FAULTS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RecursionError,
    SyntaxError,
    TypeError,
    ValueError,
)
_SINGLE = re.compile(r"\s*\{\{-?(.*?)-?\}\}\s*", re.DOTALL)


class TemplateError(Exception):
    """A template that cannot be rendered: where it stands, and why."""


def check(
    text: str, *, parameters: Collection[str], steps: Collection[str], names: Collection[str] = NAMES
) -> list[str]:
    """What is wrong with a template, before there is any run. `steps`: those that surely end before this one."""
    from jinja2 import TemplateSyntaxError

    if len(text) > MAX_TEMPLATE_CHARACTERS:
        return [f"template: may have at most {MAX_TEMPLATE_CHARACTERS:,} characters"]
    environment = _environment()
    try:
        environment.compile(text)
        return list(_mistakes(environment.parse(text), parameters, steps, names))
    except TemplateSyntaxError as error:
        return [f"template: {error.message}"]
    except _FAULTS as error:
        return [f"template: {_fault(error)}"]


def render(value: Any, context: Mapping[str, Any], place: str = "parameters") -> Any:
    """The value with every text in it rendered, as JSON data. Raises TemplateError naming the place."""
    if isinstance(value, Mapping):
        return {name: render(item, context, f"{place}.{name}") for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [render(item, context, f"{place}[{index}]") for index, item in enumerate(value)]
    if not isinstance(value, str) or "{" not in value:
        return value
    return _rendered(value, context, place)


def _rendered(text: str, context: Mapping[str, Any], place: str) -> Any:
    from jinja2 import TemplateError as JinjaError
    from jinja2 import Undefined

    from shared.core.metering import Meter
    from shared.core.sandbox import WORK

    meter = Meter()
    metered = {**context, WORK: meter}
    try:
        expression = _expression(text)
        if expression is None:
            result: Any = _template(text).render(metered)
        else:
            result = _compiled(expression)(metered)
            if isinstance(result, Undefined):
                str(result)  # says what is undefined
        return _usable(meter.made(result), place)
    except JinjaError as error:
        raise TemplateError(f"{place}: {error.message}") from error
    except _FAULTS as error:
        raise TemplateError(f"{place}: {_fault(error)}") from error


def _fault(error: BaseException) -> str:
    """A short sentence: some of these repeat all that they were given."""
    if isinstance(error, MemoryError | RecursionError | SyntaxError):
        return "is nested too deep"
    return f"{type(error).__name__}: {str(error)[:300]}"


def _usable(value: Any, place: str) -> Any:
    made = _json(value, place)
    problem = value_problem(made)
    if problem is not None:
        raise TemplateError(f"{place}: {problem}")
    return made


def _json(value: Any, place: str) -> Any:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise TemplateError(f"{place}: gives a time without a zone")
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): _json(item, f"{place}.{name}") for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json(item, f"{place}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, str):
        return str(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    raise TemplateError(f"{place}: gives a {type(value).__name__}, which is no JSON value")


def _mistakes(
    tree: nodes.Template, parameters: Collection[str], steps: Collection[str], names: Collection[str]
) -> Iterator[str]:
    from jinja2 import meta, nodes

    for name in sorted(meta.find_undeclared_variables(tree) - set(names)):
        yield f"unknown name {name!r}; there {'are' if len(names) > 1 else 'is'} {', '.join(names)}"
    for node in tree.find_all((nodes.Getattr, nodes.Getitem)):
        asked = _asked(node)
        if asked is None:
            continue
        holder, name = asked
        if holder == "parameters" and name not in parameters:
            yield f"the chain has no parameter {name!r}"
        if holder == "steps" and name not in steps:
            yield f"{name!r} is no step that surely ends before this one; add it to 'after'"
        if name not in MEMBERS.get(holder, {name}):
            yield f"{holder} has no {name!r}; it has {', '.join(sorted(MEMBERS[holder]))}"


def _asked(node: nodes.Node) -> tuple[str, str] | None:
    """`("steps", "load")` for `steps.load` and `steps['load']`."""
    from jinja2 import nodes

    if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name):
        return node.node.name, node.attr
    if not isinstance(node, nodes.Getitem) or not isinstance(node.node, nodes.Name):
        return None
    key = node.arg.value if isinstance(node.arg, nodes.Const) else None
    return (node.node.name, key) if isinstance(key, str) else None


@lru_cache(maxsize=512)
def _expression(text: str) -> str | None:
    """What stands between the braces of a text that is nothing but one expression."""
    from jinja2 import nodes

    match = _SINGLE.fullmatch(text)
    if match is None:
        return None
    body = _environment().parse(text.strip()).body
    if len(body) != 1 or not isinstance(body[0], nodes.Output) or len(body[0].nodes) != 1:
        return None
    return None if isinstance(body[0].nodes[0], nodes.TemplateData) else match[1]


@cache
def _environment() -> Environment:
    from shared.core.sandbox import Environment, in_zone, shift

    return Environment({"shift": shift, "in_zone": in_zone})


@lru_cache(maxsize=512)
def _template(text: str) -> Any:
    return _environment().from_string(text)


@lru_cache(maxsize=512)
def _compiled(expression: str) -> Any:
    return _environment().compile_expression(expression, undefined_to_none=False)
