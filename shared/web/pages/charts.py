"""Small pictures as SVG, drawn here: a chain's last runs as bars, and durations over time.

Positions are attributes, never styles, as the pages' policy allows no inline style. What stands in a picture is
told in words beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.core.past import RunLine
from shared.core.run import RunStatus
from shared.web.pages.words import duration, run_link

BAR_WIDTH, BAR_GAP, BAR_HEIGHT = 6, 2, 24
LEAST_BAR = 7
_LETTER = {
    RunStatus.SUCCEEDED: "s",
    RunStatus.FAILED: "f",
    RunStatus.CANCELLED: "c",
    RunStatus.RUNNING: "r",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One run. `letter` is its status, `link` is where it is shown, `tip` tells it in words."""

    letter: str
    path: str
    link: str
    tip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Runs from the oldest to the newest. `paths`: all bars of a status in one, for pages with many chains."""

    width: int
    height: int
    bars: tuple[Bar, ...]
    paths: tuple[tuple[str, str], ...]
    label: str


def bars(lines: Sequence[RunLine], most: int, *, linked: bool = True) -> Bars | None:
    """The newest `most` runs; None when there is none. `lines`: newest first. `linked`: each leads to its run."""
    if not lines:
        return None
    shown = list(reversed(lines[:most]))
    longest = max((line.seconds or 0.0 for line in shown), default=0.0)
    made = [
        Bar(
            letter=_LETTER[line.status],
            path=_bar(line, number * (BAR_WIDTH + BAR_GAP), longest),
            link=run_link(line.run_id) if linked else "",
            tip=_tip(line) if linked else "",
        )
        for number, line in enumerate(shown)
    ]
    joined: dict[str, str] = {}
    for bar in made:
        joined[bar.letter] = joined.get(bar.letter, "") + bar.path
    return Bars(
        width=len(made) * (BAR_WIDTH + BAR_GAP) - BAR_GAP,
        height=BAR_HEIGHT,
        bars=tuple(made),
        paths=tuple(joined.items()),
        label=_counted(shown),
    )


def _bar(line: RunLine, x: int, longest: float) -> str:
    """Its height tells the duration. A failed one has a notch at the top, a cancelled one is half as wide."""
    share = 0.5 if line.seconds is None or longest <= 0 else line.seconds / longest
    height = round(LEAST_BAR + (BAR_HEIGHT - LEAST_BAR) * share)
    top = BAR_HEIGHT - height
    if line.status is RunStatus.FAILED:
        return f"M{x} {top}l3 3l3 -3v{height}h-6z"
    if line.status is RunStatus.CANCELLED:
        return f"M{x + 1.5} {top}h3v{height}h-3z"
    return f"M{x} {top}h6v{height}h-6z"


def _tip(line: RunLine) -> str:
    took = "" if line.seconds is None else f", {duration(line.seconds)}"
    return f"{line.created_at:%d %b %H:%M} UTC: {line.status}{took}"


def _counted(lines: Sequence[RunLine]) -> str:
    """Like `Last 20 runs: 18 succeeded, 2 failed`."""
    statuses = [line.status for line in lines]
    told = [f"{statuses.count(status)} {status}" for status in RunStatus if status in statuses]
    which = "The only run" if len(lines) == 1 else f"Last {len(lines)} runs"
    return f"{which}: {', '.join(told)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """A run in the plot; `x` in percent, `y` in pixels."""

    x: str
    y: float
    letter: str
    link: str
    tip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """A line across the plot at a round duration."""

    y: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """Durations of runs, the oldest at the left. `usual`: the median of those that succeeded."""

    height: int
    dots: tuple[Dot, ...]
    guides: tuple[Guide, ...]
    usual: Guide | None
    label: str


PLOT_HEIGHT, PLOT_TOP, PLOT_BOTTOM = 180, 14, 10
_ROUND = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200, 86_400)


def plot(lines: Sequence[RunLine], usual_seconds: float | None) -> Plot | None:
    """None with fewer than two runs whose duration is known. `lines`: newest first."""
    known = [(line, line.seconds) for line in reversed(lines)]
    timed = [(line, seconds) for line, seconds in known if seconds is not None]
    if len(timed) < 2:
        return None
    most = max(seconds for _, seconds in timed) * 1.05 or 1.0
    room = PLOT_HEIGHT - PLOT_TOP - PLOT_BOTTOM

    def y(seconds: float) -> float:
        return round(PLOT_TOP + room * (1 - seconds / most), 1)

    dots = tuple(
        Dot(
            x=f"{2 + 96 * number / (len(timed) - 1):.2f}%",
            y=y(seconds),
            letter=_LETTER[line.status],
            link=run_link(line.run_id),
            tip=_tip(line),
        )
        for number, (line, seconds) in enumerate(timed)
    )
    step = next((size for size in _ROUND if most / size <= 5), 86_400 * max(1, round(most / 4 / 86_400)))
    guides = tuple(Guide(y=y(n * step), label=duration(n * step)) for n in range(1, int(most // step) + 1))
    usual = None if usual_seconds is None else Guide(y=y(usual_seconds), label=duration(usual_seconds))
    shortest, longest = min(s for _, s in timed), max(s for _, s in timed)
    label = f"Durations of {len(timed)} runs, from {duration(shortest)} to {duration(longest)}"
    return Plot(height=PLOT_HEIGHT, dots=dots, guides=guides, usual=usual, label=label)
