"""docs/benchmarks.md and its plots, from what was measured."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bench.peers import plots, tables
from bench.peers.claims import claims
from bench.peers.faults import MISFORTUNES
from bench.peers.prose import HEAD, LIMITS, METHOD, WORSE
from bench.peers.results import PIPELINE_LOOKS, Measured, Results
from bench.peers.stage import Kind
from bench.peers.tools import TOOLS

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
MEANING: dict[Kind, str] = {
    "adf": "A Data Factory pipeline, then the refresh of a model",
    "fabric": "A Fabric pipeline, then the refresh of a model",
    "refresh": "The refresh of a model alone",
}


def written(results: Results, docs: Path = DOCS) -> None:
    """Writes the page and its plots."""
    folder = docs / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    for name, drawn in _plots(results).items():
        (folder / f"{name}.svg").write_text(drawn)
    (docs / "benchmarks.md").write_text("\n".join(_parts(results)))


def in_short(results: Results) -> str:
    """What Baton promises, and whether it was so this time."""
    marks = {True: "held", False: "**not held**", None: "not measured"}
    return "\n".join(f"- {marks[claim.held]}: {claim.text}" for claim in claims(results))


def _parts(results: Results) -> Iterator[str]:
    about = results.about
    versions = "; ".join(
        ", ".join(f"{name} {number}" for name, number in found.items()) for found in about["versions"].values()
    )
    yield HEAD.format(**{**about, "versions": versions})
    yield in_short(results)
    yield METHOD
    for kind in MEANING:
        yield from _of_kind(results, kind)
    yield "\n## When something goes wrong\n"
    yield f"![Runs that came through](benchmarks/faults.svg)\n\n{LIMITS['faults'].format(**about)}\n"
    for kind, meaning in MEANING.items():
        yield f"### {meaning}\n\n{tables.by_misfortune(results, kind)}\n"
    yield f"{WORSE}\n{tables.where_worse(results)}\n"
    yield LIMITS["end"]


def _of_kind(results: Results, kind: Kind) -> Iterator[str]:
    yield f"\n## {MEANING[kind]}\n"
    if kind == "adf":
        yield "![Status reads a run](benchmarks/looks.svg)\n\n![Delay](benchmarks/delay.svg)\n"
    for minutes in results.lengths(kind):
        most = max(results.sizes(kind))
        yield f"### {minutes} minutes\n\nService calls for each run:\n"
        yield tables.by_size(results, kind, minutes, Measured.calls)
        yield f"\nWhat they are for:\n\n{tables.by_purpose(results, kind, minutes, most)}\n"
        if kind != "refresh":
            yield "Seconds from the end of the pipeline to the start of the refresh, median:\n"
            yield tables.by_size(results, kind, minutes, lambda case: case.number("delay_median"))
            yield "\nThe same, 95th percentile:\n"
            yield tables.by_size(results, kind, minutes, lambda case: case.number("delay_95"))
        yield "\nCPU for each run, ms (this machine, without the simulated services):\n"
        yield tables.by_size(results, kind, minutes, lambda case: case.cpu_milliseconds)
        yield "\nMost memory of the one process, MB:\n"
        yield tables.by_size(results, kind, minutes, lambda case: case.number("peak_mb"))
        yield f"\n{_asides(results, kind, minutes, most)}\n"


def _asides(results: Results, kind: Kind, minutes: int, runs: int) -> str:
    """What the tables of a length do not show."""
    found = []
    for tool in results.tools(kind):
        case = results.case(tool, runs, minutes)
        if case is None:
            continue
        if case.succeeded < case.runs:
            wrong = case.runs - case.succeeded
            found.append(f"{TOOLS[tool].title} calls {wrong:,} of {case.runs:,} healthy runs failed.")
        if (storage := case.number("storage")) is not None:
            found.append(f"{TOOLS[tool].title}: {storage / case.runs:.0f} storage operations of its own a run.")
    return f"With {runs:,} runs: {' '.join(found)}" if found else ""


def _plots(results: Results) -> dict[str, str]:
    longest = max(results.lengths("adf"))
    sizes = results.sizes("adf")
    looks = {
        TOOLS[tool].title: [
            (size, case.calls(PIPELINE_LOOKS)) for size in sizes if (case := results.case(tool, size, longest))
        ]
        for tool in results.tools("adf")
    }
    title = f"Status reads of pipelines for each run of {longest} minutes"
    return {
        "looks": plots.lines(title, "runs at once in one factory", "status reads a run", looks),
        "delay": _delay_plot(results),
        "faults": _fault_plot(results),
    }


def _delay_plot(results: Results) -> str:
    most = max(results.sizes("adf"))
    figures = [(m, name) for m in results.lengths("adf") for name in ("delay_median", "delay_95")]
    groups = [f"{m} min, {'median' if name == 'delay_median' else '95th'}" for m, name in figures]
    series = {
        TOOLS[tool].title: [
            None if (case := results.case(tool, most, minutes)) is None else case.number(name)
            for minutes, name in figures
        ]
        for tool in results.tools("adf")
    }
    return plots.bars(
        f"From the pipeline's end to the refresh's start, {most:,} runs at once", "seconds", groups, series
    )


def _fault_plot(results: Results) -> str:
    """The share of runs that came through, over all misfortunes."""
    series: dict[str, list[float | None]] = {}
    kinds: list[Kind] = list(MEANING)
    for tool, told in results.faults.items():
        title = TOOLS[tool].title if not tool.startswith("baton") else "Baton"
        runs = sum(each["runs"] for each in told.values())
        share = 100 * sum(each["unharmed"] for each in told.values()) / runs
        shares, place = series.setdefault(title, [None] * len(kinds)), kinds.index(TOOLS[tool].kind)
        before = shares[place]
        shares[place] = share if before is None else min(before, share)  # of Baton with and without past runs
    title = f"Runs that came through {len(MISFORTUNES)} kinds of bad luck unharmed"
    return plots.bars(title, "% of runs", ["Data Factory", "Fabric", "refresh alone"], series)
