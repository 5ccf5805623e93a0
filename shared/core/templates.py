"""Templates in step parameters: Jinja2 in its sandbox, checked when the file is read, rendered when a step starts.

What a template sees:
`parameters` - the run's parameters, by name;
`trigger` - `{type, time}`, time an aware UTC datetime;
`steps` - by name, of the steps before: `{status, output, started_at, finished_at, job: {id}}`;
`run` - `{id, chain, created_at}`.

A text that is one `{{ expression }}` gives the expression's value with its type; any other text gives text.
Values are data: what they hold is never rendered again. Times have two filters of their own: `shift(days=-1)` and
`in_zone('Europe/Berlin')`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from jinja2 import Environment, nodes

MEMBERS = {
    "trigger": frozenset({"type", "time"}),
    "run": frozenset({"id", "chain", "created_at"}),
}
NAMES = ("parameters", "trigger", "steps", "run")
MAX_RESULT_CHARACTERS = 65_536
MAX_REPEAT = 10_000  # how long `*` may make a text or a list
MAX_POWER = 1_000
_FILLERS = frozenset({"center", "expandtabs", "format", "format_map", "ljust", "rjust", "zfill"})
_SINGLE = re.compile(r"\s*\{\{-?(.*?)-?\}\}\s*", re.DOTALL)


class TemplateError(Exception):
    """A template that cannot be rendered: where it stands, and why."""


def check(text: str, *, parameters: Collection[str], steps: Collection[str]) -> list[str]:
    """What is wrong with a template, before there is any run. `steps`: those that surely end before this one."""
    from jinja2 import TemplateSyntaxError

    environment = _environment()
    try:
        tree = environment.parse(text)
        environment.compile(tree)
    except TemplateSyntaxError as error:
        return [f"template: {error.message}"]
    return list(_mistakes(tree, parameters, steps))


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

    try:
        expression = _expression(text)
        if expression is None:
            result: Any = _template(text).render(context)
        else:
            result = _compiled(expression)(**context)
            if isinstance(result, Undefined):
                str(result)  # says what is undefined
        return _json(result, place)
    except JinjaError as error:
        raise TemplateError(f"{place}: {error.message}") from error
    except (ArithmeticError, TypeError, ValueError, LookupError, AttributeError, RecursionError) as error:
        raise TemplateError(f"{place}: {type(error).__name__}: {error}") from error


def _json(value: Any, place: str) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): _json(item, f"{place}.{name}") for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json(item, f"{place}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, str):
        if len(value) > MAX_RESULT_CHARACTERS:
            raise TemplateError(f"{place}: gives more than {MAX_RESULT_CHARACTERS:,} characters")
        return str(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    raise TemplateError(f"{place}: gives a {type(value).__name__}, which is no JSON value")


def _mistakes(tree: nodes.Template, parameters: Collection[str], steps: Collection[str]) -> Iterator[str]:
    from jinja2 import meta, nodes

    for name in sorted(meta.find_undeclared_variables(tree) - set(NAMES)):
        yield f"unknown name {name!r}; there are {', '.join(NAMES)}"
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
    from jinja2 import StrictUndefined
    from jinja2.exceptions import SecurityError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Bounded(ImmutableSandboxedEnvironment):
        """No way to the file system, the environment or Python's insides, and no easy way to fill the memory."""

        intercepted_binops = frozenset({"*", "**", "%"})

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            sizes = [len(value) for value in (left, right) if isinstance(value, str | list | tuple)]
            counts = [abs(value) for value in (left, right) if isinstance(value, int)]
            if operator == "*" and sizes and counts and sizes[0] * counts[0] > MAX_REPEAT:
                raise SecurityError(f"a repetition may be at most {MAX_REPEAT:,} long")
            if operator == "**" and any(count > MAX_POWER for count in counts):
                raise SecurityError(f"numbers in a power may be at most {MAX_POWER:,}")
            if operator == "%" and isinstance(left, str):
                raise SecurityError("text cannot be formatted with %; use ~ to join texts")
            return super().call_binop(context, operator, left, right)

        def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
            fills = isinstance(obj, str) and attr in _FILLERS
            return not fills and super().is_safe_attribute(obj, attr, value)

    environment = Bounded(undefined=StrictUndefined, autoescape=False)
    for name in ("cycler", "joiner", "lipsum", "namespace", "dict"):
        environment.globals.pop(name, None)
    environment.filters["shift"] = _shift
    environment.filters["in_zone"] = _in_zone
    for name in ("center", "format", "indent", "pprint", "random", "xmlattr"):
        environment.filters.pop(name, None)
    return environment


def _shift(time: datetime, **by: float) -> datetime:
    """`trigger.time | shift(days=-1)`: yesterday."""
    return time + timedelta(**by)


def _in_zone(time: datetime, zone: str) -> datetime:
    """`trigger.time | in_zone('Europe/Berlin')`: what clocks show there."""
    return time.astimezone(ZoneInfo(zone))


@lru_cache(maxsize=512)
def _template(text: str) -> Any:
    return _environment().from_string(text)


@lru_cache(maxsize=512)
def _compiled(expression: str) -> Any:
    return _environment().compile_expression(expression, undefined_to_none=False)
