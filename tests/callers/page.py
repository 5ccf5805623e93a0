"""The code that stands in docs/callers.md, by the name that a comment before it gives."""

from __future__ import annotations

import re

from tests.end_to_end.host_process import ROOT

PAGE = ROOT / "docs" / "callers.md"
_BLOCK = re.compile(
    r"^<!-- code: (?P<name>[^\n]+) -->\n```(?P<language>\w+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)
_FENCE = re.compile(r"^```(\w+)$", re.MULTILINE)


def blocks() -> dict[str, str]:
    """Every block of the page."""
    return {match["name"]: match["code"] for match in _BLOCK.finditer(PAGE.read_text())}


def count_of_fences() -> int:
    """How many blocks there are, named or not."""
    return len(_FENCE.findall(PAGE.read_text()))
