"""Plots as SVG: small panels side by side with logarithmic axes, for pages that are read on any ground."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT, GAP = 300, 260, 28
LEFT, TOP, BOTTOM = 44, 34, 44
COLOURS = ("#0b5cad", "#b3541e", "#6a3d9a", "#c2185b", "#2e7d32")

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Series:
    """Named points in order; joined by a line, or as marks of their own. `labels`: beside the points."""

    name: str
    points: Sequence[Point]
    labels: Sequence[str] = ()
    line: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    title: str
    series: Sequence[Series]


def drawn(panels: Sequence[Panel], *, across: str, up: str, about: str) -> str:
    """The whole picture. `across`, `up`: what the axes are; `about`: for those who cannot see it."""
    total_width = len(panels) * (WIDTH + GAP) + GAP
    names = [series.name for series in panels[0].series]
    total_height = HEIGHT + 26
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total_width} {total_height}" role="img">',
        "<style>text { font: 11px sans-serif }</style>",
        f"<title>{escape(about)}</title>",
        f'<rect width="{total_width}" height="{total_height}" fill="#fff"/>',
    ]
    ticks_across, ticks_up = _ticks(_all(panels, 0)), _ticks(_all(panels, 1))
    for number, panel in enumerate(panels):
        parts.append(f'<g transform="translate({GAP + number * (WIDTH + GAP)} 0)">')
        parts += _panel(panel, ticks_across, ticks_up, across, up if number == 0 else "")
        parts.append("</g>")
    for number, name in enumerate(names):
        x = GAP + LEFT + number * 150
        parts.append(f'<circle cx="{x}" cy="{HEIGHT + 8}" r="4" fill="{COLOURS[number]}"/>')
        parts.append(f'<text x="{x + 9}" y="{HEIGHT + 12}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _all(panels: Sequence[Panel], which: int) -> list[float]:
    return [point[which] for panel in panels for series in panel.series for point in series.points]


def _ticks(values: Sequence[float]) -> list[float]:
    """1, 3, 10, 30 and so on, from below the least to above the greatest."""
    steps = [mantissa * 10.0**power for power in range(-3, 7) for mantissa in (1, 3)]
    first = max(step for step in steps if step <= min(values))
    last = min(step for step in steps if step >= max(values))
    return [step for step in steps if first <= step <= last]


def _panel(panel: Panel, across: Sequence[float], up: Sequence[float], below: str, beside: str) -> list[str]:
    def x(value: float) -> float:
        return LEFT + _share(value, across) * (WIDTH - LEFT)

    def y(value: float) -> float:
        return TOP + (1 - _share(value, up)) * (HEIGHT - TOP - BOTTOM)

    floor = HEIGHT - BOTTOM
    parts = [f'<text x="{LEFT}" y="20" font-weight="bold">{escape(panel.title)}</text>']
    for tick in across:
        parts.append(f'<path d="M{x(tick):.1f} {TOP}V{floor}" stroke="#e3e3e3"/>')
        parts.append(f'<text x="{x(tick):.1f}" y="{floor + 14}" text-anchor="middle">{tick:g}</text>')
    for tick in up:
        parts.append(f'<path d="M{LEFT} {y(tick):.1f}H{WIDTH}" stroke="#e3e3e3"/>')
        parts.append(f'<text x="{LEFT - 5}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH) / 2}" y="{floor + 29}" text-anchor="middle">{escape(below)}</text>')
    if beside:
        turned = f'x="{-(TOP + floor) / 2}" y="4" text-anchor="middle" transform="rotate(-90)"'
        parts.append(f"<text {turned}>{escape(beside)}</text>")
    for series, colour in zip(panel.series, COLOURS, strict=False):
        parts += _series(series, colour, [(x(point[0]), y(point[1])) for point in series.points])
    return parts


def _share(value: float, ticks: Sequence[float]) -> float:
    return math.log(value / ticks[0]) / math.log(ticks[-1] / ticks[0])


def _series(series: Series, colour: str, places: Sequence[Point]) -> list[str]:
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    if series.line:
        return [f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.5" stroke-dasharray="5 3"/>']
    parts = [f'<path d="{path}" fill="none" stroke="{colour}" stroke-opacity="0.4"/>']
    parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in places]
    return parts + [
        f'<text x="{x + 6:.1f}" y="{y - 4:.1f}" fill="{colour}">{escape(label)}</text>'
        for (x, y), label in zip(places, series.labels, strict=False)
    ]
