"""What somebody may have meant by a name that is not there."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

MOST_SHOWN = 10


def nearest(name: str, known: Collection[str]) -> str:
    """`; did you mean 'x' or 'y'?`, or what there is, or nothing where there is nothing."""
    close = get_close_matches(name, sorted(known), 3, 0.5)
    if close:
        return f"; did you mean {' or '.join(map(repr, close))}?"
    shown = ", ".join(sorted(known)[:MOST_SHOWN])
    return f"; there are {shown}{' and others' if len(known) > MOST_SHOWN else ''}." if shown else ""
