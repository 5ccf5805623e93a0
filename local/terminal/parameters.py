"""What a start is told: from a file, and from `--param`. All mistakes are named at once."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from local.terminal.words import Exit, GaveUpError
from shared.chains_file.checks import duration_seconds

_UNITS = "smhd"


def parameters_of(said: Sequence[str], file: Path | None, stdin: TextIO) -> dict[str, Any]:
    """`name=text` and `name:=JSON`, which win over the file's. Raises GaveUpError with all mistakes."""
    found: dict[str, Any] = {}
    mistakes: list[str] = []
    for each in said:
        name, equals, text = each.partition("=")
        is_json, name = name.endswith(":"), name.removesuffix(":")
        if not equals or not name:
            mistakes.append(f"--param {each!r} must be name=text or name:=JSON")
        elif name in found:
            mistakes.append(f"--param {name} is said twice")
        elif is_json:
            try:
                found[name] = json.loads(text)
            except ValueError as error:
                mistakes.append(f"--param {name} is no JSON: {error}")
        else:
            found[name] = text
    told = _of_file(file, stdin, mistakes) if file else {}
    if mistakes:
        raise GaveUpError(Exit.USAGE, "\n".join(mistakes))
    return {**told, **found}


def _of_file(path: Path, stdin: TextIO, mistakes: list[str]) -> dict[str, Any]:
    try:
        told = json.loads(stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        mistakes.append(f"--params-file {path}: {error}")
        return {}
    if not isinstance(told, dict):
        mistakes.append(f"--params-file {path}: must hold a JSON object of parameters")
        return {}
    return told


def duration(text: str) -> float:
    """`90s`, `5m`, `2h`, `1d` in seconds, for argparse."""
    if not text[:-1].isdecimal() or not text.isascii() or text[-1] not in _UNITS:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration: write it like 90s, 5m, 2h or 1d")
    return duration_seconds(text)


def count(text: str) -> int:
    """A whole number from 1 on, for argparse."""
    if not text.isdecimal() or not text.isascii() or len(text) > 6 or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)
