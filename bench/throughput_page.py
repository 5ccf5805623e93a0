"""docs/benchmarks/throughput.md, from what was just measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks" / "throughput.md"
OPERATIONS = ("get", "write", "scan page", "send", "receive", "delete")
NAMES = {"sqlite": "SQLite file", "azurite": "Azurite"}

# The least that the rules allow for a pipeline and a refresh, each looked at once, nothing shared.
_WRITES = (
    "the run with its cause and first transition; its pointer, in another partition; for each of the two jobs the"
    " intent, the claim with the watch, and the saved id (the end of the pipeline and the refresh's intent are"
    " one); the end of the run; two jobs let go; the pointer gone"
)
LEAST: Mapping[str, tuple[int, str]] = {
    "write": (12, _WRITES),
    "get": (3, "whether the cause has a run already; the run, for the news of each of its two jobs"),
    "scan page": (2, "the jobs of the place, at each look"),
    "send": (2, "one look at each job"),
    "receive": (2, "one look at each job"),
    "delete": (2, "one look at each job"),
}


def written(measured: Sequence[Mapping[str, Any]], machine: str, *, page: bool) -> str:
    """The tables; with `page` also written with what is around them."""
    tables = f"{_speed(measured)}\n\n{_operations(measured)}"
    if page:
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        told = _HEAD.format(machine=machine, date=f"{datetime.now(UTC):%Y-%m-%d}", chains=measured[0]["chains"])
        why = "\n".join(f"- {name}, {count}: {text}." for name, (count, text) in LEAST.items())
        PAGE.write_text(f"{told}\n{tables}\n{_LEAST}\n{why}\n")
    return tables


def _speed(measured: Sequence[Mapping[str, Any]]) -> str:
    rows = {
        "chains a second of one core's time": [each["chains"] / each["cpu_seconds"] for each in measured],
        "chains a second, one thread, waiting for storage": [
            each["chains"] / each["wall_seconds"] for each in measured
        ],
        "CPU for each chain, ms": [each["cpu_seconds"] / each["chains"] * 1_000 for each in measured],
        "a start, median, ms": [each["start_median"] * 1_000 for each in measured],
        "a start, 99th percentile, ms": [each["start_99"] * 1_000 for each in measured],
    }
    lines = [
        _line(["", *(NAMES[each["storage"]] for each in measured)]),
        _line(["---", *["---:"] * len(measured)]),
    ]
    return "\n".join([*lines, *(_line([name, *(f"{v:.1f}" for v in values)]) for name, values in rows.items())])


def _operations(measured: Sequence[Mapping[str, Any]]) -> str:
    heads = [
        "storage operations for each chain",
        *(NAMES[each["storage"]] for each in measured),
        "the least",
        "times",
    ]
    lines = [_line(heads), _line(["---", *["---:"] * (len(heads) - 1)])]
    totals = [0.0] * len(measured)
    for name in OPERATIONS:
        values = [each["operations"].get(name, 0.0) for each in measured]
        totals = [total + value for total, value in zip(totals, values, strict=True)]
        lines.append(_row(name, values, LEAST[name][0]))
    return "\n".join([*lines, _row("**in all**", totals, sum(count for count, _ in LEAST.values()))])


def _row(name: str, values: Sequence[float], least: int) -> str:
    return _line([name, *(f"{value:.1f}" for value in values), str(least), f"x {values[0] / least:.1f}"])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


_HEAD = """# How many chains one core carries

Made by `make bench-throughput`: {machine}; {date}. Written by the benchmark; do not edit.

{chains} chains of a pipeline (four to five minutes) and a refresh of its own model (30 seconds), each run once, a
start every half second, first runs ever. The HTTP handlers, the relay, the clients and the storage are as
deployed, in one thread; the services are simulated in the same process, their time is virtual, and what the
simulation uses is taken off. A start is the whole of `POST /api/chains/{{chain}}/runs` from the handler on, with
the start of its first job, without the service's own time. Over Azurite each storage call is a real HTTP call to
a Node process on the same cores, so its waiting is the emulator's, not Azure's.
"""

_LEAST = """
## The least

What the rules allow at least, for a chain alone, each job looked at once, and nothing shared. Looks are what is
above it: a first run is looked at tens of times, each look receives, deletes and sends a message, takes its watch
and gives it back, and reads the jobs of its place. Looks at a factory are shared by all that runs there; looks at
a model are not.
"""
