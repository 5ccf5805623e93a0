"""The Jinja2 environment of templates: what is not listed here does not exist, and all work has a limit.

Every operator, filter, call, list and turn of a loop is counted by the rendering's meter.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

from jinja2 import StrictUndefined, nodes, pass_context
from jinja2 import filters as jinja_filters
from jinja2.exceptions import SecurityError, TemplateAssertionError
from jinja2.runtime import Context, LoopContext, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from shared.core.metering import MAX_SIZE, Meter, bounded_join, bounded_replace, check_operation, text_of

MAX_FORMAT = 200  # characters of what strftime takes
WORK = " work"  # the meter's name in a rendering: no template can write it

_EACH, _JOINED, _MADE, _WEIGHED = " each", " joined", " made", " weighed"
_TEXT_METHODS = """
capitalize casefold count endswith find index isalnum isalpha isascii isdecimal isdigit islower isnumeric isspace
istitle isupper join lower lstrip partition removeprefix removesuffix replace rfind rindex rpartition rsplit rstrip
split splitlines startswith strip swapcase title upper
"""
_TIME_MEMBERS = """
year month day hour minute second microsecond date timestamp weekday isoweekday isocalendar isoformat strftime
replace toordinal
"""
_LOOP_MEMBERS = "index index0 revindex revindex0 first last length previtem nextitem"
_MAPPING_MEMBERS = frozenset({"get", "items", "keys", "values"})
_MEMBERS: tuple[tuple[type, frozenset[str]], ...] = (
    (str, frozenset(_TEXT_METHODS.split())),
    (date, frozenset(_TIME_MEMBERS.split())),  # datetime too
    (timedelta, frozenset({"days", "seconds", "total_seconds"})),
    (Mapping, _MAPPING_MEMBERS),
    (tuple, frozenset({"year", "week", "weekday"})),  # isocalendar's
    (list, frozenset({"count", "index"})),
    (LoopContext, frozenset(_LOOP_MEMBERS.split())),
)
_BOUNDED: Mapping[str, Callable[..., str]] = {"join": bounded_join, "replace": bounded_replace}
_FILTERS = """
abs capitalize count d default dictsort first float int items last length list lower map max min reject rejectattr
reverse select selectattr sort title trim unique upper urlencode wordcount
"""
_STATEMENTS = (nodes.Template, nodes.Output, nodes.If, nodes.For, nodes.Assign)


class Environment(ImmutableSandboxedEnvironment):
    """Only what is listed, and all of it counted."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def __init__(self, filters: Mapping[str, Callable[..., Any]]) -> None:
        super().__init__(undefined=StrictUndefined, autoescape=False, finalize=_finalized)
        own: dict[str, Callable[..., Any]] = {"join": _join, "replace": _replace, "tojson": _to_json}
        own |= {"round": _round, "string": text_of, "sum": _sum}
        taken = {name: jinja_filters.FILTERS[name] for name in _FILTERS.split()}
        self.filters = {name: _metered(filter_) for name, filter_ in {**taken, **own, **filters}.items()}
        self.filters |= {_EACH: _each, _JOINED: _joined, _MADE: _made, _WEIGHED: _weighed}
        self.globals = {"range": _range}

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:  # noqa: ARG002  as Jinja calls it
        return any(attr in members for kind, members in _MEMBERS if isinstance(obj, kind))

    def is_safe_callable(self, obj: Any) -> bool:
        owner = getattr(obj, "__self__", None)
        return obj is _range or self.is_safe_attribute(owner, getattr(obj, "__name__", ""), obj)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A member of data is there even when it is called like a method that is not: `parameters.copy`."""
        if isinstance(obj, Mapping) and attribute in obj and attribute not in _MAPPING_MEMBERS:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        if isinstance(obj, Undefined):
            str(obj)  # says what is undefined
        if not self.is_safe_callable(obj):
            raise SecurityError(f"a {type(obj).__name__} cannot be called here")
        meter = _meter(context)
        owner, name = getattr(obj, "__self__", None), obj.__name__
        for value in (owner, *args, *kwargs.values()):
            meter.weighed(value)
        if isinstance(owner, str) and name in _BOUNDED:
            return meter.made(_BOUNDED[name](owner, *args, **kwargs))
        if name == "strftime" and any(len(str(value)) > MAX_FORMAT for value in args):
            raise SecurityError(f"strftime takes at most {MAX_FORMAT} characters")
        return meter.made(super().call(context, obj, *args, **kwargs))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        meter = _meter(context)
        sizes = meter.weighed(left), meter.weighed(right)
        check_operation(operator, left, right, sizes)
        return meter.made(super().call_binop(context, operator, left, right))

    def _generate(
        self, source: nodes.Template, name: str | None, filename: str | None, defer_init: bool = False
    ) -> str:
        return super()._generate(_Counting().visit(source), name, filename, defer_init)

    @staticmethod
    def concat(parts: Iterable[str]) -> str:
        """All output of a template, which ends when it is too long."""
        kept = []
        left = MAX_SIZE
        for part in parts:
            left -= len(part)
            if left < 0:
                raise SecurityError(f"gives more than {MAX_SIZE:,} characters")
            kept.append(part)
        return "".join(kept)


class _Counting(NodeTransformer):
    """Puts the counting into a template's tree, and refuses statements that are not listed."""

    def generic_visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> nodes.Node:
        if isinstance(node, nodes.Stmt) and not isinstance(node, _STATEMENTS):
            word = type(node).__name__.lower()
            raise TemplateAssertionError(f"{word} has no place here; there are if, for and set", node.lineno)
        return super().generic_visit(node, *args, **kwargs)

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802  as the visitor finds it
        if node.recursive:
            raise TemplateAssertionError("a loop cannot be recursive here", node.lineno)
        parts = sum(1 for _ in node.find_all(nodes.Node))
        self.generic_visit(node)
        node.iter = _filtered(_EACH, cast("nodes.Expr", node.iter), nodes.Const(parts))
        return node

    def visit_NSRef(self, node: nodes.NSRef) -> nodes.Node:  # noqa: N802  as the visitor finds it
        raise TemplateAssertionError("set takes plain names only", node.lineno)

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802  as the visitor finds it
        self.generic_visit(node)
        return _filtered(_JOINED, nodes.List(node.nodes, lineno=node.lineno))

    def visit_List(self, node: nodes.List) -> nodes.Node:  # noqa: N802  as the visitor finds it
        self.generic_visit(node)
        return _filtered(_MADE, node)

    def visit_Dict(self, node: nodes.Dict) -> nodes.Node:  # noqa: N802  as the visitor finds it
        self.generic_visit(node)
        return _filtered(_MADE, node)

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:  # noqa: N802  as the visitor finds it
        self.generic_visit(node)
        return node if node.ctx == "store" else _filtered(_MADE, node)

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:  # noqa: N802  as the visitor finds it
        self.generic_visit(node)
        node.expr = _filtered(_WEIGHED, node.expr)
        for operand in node.ops:
            operand.expr = _filtered(_WEIGHED, operand.expr)
        return node

    def visit_Test(self, node: nodes.Test) -> nodes.Node:  # noqa: N802  as the visitor finds it
        self.generic_visit(node)
        if node.name not in ("defined", "undefined"):
            node.node = _filtered(_WEIGHED, node.node)
        node.args = [_filtered(_WEIGHED, argument) for argument in node.args]
        return node


def _filtered(name: str, node: nodes.Expr, *arguments: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(node, name, list(arguments), [], None, None, lineno=node.lineno)


def _meter(context: Context) -> Meter:
    meter = context.resolve(WORK)
    assert isinstance(meter, Meter)
    return meter


@pass_context
def _finalized(context: Context, value: Any) -> Any:
    _meter(context).made(value)
    return text_of(value)


@pass_context
def _each(context: Context, values: Iterable[Any], parts: int) -> Iterator[Any]:
    """A loop's values. `parts`: what each turn costs, by what there is to do in it."""
    return _meter(context).each(values, parts)


@pass_context
def _joined(context: Context, values: Iterable[Any]) -> str:
    """Texts that `~` puts together."""
    meter = _meter(context)
    return str(meter.made("".join(text_of(meter.made(value)) for value in values)))


@pass_context
def _made(context: Context, value: Any) -> Any:
    return _meter(context).made(value)


@pass_context
def _weighed(context: Context, value: Any) -> Any:
    _meter(context).weighed(value)
    return value


def _metered(filter_: Callable[..., Any]) -> Callable[..., Any]:
    """The filter, with what it is given and what it gives counted."""
    wants = getattr(getattr(filter_, "jinja_pass_arg", None), "name", None)

    @pass_context
    def metered(context: Context, value: Any, *args: Any, **kwargs: Any) -> Any:
        meter = _meter(context)
        for given in (value, *args, *kwargs.values()):
            meter.weighed(given)
        first = {"context": context, "eval_context": context.eval_ctx, "environment": context.environment}
        passed = (first[wants],) if wants else ()
        return meter.made(filter_(*passed, value, *args, **kwargs))

    return metered


def _range(*bounds: int) -> range:
    made = range(*bounds)
    if len(made) > MAX_SIZE:
        raise SecurityError(f"a range may be at most {MAX_SIZE:,} long")
    return made


@pass_context
def _join(context: Context, values: Iterable[Any], d: str = "", attribute: str | int | None = None) -> str:
    if attribute is not None:
        values = map(jinja_filters.make_attrgetter(context.environment, attribute), values)
    return bounded_join(str(d), [text_of(value) for value in values])


def _replace(value: Any, old: str, new: str, count: int = -1) -> str:
    return bounded_replace(text_of(value), str(old), str(new), count)


def _round(value: float, precision: int = 0) -> float:
    return round(value, min(precision, 100))


@pass_context
def _sum(context: Context, values: Iterable[Any], attribute: str | int | None = None) -> Any:
    if attribute is not None:
        values = map(jinja_filters.make_attrgetter(context.environment, attribute), values)
    return sum(values)


def _to_json(value: Any) -> str:
    """Compact, and no HTML in mind."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def shift(time: datetime, **by: float) -> datetime:
    """`trigger.time | shift(days=-1)`: yesterday."""
    return time + timedelta(**by)


def in_zone(time: datetime, zone: str) -> datetime:
    """`trigger.time | in_zone('Europe/Berlin')`: what clocks show there."""
    return time.astimezone(ZoneInfo(zone))
