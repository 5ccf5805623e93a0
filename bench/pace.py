"""Calls against the delay until an end is seen, for some ways to choose when to look next.

`python -m bench.pace` watches made-up jobs of many kinds, each by itself, prints what each way costs and gives,
and writes docs/benchmarks/pace.md with its plot. It exits 1 when an aim is missed on a kind that is held to it.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench.cadence import Pause, Shown, fixed, former, geometric, play, shipped
from bench.lengths import HISTORIES, JOBS, Kind, kinds, least_product
from bench.plot import Panel, Series, drawn

SEED = 7
AIM_SECONDS = 5.0  # for a pipeline with a past: the median delay, at no more calls than a fixed 60 s poll makes
AIM_SHARE = 0.03  # for one without: the median delay as a share of its length
CALLS_SLACK = 1.02  # what the draw of the jobs may do to a ratio
HELD = (
    "stable 10 min ± 3%",
    "stable 30 min ± 3%",
    "stable 60 min ± 3%",
    "stable 3 h ± 3%",
    "5 or 40 min, ± 3%",
    "30 min ± 3%, 5% fail early",
    "never run before, 1 min to 3 h",
)
PLOTTED = ("stable 30 min ± 3%", "stable 30 min ± 10%", "log-normal 30 min, sigma 0.5")

WAYS: dict[str, Pause] = {
    "10 s": fixed(10),
    "30 s": fixed(30),
    "60 s": fixed(60),
    "5% of age": geometric(0.05),
    "10% of age": geometric(0.10),
    "formerly": former,
    "Baton": shipped,
}
SWEEPS: dict[str, Mapping[str, Pause]] = {
    "fixed interval": {f"{seconds} s": fixed(seconds) for seconds in (10, 20, 30, 60, 120)},
    "share of age": {f"{share}%": geometric(share / 100) for share in (2, 5, 10, 20)},
    "formerly": {"": former},
    "Baton": {"": shipped},
}
PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks" / "pace.md"

Results = dict[str, dict[str, Shown]]  # by kind and way
Cell = Callable[[Shown, Shown], str]  # of a way, and of the 60 s poll


def main() -> int:
    began = time.perf_counter()
    all_kinds = kinds()
    results = measured(all_kinds)
    missed = faults(results)
    text = page(all_kinds, results)
    picture = plot([kind for kind in all_kinds if kind.name in PLOTTED])
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(text, encoding="utf-8")
    PAGE.with_suffix(".svg").write_text(picture, encoding="utf-8")
    print(text)
    print("\n".join(missed) or f"No aim is missed where it is held. {time.perf_counter() - began:.0f} s.")
    return 1 if missed else 0


def measured(all_kinds: Sequence[Kind]) -> Results:
    results: Results = {}
    for kind in all_kinds:
        jobs = kind.sample(random.Random(SEED))
        results[kind.name] = {name: play(pause, jobs) for name, pause in WAYS.items()}
    return results


def verdict(name: str, shown: Mapping[str, Shown]) -> str:
    """`met`, or what is missed, in words."""
    ours, polled = shown["Baton"], shown["60 s"]
    if "never run" in name:
        return "met" if ours.share < AIM_SHARE else f"{ours.share:.1%} of its length"
    missed = [f"{ours.median_seconds:.1f} s"] if ours.median_seconds >= AIM_SECONDS else []
    if ours.calls > CALLS_SLACK * polled.calls:
        missed.append(f"{ours.calls / polled.calls:.2f} times the calls")
    return ", ".join(missed) or "met"


def faults(results: Results) -> list[str]:
    """Aims that are missed on kinds that are held to them."""
    told = {name: verdict(name, results[name]) for name in HELD if name in results}
    return [f"{name}: missed with {what}" for name, what in told.items() if what != "met"]


def plot(shown: Sequence[Kind]) -> str:
    """Calls across, mean delay up, and the floor below which no way can get."""
    return drawn(
        [_panel(kind) for kind in shown],
        across="looks for each job",
        up="mean delay, seconds",
        about="Looks for each job against the mean delay until its end is seen, for several ways to look",
    )


def _panel(kind: Kind) -> Panel:
    jobs = kind.sample(random.Random(SEED))
    series = []
    for name, ways in SWEEPS.items():
        shown = [play(pause, jobs) for pause in ways.values()]
        series.append(Series(name, [(each.calls, each.mean_seconds) for each in shown], tuple(ways)))
    least = least_product(kind)
    assert least is not None
    calls = [point[0] for point in series[0].points]
    floor = [(count, least / count) for count in (min(calls), max(calls))]
    return Panel(kind.name, [*series, Series("the least possible", floor, line=True)])


def page(all_kinds: Sequence[Kind], results: Results) -> str:
    """docs/benchmarks/pace.md"""
    tables = [
        _table("Median delay, seconds", results, lambda each, _: f"{each.median_seconds:.1f}"),
        _table("95 of 100 ends are seen within, seconds", results, lambda each, _: f"{each.late_seconds:.0f}"),
        _table(
            "Looks for each job: the number for 60 s, the others as ratios to it",
            results,
            lambda each, polled: f"{each.calls:.1f}" if each is polled else f"x {each.calls / polled.calls:.2f}",
        ),
    ]
    head = _HEAD.format(seed=SEED, histories=HISTORIES, jobs=JOBS)
    return "\n\n".join([head.strip(), _aims(all_kinds, results), *tables, _FRONTIER.strip()]) + "\n"


def _aims(all_kinds: Sequence[Kind], results: Results) -> str:
    lines = [
        "## What is aimed at, and what is reached",
        "",
        "| kind of job | looks | ratio to 60 s | median delay, s | of its length | aim | above the least |",
        "| --- | ---: | ---: | ---: | ---: | --- | ---: |",
    ]
    for kind in all_kinds:
        ours, polled = results[kind.name]["Baton"], results[kind.name]["60 s"]
        least = least_product(kind)
        above = f"{_product(ours) / least:.1f} (60 s: {_product(polled) / least:.1f})" if least else ""
        told = verdict(kind.name, results[kind.name])
        lines.append(
            f"| {kind.name} | {ours.calls:.1f} | x {ours.calls / polled.calls:.2f} | {ours.median_seconds:.1f}"
            f" | {ours.share:.1%} | {told if told == 'met' else f'missed: {told}'} | {above} |"
        )
    return "\n".join(lines)


def _product(shown: Shown) -> float:
    return shown.calls * shown.mean_seconds


def _table(title: str, results: Results, cell: Cell) -> str:
    lines = [
        f"## {title}",
        "",
        "| kind of job | " + " | ".join(WAYS) + " |",
        "| --- |" + " ---: |" * len(WAYS),
    ]
    for name, shown in results.items():
        cells = [cell(shown[way], shown["60 s"]) for way in WAYS]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


_HEAD = """# When to look at a job

Made by `make bench-pace`. Written by the benchmark; do not edit. Seed {seed}: the same figures on every machine.

The aim: for a pipeline with a past, a median delay from its end to the look that sees it of under 5 seconds, at no
more calls than a fixed poll each 60 s makes; for one that never ran, a median delay under 3 % of its length.

How: {histories} pasts of 15 durations are drawn for each kind of job, and {jobs} jobs for each past. Each job is
watched by itself from its start until a look finds that it has ended, by each way to choose the next look. *Baton*
is `shared/core/pace.py` as it is deployed; *formerly* is what it was before: a look each minute until 90 % of the
median of the past, then each 2 % of it. Only what succeeds is remembered, as in Baton. The services' own delay in
telling an end, and the time of a message from the queue, come on top of every way alike. In Baton one look tells
of all jobs at a place, so that several jobs together cost less than these sums, and each gets the looks of the
others as well.

*Above the least*: looks times mean delay, divided by the least product that anybody can have (below).
"""

_FRONTIER = """## What can be had at all

![Looks for each job against mean delay, for three kinds of job](pace.svg)

Calls and delay are traded for each other: twice the looks, half the delay. So the product of the two says how
good a way is, and each way lies on a line of its own in the plot. If jobs end at an age with density `f`, and
`S` is the share that gets so old, the least product is half the square of the integral of `sqrt(f S)`, with
looks at a rate that grows with `sqrt(f / S)`. A fixed interval has half the mean length as its product. The
dashed line is the least for somebody who knows the kind of job itself; Baton knows 15 nights of it, keeps some
looks for ends that no night has shown, and leaves 2 s between two looks.

- Where the spread is small, the least is far below what a fixed interval has, and Baton is near it.
- With a spread of 10 % the median is at the edge of the aim. Whoever looks, with the calls of a 60 s poll the
  *mean* delay cannot be under about 6 s there.
- Where lengths are log-normal with sigma 0.25 or 0.5 the aim is missed, and the past says too little to meet it:
  with these calls no way has a mean delay under 13 and 22 s. With sigma 0.5 Baton is little better than a poll.
- Where lengths grow each night the newest job is beyond most of what is remembered: its end is seen within
  seconds, and costs more looks than a fixed poll makes.
- A job that fails early is seen late, up to minutes: no success has ever taken so little time. A callback or the
  pipeline's own alert is faster.
- A job that never ran is looked at after each 5 % of its age, but after 2 s at least and 60 s at most. That costs
  more looks than a 60 s poll, nearly all of them in its first 20 minutes, and only on its first night.
"""

if __name__ == "__main__":
    sys.exit(main())
