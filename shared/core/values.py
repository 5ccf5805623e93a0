"""Which JSON values a run can carry: those that every store and every reader takes."""

from __future__ import annotations

import math
from typing import Any

MOST_DEPTH = 32


def value_problem(value: Any, depth: int = 0) -> str | None:
    """Why the value cannot be carried; None when it can."""
    if depth > MOST_DEPTH:
        return f"is nested more than {MOST_DEPTH} levels deep"
    if isinstance(value, float) and not math.isfinite(value):
        return "holds a number that JSON has no word for"
    if isinstance(value, str):
        return None if value.isascii() or _is_unicode(value) else "holds half a character (a lone surrogate)"
    if isinstance(value, dict):
        parts = [*value.keys(), *value.values()]
    elif isinstance(value, list):
        parts = value
    else:
        return None
    return next((problem for part in parts if (problem := value_problem(part, depth + 1))), None)


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
