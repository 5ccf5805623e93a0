"""docs/benchmarks/scale.md, from what was just measured."""

from __future__ import annotations

import os
import platform
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks" / "scale.md"
_LIBRARIES = ("azure-mgmt-datafactory", "azure-core", "requests", "pydantic")


def written(tables: Sequence[str], faults: Sequence[str], limit: float, base: int) -> None:
    """Writes the page."""
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    held = "It held." if not faults else "It did not hold: " + "; ".join(faults)
    PAGE.write_text(
        f"{_HEAD.format(limit=limit, base=base, held=held, machine=_machine())}\n" + "\n\n".join(tables) + "\n"
    )


def _machine() -> str:
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()},"
        f" SQLite {sqlite3.sqlite_version}, {libraries}; {datetime.now(UTC):%Y-%m-%d}"
    )


_HEAD = """# What a run costs when many are under way

Made by `make bench-scale`: {machine}. Written by the benchmark; do not edit.

The claim: what a run costs does not grow with the number of runs under way in the same factory, and a look at the
factory grows only by its pages of 100 runs. The benchmark fails when, with the most runs, a run costs over {limit}
times as many storage operations or service calls as with {base} (`one-model` is shown, and not held to it). {held}

How: the relay, the stores and the clients of the services as they are deployed, over SQLite in memory and the
simulated Azure in the same process. Time is virtual: all starts come within three minutes, the timer ticks each
minute, messages are delivered when they are due, in batches of 8, and nothing takes virtual time. So the counts
are exact and the same on every machine; waiting for storage, concurrent instances and lost races are not in them.
Asking an idle queue is not counted. Nothing is known of earlier durations: that is the case with the most looks.

The first column is a number for each run; the others are ratios to it. A ratio far below 1 says that runs share:
one look tells about all of them. CPU leaves out what the simulated Azure used. Memory holds the SQLite database
and the simulated Azure's books as well.
"""
