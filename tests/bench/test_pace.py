"""The benchmark of the pace: its arithmetic, and the aims that Baton's pace is held to."""

from __future__ import annotations

import math
import random
from xml.etree import ElementTree as ET

import pytest

from bench.cadence import fixed, geometric, play
from bench.lengths import Kind, kinds, least_product
from bench.pace import HELD, PLOTTED, WAYS, faults, measured, plot, verdict


def test_a_fixed_interval_costs_its_looks_and_half_of_itself() -> None:
    lengths = [((), 600.0 + each) for each in range(60)]
    shown = play(fixed(60), lengths)
    assert shown.calls == pytest.approx(11, abs=0.1)
    assert shown.mean_seconds == pytest.approx(30, abs=1)
    assert 55 < shown.late_seconds < 60


def test_a_share_of_the_age_is_a_share_of_the_delay() -> None:
    shown = play(geometric(0.1), [((), 1_000.0 * 1.001**each) for each in range(96)])
    assert shown.share == pytest.approx(0.05, abs=0.01)


def test_the_least_product_of_a_narrow_kind_grows_with_its_spread() -> None:
    narrow, wide = (Kind("", lambda _c, _n: 0.0, None, [(1.0, 1_800.0, spread)]) for spread in (0.03, 0.06))
    least = [least_product(kind) for kind in (narrow, wide)]
    assert least[0] is not None
    assert least[1] is not None
    assert least[1] / least[0] == pytest.approx(2, rel=0.05)


def test_no_way_beats_the_least_product() -> None:
    for kind in kinds():
        least = least_product(kind)
        jobs = kind.sample(random.Random(1))[::4]
        for pause in (fixed(30), geometric(0.05)) if least else ():
            shown = play(pause, jobs)
            assert least is not None
            assert shown.calls * shown.mean_seconds > least, kind.name


def test_batons_pace_meets_its_aims_where_it_is_held_to_them() -> None:
    held = [kind for kind in kinds() if kind.name in HELD]
    assert len(held) == len(HELD)
    assert faults(measured(held)) == []


def test_a_poll_of_a_minute_misses_the_aim() -> None:
    stable = kinds()[:1]
    shown = measured(stable)[stable[0].name]
    assert verdict(stable[0].name, {**shown, "Baton": shown["60 s"]}).endswith(" s")
    assert "times the calls" in verdict(stable[0].name, {**shown, "Baton": shown["10 s"]})


def test_the_plot_is_whole_and_shows_each_point() -> None:
    picture = plot([kind for kind in kinds() if kind.name in PLOTTED])
    root = ET.fromstring(picture)
    circles = [each for each in root.iter() if each.tag.endswith("circle")]
    assert len(circles) == len(PLOTTED) * (5 + 4 + 1 + 1) + 5
    assert all(math.isfinite(float(each.attrib["cx"])) for each in circles)


def test_every_kind_is_played_by_every_way() -> None:
    assert "Baton" in WAYS
    assert len({kind.name for kind in kinds()}) == len(kinds()) == 14
