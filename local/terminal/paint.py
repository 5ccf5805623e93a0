"""Text for terminals: colours where they help, widths that fit, and nothing that a terminal would obey."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TextIO

_OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_COLOURS = {
    "succeeded": "32",
    "failed": "31",
    "cancelled": "33",
    "running": "36",
    "starting": "36",
    "waiting": "2",
    "skipped": "2",
}
_NARROWEST = 40


def clean(text: str) -> str:
    """Without control characters: names and errors come from elsewhere. Line ends stay."""
    return _OBEYED.sub("\ufffd", text)


def one_line(text: str) -> str:
    return " ".join(clean(text).split())


def shortened(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: max(width - 1, 0)]}…"


@dataclass(frozen=True, slots=True)
class Paint:
    """Colours by status, or none. `live`: whether lines may be drawn again in place."""

    colours: bool
    live: bool

    @classmethod
    def of(cls, out: TextIO, environment: Mapping[str, str]) -> Paint:
        """Both need a terminal; NO_COLOR (no-color.org) takes the colours, TERM=dumb takes both."""
        able = out.isatty() and environment.get("TERM") != "dumb"
        return cls(colours=able and not environment.get("NO_COLOR"), live=able)

    def status(self, status: str, text: str | None = None) -> str:
        """The text (the status itself by default) in the status's colour."""
        shown = status if text is None else text
        code = _COLOURS.get(status)
        return f"\x1b[{code}m{shown}\x1b[0m" if self.colours and code else shown


def width_of_terminal() -> int:
    return max(shutil.get_terminal_size().columns, _NARROWEST)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as their widest text; the last one is as it is."""
    shown = [list(heads), *[[one_line(cell) for cell in row] for row in rows]]
    widths = [max(len(row[column]) for row in shown) for column in range(len(heads) - 1)]
    return ["  ".join([*map(str.ljust, row, widths), row[-1]]).rstrip() for row in shown]
