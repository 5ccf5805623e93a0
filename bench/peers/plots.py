"""Plots as SVG, drawn by hand: lines over logarithmic axes, and bars side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 760, 380
LEFT, RIGHT, TOP, BOTTOM = 70, 250, 40, 50
COLOURS = (
    *("#0b6e99", "#64b5d6", "#c2410c", "#f59e0b", "#6b7280"),
    *("#7c3aed", "#15803d", "#db2777", "#1f2937", "#a3a300"),
)

Points = Sequence[tuple[float, float]]


def lines(title: str, across: str, up: str, series: Mapping[str, Points]) -> str:
    """Both axes are logarithmic. Values must be above 0."""
    every = [point for points in series.values() for point in points]
    xs, ys = sorted({x for x, _ in every}), [y for _, y in every]
    low, high = math.floor(math.log10(min(ys))), math.ceil(math.log10(max(ys)))
    high = max(high, low + 1)

    def at(x: float, y: float) -> tuple[float, float]:
        span = math.log10(xs[-1] / xs[0]) or 1.0
        right = LEFT + (WIDTH - LEFT - RIGHT) * math.log10(x / xs[0]) / span
        return right, _height((math.log10(y) - low) / (high - low))

    drawn = [_tick_up(at(xs[0], 10.0**power)[1], _short(10.0**power)) for power in range(low, high + 1)]
    drawn += [_tick_across(at(x, ys[0])[0], f"{x:,.0f}") for x in xs]
    for index, (name, points) in enumerate(series.items()):
        colour = COLOURS[index % len(COLOURS)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*point) for point in points))
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>')
        drawn += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in (at(*p) for p in points)
        ]
        drawn.append(_legend(index, name, colour))
    return _framed(title, across, up, drawn)


def bars(title: str, up: str, groups: Sequence[str], series: Mapping[str, Sequence[float | None]]) -> str:
    """A group of bars for each of `groups`, a bar in it for each series; None leaves a gap."""
    most = max((value for values in series.values() for value in values if value is not None), default=1.0) or 1.0
    step = _round_step(most)
    top = step * math.ceil(most / step)
    room = (WIDTH - LEFT - RIGHT) / len(groups)
    wide = room * 0.8 / max(1, len(series))
    drawn = [_tick_up(_height(step * n / top), _short(step * n)) for n in range(round(top / step) + 1)]
    drawn += [_tick_across(LEFT + room * (n + 0.5), name) for n, name in enumerate(groups)]
    for index, (name, values) in enumerate(series.items()):
        colour = COLOURS[index % len(COLOURS)]
        for group, value in enumerate(values):
            if value is not None:
                left, above = LEFT + room * (group + 0.1) + wide * index, _height(value / top)
                tall = _height(0) - above
                size = f'width="{wide * 0.9:.1f}" height="{tall:.1f}"'
                drawn.append(f'<rect x="{left:.1f}" y="{above:.1f}" {size} fill="{colour}"/>')
        drawn.append(_legend(index, name, colour))
    return _framed(title, "", up, drawn)


def _height(share: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share


def _round_step(most: float) -> float:
    """About five steps to the highest value, each 1, 2 or 5 times a power of ten."""
    rough = 10.0 ** math.floor(math.log10(most / 5))
    return next(rough * factor for factor in (1, 2, 5, 10) if most / (rough * factor) <= 6)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 or value == 0 else f"{value:g}"


def _tick_up(y: float, text: str) -> str:
    return (
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#d1d5db"/>'
        f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
    )


def _tick_across(x: float, text: str) -> str:
    return f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{escape(text)}</text>'


def _legend(index: int, name: str, colour: str) -> str:
    y = TOP + 10 + 20 * index
    x = WIDTH - RIGHT + 16
    return (
        f'<rect x="{x}" y="{y - 9}" width="12" height="12" fill="{colour}"/>'
        f'<text x="{x + 18}" y="{y + 1}">{escape(name.replace("`", ""))}</text>'
    )


def _framed(title: str, across: str, up: str, drawn: Sequence[str]) -> str:
    middle = (LEFT + WIDTH - RIGHT) / 2
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        f' aria-label="{escape(title)}" font-family="sans-serif" font-size="12">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
        f'<text x="{LEFT}" y="20" font-size="14" font-weight="bold">{escape(title)}</text>'
        f'<text x="{middle:.0f}" y="{HEIGHT - 10}" text-anchor="middle">{escape(across)}</text>'
        f'<text transform="translate(16 {HEIGHT / 2:.0f}) rotate(-90)" text-anchor="middle">{escape(up)}</text>'
    )
    return "\n".join([head, *drawn, "</svg>", ""])
