"""A benchmark's figures as a table in Markdown: the smallest size as it is, the others as ratios to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bench.loads import LOADS

STORAGE = ("get", "write", "scan page", "send", "receive", "delete")
CALLS = (
    "data_factory.create_run",
    "data_factory.query_runs",
    "data_factory.get_run",
    "power_bi.refresh",
    "power_bi.history",
    "power_bi.get_refresh",
)
GROUPS = {"storage operations": STORAGE, "service calls": CALLS}
ALONE = ("rows written", "rows scanned")


class Measurement(Protocol):
    """What a row needs of one size."""

    @property
    def runs(self) -> int: ...
    @property
    def most_active(self) -> int: ...
    @property
    def minutes(self) -> float: ...
    @property
    def counts(self) -> dict[str, int]: ...
    @property
    def most_queries(self) -> int: ...
    @property
    def cpu_seconds(self) -> float: ...
    @property
    def resident_mb(self) -> float: ...
    def each(self, names: Sequence[str]) -> float: ...


def table(load: str, measured: Sequence[Measurement]) -> str:
    """One load at all its sizes."""
    sizes = [f"{each.runs:,} runs" for each in measured]
    lines = [
        f"### {load}",
        "",
        f"{(LOADS[load].__doc__ or '').strip()}",
        "",
        _line(["for each run", *(f"{size} (ratio)" if n else size for n, size in enumerate(sizes))]),
        _line(["---", *("---:" for _ in sizes)]),
    ]
    for group, names in GROUPS.items():
        lines.append(_ratios(f"**{group}**", [each.each(names) for each in measured]))
        found = [name for name in names if any(each.counts.get(name) for each in measured)]
        lines += [_ratios(name, [each.each([name]) for each in measured]) for name in found]
        if names is STORAGE:
            lines += [_ratios(name, [each.each([name]) for each in measured]) for name in ALONE]
    lines.append(_ratios("CPU (this machine), ms", [each.cpu_seconds / each.runs * 1_000 for each in measured]))
    lines += ["", _line(["in all", *sizes]), _line(["---", *("---:" for _ in sizes)])]
    return "\n".join([*lines, *_totals(measured)])


def _totals(measured: Sequence[Measurement]) -> list[str]:
    rows: dict[str, list[str]] = {
        "most runs under way at a tick": [f"{each.most_active:,}" for each in measured],
        "virtual minutes until all have ended": [f"{each.minutes:.0f}" for each in measured],
        "looks at the factory": [f"{each.counts.get('look at data_factory', 0):,}" for each in measured],
        "pages a look at the factory": [_each(each, "query_runs", "look at data_factory") for each in measured],
        "most pages in a minute (the service allows 1,000)": [f"{each.most_queries:,}" for each in measured],
        "memory more than before (this machine), MB": [f"{each.resident_mb:.0f}" for each in measured],
    }
    if any(each.counts.get("look at power_bi") for each in measured):
        rows["looks at a model for each run"] = [f"{each.each(['look at power_bi']):.1f}" for each in measured]
    return [_line([name, *cells]) for name, cells in rows.items()]


def _each(measured: Measurement, operation: str, look: str) -> str:
    return f"{measured.counts[f'data_factory.{operation}'] / measured.counts[look]:.1f}"


def _ratios(name: str, values: Sequence[float]) -> str:
    first = values[0]
    ratios = [f"x {value / first:.2f}" if first else f"{value:.2f}" for value in values[1:]]
    return _line([name, f"{first:.1f}", *ratios])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
