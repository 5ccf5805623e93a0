"""The figures as tables in Markdown, each with its ratio to Baton's in the same case."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.peers.claims import worse
from bench.peers.faults import MISFORTUNES
from bench.peers.results import PURPOSES, Measured, Results
from bench.peers.stage import Kind
from bench.peers.tools import TOOLS, of_kind

HARMS = {
    "twice": "started twice",
    "cancelled": "cancelled",
    "called_failed": "called failed",
    "forgotten": "forgotten",
}


def by_size(results: Results, kind: Kind, minutes: int, figure: Callable[[Measured], float | None]) -> str:
    """A row for each tool, a column for each number of runs."""
    sizes = results.sizes(kind)
    lines = [line(["", *(f"{size:,} run{'s' * (size > 1)}" for size in sizes)]), rule(len(sizes))]
    for tool in results.tools(kind):
        cells = [_with_ratio(results, results.case(tool, size, minutes), figure) for size in sizes]
        lines.append(line([TOOLS[tool].title, *cells]))
    return "\n".join(lines)


def by_purpose(results: Results, kind: Kind, minutes: int, runs: int) -> str:
    """A row for each tool, a column for what its calls are for."""
    lines = [line([f"{runs:,} runs", *PURPOSES, "in all"]), rule(len(PURPOSES) + 1)]
    for tool in results.tools(kind):
        case = results.case(tool, runs, minutes)
        if case is None:
            continue
        cells = [number(case.calls(operations)) for operations in PURPOSES.values()]
        lines.append(line([TOOLS[tool].title, *cells, _with_ratio(results, case, lambda each: each.calls())]))
    return "\n".join(lines)


def by_misfortune(results: Results, kind: Kind) -> str:
    """A row for each misfortune, a column for each tool."""
    tools = [tool for tool in of_kind(kind, faults=True) if tool in results.faults]
    lines = [line(["once in each run", *(TOOLS[tool].title for tool in tools)]), rule(len(tools), right=False)]
    for misfortune in MISFORTUNES:
        cells = [_harm(results.faults[tool][misfortune.name]) for tool in tools]
        lines.append(line([misfortune.what, *cells]))
    return "\n".join(lines)


def where_worse(results: Results) -> str:
    """Every figure in which a peer beats Baton, with the best peer."""
    lines = [line(["case", "figure", "", "Baton", "best peer", "", "ratio"]), rule(6, right=False)]
    for each in worse(results):
        case = each.case
        noun = {"adf": "Data Factory", "fabric": "Fabric", "refresh": "refresh alone"}[TOOLS[case.tool].kind]
        size = f"{noun}, {case.runs:,} x {case.minutes} min"
        ours, theirs = TOOLS[case.tool].title, TOOLS[each.peer.tool].title
        lines.append(
            line(
                [
                    size,
                    each.figure,
                    ours,
                    number(each.ours),
                    number(each.theirs),
                    theirs,
                    f"{each.ours / max(each.theirs, 1e-9):.1f}",
                ]
            )
        )
    return "\n".join(lines)


def _harm(told: dict[str, int] | object) -> str:
    assert isinstance(told, dict)
    found = [f"**{told[name]} {words}**" for name, words in HARMS.items() if told[name]]
    rest = told["runs"] - told["unharmed"]
    return ", ".join(found) or ("all well" if not rest else f"{rest} failed")


def _with_ratio(results: Results, case: Measured | None, figure: Callable[[Measured], float | None]) -> str:
    value = None if case is None else figure(case)
    if case is None or value is None:
        return ""
    reference = results.reference(case)
    base = None if reference is None else figure(reference)
    ratio = "" if not base or case.tool == (reference and reference.tool) else f" (x {number(value / base)})"
    return f"{number(value)}{ratio}"


def number(value: float) -> str:
    """With as many digits as say something."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def rule(columns: int, *, right: bool = True) -> str:
    return line(["---", *(["---:" if right else "---"] * columns)])
