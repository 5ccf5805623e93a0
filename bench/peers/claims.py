"""What Baton promises beside its peers, and whether this measurement bears it out; and where it is worse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.peers.results import PIPELINE_LOOKS, Measured, Results
from bench.peers.tools import TOOLS

LOOKS_SHARE = 50
MANY, HOUR = 1_000, 60
CLOSE = 1.02  # what differs by less is called equal


@dataclass(frozen=True, slots=True)
class Claim:
    """In words, with the figures. `held`: None where it was not measured."""

    text: str
    held: bool | None


OURS = ("baton", "baton-known")


def claims(results: Results) -> list[Claim]:
    lengths = results.lengths("adf")
    return [
        *(_looks(results, tool) for tool in OURS),
        *(_detection(results, tool, minutes) for minutes in lengths for tool in OURS),
        _faults(results),
    ]


def _looks(results: Results, tool: str) -> Claim:
    text = (
        f"{TOOLS[tool].title}, {MANY:,} runs of an hour in one factory:"
        f" Airflow asks for states at least {LOOKS_SHARE} times as often"
    )
    ours, theirs = results.case(tool, MANY, HOUR), results.case("airflow", MANY, HOUR)
    if ours is None or theirs is None:
        return Claim(text, None)
    few, many = ours.calls(PIPELINE_LOOKS), theirs.calls(PIPELINE_LOOKS)
    return Claim(f"{text} ({many:.1f} a run against {few:.2f}: {many / few:.0f} times)", many >= LOOKS_SHARE * few)


def _detection(results: Results, tool: str, minutes: int) -> Claim:
    text = (
        f"{TOOLS[tool].title}, {MANY:,} runs of {minutes} minutes:"
        " the refresh begins sooner than Airflow's (median and 95th)"
    )
    ours, theirs = results.case(tool, MANY, minutes), results.case("airflow", MANY, minutes)
    if ours is None or theirs is None:
        return Claim(text, None)
    told = f"{_delay(ours)} against {_delay(theirs)}"
    held = all(
        CLOSE * (ours.number(name) or 0) < (theirs.number(name) or 0) for name in ("delay_median", "delay_95")
    )
    return Claim(f"{text}: {told}", held)


def _delay(case: Measured) -> str:
    return f"{case.number('delay_median') or 0:.1f} and {case.number('delay_95') or 0:.1f} s"


def _faults(results: Results) -> Claim:
    text = "Under every misfortune below, Baton starts nothing twice, cancels nothing, forgets nothing"
    ours = [told for tool, told in results.faults.items() if tool.startswith("baton")]
    if not ours:
        return Claim(text, None)
    return Claim(text, all(each["unharmed"] == each["runs"] for told in ours for each in told.values()))


@dataclass(frozen=True, slots=True)
class Worse:
    """A figure of Baton's that a peer beats."""

    case: Measured
    peer: Measured
    figure: str
    ours: float
    theirs: float


FIGURES: dict[str, Callable[[Measured], float | None]] = {
    "service calls a run": lambda case: case.calls(),
    "median delay, s": lambda case: case.number("delay_median"),
    "95th percentile of the delay, s": lambda case: case.number("delay_95"),
    "CPU a run, ms": lambda case: case.cpu_milliseconds,
    "most memory, MB": lambda case: case.number("peak_mb"),
}


def worse(results: Results) -> Iterator[Worse]:
    """Baton with and without past runs, against the best peer of each case."""
    for case in results.cases:
        entry = TOOLS[case.tool]
        if not case.tool.startswith("baton"):
            continue
        peers = [results.case(name, case.runs, case.minutes) for name in results.tools(entry.kind)]
        others = [each for each in peers if each is not None and not each.tool.startswith("baton")]
        for figure, of in FIGURES.items():
            ours = of(case)
            known = [(value, each) for each in others if (value := of(each)) is not None]
            if ours is None or not known:
                continue
            best, peer = min(known, key=lambda pair: pair[0])
            if ours > CLOSE * best:
                yield Worse(case, peer, figure, ours, best)
