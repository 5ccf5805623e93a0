"""The table in this folder's docstring names every story, and only stories that there are."""

from __future__ import annotations

import re
from pathlib import Path

import tests.peers


def test_the_table_and_the_stories_name_each_other() -> None:
    told = set(re.findall(r"\b(test_\w+\.test_\w+)", tests.peers.__doc__ or ""))
    there = {
        f"{path.stem}.{name}"
        for path in Path(__file__).parent.glob("test_*.py")
        if path != Path(__file__)
        for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
    }
    assert told == there
