"""Stored values to text and back. What is read is checked, and carries a version for later changes."""

from __future__ import annotations

import hashlib
import re
from typing import Any, TypeVar

from pydantic import TypeAdapter

T = TypeVar("T")
VERSION = 1
_PLAIN = re.compile(r"[A-Za-z0-9._-]{1,200}")


_adapters: dict[type, TypeAdapter[Any]] = {}


def _adapter(kind: type[T]) -> TypeAdapter[T]:
    adapter = _adapters.get(kind)
    if adapter is None:
        adapter = _adapters[kind] = TypeAdapter(kind)
    return adapter


def encode(kind: type[T], value: T, *, exclude: frozenset[str] = frozenset()) -> str:
    """JSON text of the value, defaults left out."""
    body = _adapter(kind).dump_json(value, exclude_defaults=True, exclude=set(exclude) or None)
    return f'{{"version":{VERSION},"value":{body.decode()}}}'


def decode(kind: type[T], text: str) -> T:
    """The value that `encode` wrote. Raises ValueError for text of a version that this code does not know."""
    head = f'{{"version":{VERSION},"value":'
    if not text.startswith(head):
        raise ValueError(f"stored {kind.__name__} is not of version {VERSION}: {text[:40]!r}")
    return _adapter(kind).validate_json(text[len(head) : -1])


def as_json(kind: type[T], value: T) -> Any:
    """The value as JSON data (times RFC 3339 with Z)."""
    return _adapter(kind).dump_python(value, mode="json")


def key_of(text: str) -> str:
    """The text itself where a row key may hold it, else a digest that stands for it."""
    if _PLAIN.fullmatch(text):
        return text
    return "h." + hashlib.sha256(text.encode()).hexdigest()[:40]
