"""Route templates as ASP.NET writes them: `v1/runs/{id:guid}/{step?}`, `files/{*rest}`.

The first declared route whose path and method match wins. A known path with another method does not match, so
it is a 404, as on the real host.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

_GUID = re.compile(r"[0-9a-f]{32}|([({]?)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}([)}]?)", re.IGNORECASE)
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,20}")
_NUMBER = re.compile(r"[+-]?[0-9]*\.?[0-9]+")
_PARAMETER = re.compile(r"\{(\*{0,2})([A-Za-z_]\w*)((?::[A-Za-z]+(?:\([^)]*\))?)*)(\?)?(?:=([^}?]*))?\}")
_CONSTRAINT = re.compile(r":([A-Za-z]+)(?:\(([^)]*)\))?")

Check = Callable[[str], bool]


class RouteError(ValueError):
    """The template is invalid, or holds something that this host does not know."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One part between slashes. A literal has `literal`; a parameter has `name` and what it must satisfy."""

    literal: str = ""
    name: str = ""
    checks: tuple[Check, ...] = ()
    default: str | None = None
    optional: bool = False
    rest: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """One HTTP function's place. `full` is the template with its prefix. `methods` None stands for all of them."""

    template: str
    full: str
    segments: tuple[Segment, ...]
    methods: frozenset[str] | None


def parse_route(template: str, methods: frozenset[str] | None, *, prefix: str = "") -> Route:
    """`prefix` is host.json's routePrefix without slashes. Raises RouteError."""
    segments = tuple(_segment(part) for part in template.split("/") if part)
    for segment in segments[:-1]:
        if segment.rest or segment.optional:
            raise RouteError(f"{template!r}: only the last segment may be optional or a catch-all")
    names = [segment.name.lower() for segment in segments if segment.name]
    if len(names) != len(set(names)):
        raise RouteError(f"{template!r} has the same parameter twice")
    ahead = tuple(Segment(literal=part) for part in prefix.split("/") if part)
    full = f"{prefix}/{template}".strip("/")
    return Route(template=template, full=full, segments=ahead + segments, methods=methods)


def match_route(routes: Sequence[Route], method: str, raw_path: str) -> tuple[int, dict[str, str]] | None:
    """The index of the first route that takes the request, and its parameters' decoded values."""
    parts = [decode_segment(part) for part in raw_path.removeprefix("/").removesuffix("/").split("/")]
    if parts == [""]:
        parts = []
    for index, route in enumerate(routes):
        if route.methods is None or method in route.methods:
            values = _match(route.segments, parts)
            if values is not None:
                return index, values
    return None


def decode_segment(raw: str) -> str:
    """Percent-decoded as UTF-8, once. An encoded slash stays encoded; text that is not UTF-8 stays as it is."""
    pieces = re.split("(%2f)", raw, flags=re.IGNORECASE)
    try:
        return "".join(piece if piece.lower() == "%2f" else unquote(piece, errors="strict") for piece in pieces)
    except UnicodeDecodeError:
        return raw


def _match(segments: Sequence[Segment], parts: Sequence[str]) -> dict[str, str] | None:
    values: dict[str, str] = {}
    for index, segment in enumerate(segments):
        if segment.rest:
            rest = "/".join(parts[index:])
            return values | ({segment.name: rest} if rest else {})
        part = parts[index] if index < len(parts) else None
        if part is None:
            if segment.default is not None:
                values[segment.name] = segment.default
            elif not segment.optional:
                return None
        elif not _take(segment, part, values):
            return None
    return values if len(parts) <= len(segments) else None


def _take(segment: Segment, part: str, values: dict[str, str]) -> bool:
    if not segment.name:
        return part.lower() == segment.literal.lower()
    if not part or not all(check(part) for check in segment.checks):
        return False
    values[segment.name] = part
    return True


def _segment(part: str) -> Segment:
    if "{" not in part and "}" not in part:
        return Segment(literal=part)
    match = _PARAMETER.fullmatch(part)
    if match is None:
        raise RouteError(f"segment {part!r} is not a literal or one {{parameter}}; this host knows nothing else")
    stars, name, constraints, optional, default = match.groups()
    checks = tuple(_check(part, *found) for found in _CONSTRAINT.findall(constraints))
    return Segment(name=name, checks=checks, default=default, optional=bool(optional), rest=bool(stars))


def _check(part: str, name: str, argument: str) -> Check:
    if name.lower() in _PLAIN_CHECKS and not argument:
        return _PLAIN_CHECKS[name.lower()]
    if name.lower() in _CHECKS_WITH_NUMBERS:
        try:
            numbers = [int(number) for number in argument.split(",")]
            return _CHECKS_WITH_NUMBERS[name.lower()](*numbers)
        except (ValueError, TypeError) as error:
            raise RouteError(f"{part!r}: {name} needs one or two whole numbers in brackets") from error
    raise RouteError(f"{part!r}: this host does not know the constraint {name!r}")


def _whole(low: int, high: int) -> Check:
    return lambda text: _WHOLE_NUMBER.fullmatch(text) is not None and low <= int(text) <= high


def _length(low: int, high: int | None = None) -> Check:
    return lambda text: low <= len(text) <= (low if high is None else high)


def _guid(text: str) -> bool:
    match = _GUID.fullmatch(text)
    return match is not None and (match.group(1) or "", match.group(3) or "") in {("", ""), ("{", "}"), ("(", ")")}


_PLAIN_CHECKS: Mapping[str, Check] = {
    "int": _whole(-(2**31), 2**31 - 1),
    "long": _whole(-(2**63), 2**63 - 1),
    "bool": lambda text: text.lower() in {"true", "false"},
    "guid": _guid,
    "alpha": lambda text: text.isascii() and text.isalpha(),
    "decimal": lambda text: _NUMBER.fullmatch(text) is not None,
    "double": lambda text: _NUMBER.fullmatch(text) is not None,
    "float": lambda text: _NUMBER.fullmatch(text) is not None,
}
_CHECKS_WITH_NUMBERS: Mapping[str, Callable[..., Check]] = {
    "min": lambda low: _whole(low, 2**63 - 1),
    "max": lambda high: _whole(-(2**63), high),
    "range": _whole,
    "length": _length,
    "minlength": lambda low: _length(low, 2**31),
    "maxlength": lambda high: _length(0, high),
}
