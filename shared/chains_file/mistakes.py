"""What is wrong with a chains file: every mistake with its path, its line, and what to do."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Mistake:
    """`path` like `chains.sales-daily.steps.load.after[0]`; `line` counts from 1, None where it is unknown."""

    path: str
    message: str
    line: int | None = None

    def __str__(self) -> str:
        where = f" (line {self.line})" if self.line else ""
        return f"{self.path}: {self.message}{where}" if self.path else f"{self.message}{where}"


class ChainsFileError(Exception):
    """A chains file that cannot be used. `str` of it lists every mistake, one a line."""

    def __init__(self, name: str, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        count = "1 mistake" if len(self.mistakes) == 1 else f"{len(self.mistakes)} mistakes"
        super().__init__("\n".join([f"{name} has {count}:", *(f"  {mistake}" for mistake in self.mistakes)]))


class Mistakes:
    """Gathers mistakes, and knows on which line each path stands."""

    def __init__(self, lines: Mapping[Path, int]) -> None:
        self._lines = lines
        self._found: list[Mistake] = []

    def add(self, path: Path, message: str) -> None:
        known = path
        while known and known not in self._lines:
            known = known[:-1]
        mistake = Mistake(shown(path), message, self._lines.get(known))
        if mistake not in self._found:
            self._found.append(mistake)

    def all(self) -> list[Mistake]:
        """In the order of the file."""
        return sorted(self._found, key=lambda mistake: mistake.line or 0)


def shown(path: Path) -> str:
    """`chains.sales.steps.load.after[0]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def nearest(name: str, known: Collection[str]) -> str:
    """`; did you mean 'x'?`, or what there is, or nothing."""
    close = get_close_matches(name, sorted(known), 1, 0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; there are {', '.join(sorted(known))}" if known else "; there are none"


def in_words(error: ErrorDetails, hints: Mapping[str, str], fields: Collection[str]) -> str:
    """pydantic's finding in plain words, without the value: that may come from an app setting."""
    context: Mapping[str, Any] = error.get("ctx") or {}
    plain = _PLAIN.get(error["type"])
    if plain is not None:
        return plain
    match error["type"]:
        case "extra_forbidden":
            field = str(error["loc"][-1])
            return _NEVER.get(field) or f"unknown field{nearest(field, fields)}"
        case "union_tag_invalid":
            return f"unknown type; there are {str(context.get('expected_tags', '')).replace(chr(39), '')}"
        case "string_pattern_mismatch":
            return hints.get(str(context.get("pattern")), "has the wrong form")
        case "literal_error":
            return f"must be {context.get('expected')}"
    return (
        error["msg"].replace("Input should", "must").replace("String should", "must").replace("Dictionary", "it")
    )


_NO_MAIL = (
    "is never sent: Power BI takes it neither from a service principal nor for an enhanced refresh; leave it out"
)
_NEVER = {"notify_option": _NO_MAIL, "notifyOption": _NO_MAIL}
_PLAIN = {
    "missing": "is required",
    "union_tag_not_found": "type is required",
    "dict_type": "must be a mapping of names to values",
    "model_type": "must be a mapping of names to values",
    "model_attributes_type": "must be a mapping of names to values",
    "tuple_type": "must be a list, like [a, b]",
    "string_type": "must be a text (put it in quotes)",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
}
