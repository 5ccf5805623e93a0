"""How much a template may do: the size of what it makes, and the work of a whole rendering.

Nothing that a rendering makes is larger than MAX_SIZE, however often a part of it stands in it, and all that it
handles together comes to at most MAX_WORK. A text counts its characters, a list its items and their sizes.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from datetime import date, timedelta
from typing import Any

from jinja2.exceptions import SecurityError
from jinja2.runtime import Undefined

MAX_SIZE = 65_536  # of one value: characters and items, all the way down
MAX_WORK = 1_000_000  # of one rendering, in the same unit
MAX_BITS = 4_096  # of a whole number


class Meter:
    """How much work is left to one rendering."""

    def __init__(self) -> None:
        self._left = MAX_WORK

    def spend(self, amount: int) -> None:
        self._left -= amount
        if self._left < 0:
            raise SecurityError("takes too much work: use fewer or shorter loops, or smaller values")

    def weighed(self, value: Any) -> int:
        """The size of a value, which is spent."""
        size = 1
        if isinstance(value, str):
            size += len(value)
        elif isinstance(value, int):
            size += value.bit_length() // 8
        elif isinstance(value, range):
            size += len(value)
        elif isinstance(value, Mapping):
            self.spend(len(value))
            return size + sum(self.weighed(key) + self.weighed(item) for key, item in value.items())
        elif isinstance(value, list | tuple):
            self.spend(len(value))
            return size + sum(map(self.weighed, value))
        self.spend(size)
        return size

    def made(self, value: Any) -> Any:
        """The value, when it is not too large."""
        if isinstance(value, Iterator | KeysView | ValuesView | ItemsView):
            value = list(self.each(value, 1))
        if isinstance(value, int) and value.bit_length() > MAX_BITS:
            raise SecurityError(f"makes a whole number of more than {MAX_BITS:,} bits")
        if self.weighed(value) > MAX_SIZE:
            raise SecurityError(f"makes a value of more than {MAX_SIZE:,} characters and items")
        return value

    def each(self, values: Iterable[Any], parts: int) -> Iterator[Any]:
        for value in values:
            self.spend(parts)
            yield value


def text_of(value: Any) -> str:
    """As text in text. Data only: nothing shows of Python's insides."""
    if isinstance(value, list | tuple | Mapping):
        _check_data(value)
    elif not isinstance(value, str | bool | int | float | date | timedelta | Undefined | None):
        raise SecurityError(f"a {type(value).__name__} is no value")
    return str(value)


def _check_data(value: Any) -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            _check_data(key)
            _check_data(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_data(item)
    else:
        text_of(value)


def check_operation(operator: str, left: Any, right: Any, sizes: tuple[int, int]) -> None:
    """Refuses what would make something huge before anybody could look at it."""
    if operator == "%" and isinstance(left, str):
        raise SecurityError("text cannot be formatted with %; use ~ to join texts")
    if operator == "*":
        for value, size, times in ((left, sizes[0], right), (right, sizes[1], left)):
            if isinstance(value, str | list | tuple) and isinstance(times, int) and size * times > MAX_SIZE:
                raise SecurityError(f"a repetition may be at most {MAX_SIZE:,} long")
    if operator == "**" and isinstance(left, int) and isinstance(right, int):
        bits = left.bit_length() * abs(right)
        if bits > MAX_BITS:
            raise SecurityError(f"a power may have at most {MAX_BITS:,} bits")


def bounded_join(separator: str, values: Iterable[Any]) -> str:
    texts = list(values)
    if len(separator) * len(texts) + sum(len(text) for text in texts) > MAX_SIZE:
        raise SecurityError(f"makes a text of more than {MAX_SIZE:,} characters")
    return separator.join(texts)


def bounded_replace(text: str, old: str, new: str, count: int = -1) -> str:
    if len(text) + text.count(old) * len(new) > MAX_SIZE:
        raise SecurityError(f"makes a text of more than {MAX_SIZE:,} characters")
    return text.replace(old, new, count)
