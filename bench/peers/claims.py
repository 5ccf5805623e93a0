"""What Baton promises beside its peers, and whether this measurement bears it out; and where it is worse."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.peers.results import FABRIC_LOOKS, PIPELINE_LOOKS, Measured, Results
from bench.peers.stage import Kind
from bench.peers.tools import TOOLS

LOOKS_SHARE = 50
MANY, HOUR = 1_000, 60
CLOSE = 1.02  # what differs by less is called equal


@dataclass(frozen=True, slots=True)
class Claim:
    """In words, with the figures. `held`: None where it was not measured."""

    text: str
    held: bool | None


OURS: dict[Kind, tuple[str, str]] = {
    "adf": ("baton", "baton-known"),
    "fabric": ("baton-fabric", "baton-fabric-known"),
}
PEER: dict[Kind, tuple[str, str]] = {
    "adf": ("airflow", "Airflow"),
    "fabric": ("fabric-plugin", "the Fabric plugin"),
}
LOOKS: dict[Kind, Sequence[str]] = {"adf": PIPELINE_LOOKS, "fabric": FABRIC_LOOKS}
STARTS = ("data_factory.create_run", "fabric.run", "power_bi.refresh")


def claims(results: Results) -> list[Claim]:
    """What is said of Data Factory holds a promise in figures; of Fabric, that Baton is the better one."""
    return [
        *(_looks(results, kind, tool) for kind, tools in OURS.items() for tool in tools),
        *(
            _detection(results, kind, tool, minutes)
            for kind, tools in OURS.items()
            for minutes in results.lengths(kind)
            for tool in tools
        ),
        _once(results),
        _faults(results),
    ]


def _looks(results: Results, kind: Kind, tool: str) -> Claim:
    (peer, name), adf = PEER[kind], kind == "adf"
    wanted = LOOKS_SHARE if adf else CLOSE
    text = (
        f"{TOOLS[tool].title}, {MANY:,} runs of an hour in one {'factory' if adf else 'workspace'}:"
        f" {name} asks for states {f'at least {LOOKS_SHARE} times as often' if adf else 'more often'}"
    )
    ours, theirs = results.case(tool, MANY, HOUR), results.case(peer, MANY, HOUR)
    if ours is None or theirs is None:
        return Claim(text, None)
    few, many = ours.calls(LOOKS[kind]), theirs.calls(LOOKS[kind])
    return Claim(f"{text} ({many:.1f} a run against {few:.2f}: {many / few:.0f} times)", many >= wanted * few)


def _detection(results: Results, kind: Kind, tool: str, minutes: int) -> Claim:
    peer, name = PEER[kind]
    text = (
        f"{TOOLS[tool].title}, {MANY:,} runs of {minutes} minutes{' of Fabric' if kind == 'fabric' else ''}:"
        f" the refresh begins sooner than with {name} (median and 95th)"
    )
    ours, theirs = results.case(tool, MANY, minutes), results.case(peer, MANY, minutes)
    if ours is None or theirs is None:
        return Claim(text, None)
    told = f"{_delay(ours)} against {_delay(theirs)}"
    held = all(
        CLOSE * (ours.number(figure) or 0) < (theirs.number(figure) or 0)
        for figure in ("delay_median", "delay_95")
    )
    return Claim(f"{text}: {told}", held)


def _delay(case: Measured) -> str:
    return f"{case.number('delay_median') or 0:.1f} and {case.number('delay_95') or 0:.1f} s"


def _once(results: Results) -> Claim:
    """Where nothing goes wrong."""
    text = "In every case without a misfortune, Baton starts each job once, and each run succeeds"
    ours = [case for case in results.cases if case.tool.startswith("baton")]
    if not ours:
        return Claim(text, None)
    held = all(
        case.succeeded == case.runs and case.calls(STARTS) == (1 if TOOLS[case.tool].kind == "refresh" else 2)
        for case in ours
    )
    return Claim(f"{text} ({sum(case.runs for case in ours):,} runs)", held)


def _faults(results: Results) -> Claim:
    text = "Under every misfortune below, Baton starts nothing twice, cancels nothing, forgets nothing"
    ours = [each for tool, told in results.faults.items() if tool.startswith("baton") for each in told.values()]
    if not ours:
        return Claim(text, None)
    theirs = [
        f"{TOOLS[tool].title}: {_harms(list(told.values()))}"
        for tool, told in results.faults.items()
        if TOOLS[tool].kind == "adf" and tool.startswith("airflow")
    ]
    figures = "; ".join([f"Baton: {_harms(ours)}", *theirs])
    return Claim(f"{text} ({figures})", all(each["unharmed"] == each["runs"] for each in ours))


def _harms(told: Sequence[Mapping[str, int]]) -> str:
    runs = sum(each["runs"] for each in told)
    twice, cancelled = sum(each["twice"] for each in told), sum(each["cancelled"] for each in told)
    harmed = runs - sum(each["unharmed"] for each in told)
    return f"{harmed:,} of {runs:,} runs harmed, {twice:,} jobs started twice, {cancelled:,} cancelled"


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
