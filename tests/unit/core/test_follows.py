"""Which ended jobs count, and how windows move; by a clock that tests set."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.core.definition import Connection, Follow
from shared.core.facts import Verdict
from shared.core.follows import (
    FORGOTTEN,
    LATE,
    MISSED_SEEN,
    MOST_HANDLED,
    Fate,
    Progress,
    SeenJob,
    asked_since,
    bounded,
    declared,
    fate,
    is_new,
    merged,
    taken_in,
)

NOW = datetime(2026, 11, 21, 5, 30, tzinfo=UTC)
ADF = Connection(name="adf", type="data_factory", subscription="s", resource_group="g", factory="f")
FOLLOW = Follow(connection=ADF, pipeline="Nightly")
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
PROGRESS = Progress(since=NOW - 9 * HOUR, done_until=NOW - MINUTE)


def job(id: str = "n-1", *, ago: timedelta = timedelta(), **more: Any) -> SeenJob:
    told: dict[str, Any] = {"verdict": Verdict.SUCCEEDED, "status": "Succeeded", "updated_at": NOW - ago}
    return SeenJob(id=id, what="Nightly", link="", **{**told, **more})


@pytest.mark.parametrize(
    ("on", "counted"),
    [
        ("succeeded", {Verdict.SUCCEEDED}),
        ("failed", {Verdict.FAILED}),
        ("completed", {Verdict.SUCCEEDED, Verdict.FAILED, Verdict.CANCELLED}),
    ],
)
def test_the_outcome_decides_which_jobs_count(on: Any, counted: set[Verdict]) -> None:
    follow = replace(FOLLOW, on=on)
    found = {
        one
        for one in Verdict
        if one is not Verdict.LOST and fate(job(verdict=one), follow, PROGRESS, NOW) is Fate.COUNTS
    }
    assert found == counted


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"verdict": None}, Fate.UNKNOWN),
        ({"verdict": Verdict.ACTIVE}, Fate.UNDER_WAY),
        ({"ago": 9 * HOUR + MINUTE}, Fate.PASSED_OVER),
        ({"ago": HOUR + MINUTE}, Fate.MISSED),
        ({"ago": HOUR - MINUTE}, Fate.COUNTS),
        ({"ended_at": NOW - 2 * HOUR}, Fate.MISSED),
    ],
)
def test_the_fate_of_a_job(told: dict[str, Any], expected: Fate) -> None:
    assert fate(job(**told), FOLLOW, PROGRESS, NOW) is expected


def test_a_look_asks_for_what_may_show_late_and_after_downtime_for_what_was_missed() -> None:
    assert asked_since(PROGRESS, FOLLOW, NOW) == NOW - MINUTE - LATE
    assert asked_since(replace(PROGRESS, done_until=NOW - 9 * HOUR), FOLLOW, NOW) == NOW - 9 * HOUR - LATE
    long_ago = replace(PROGRESS, done_until=NOW - timedelta(days=9))
    assert asked_since(long_ago, FOLLOW, NOW) == NOW - HOUR - MISSED_SEEN


def test_what_was_handled_is_kept_as_long_as_looks_show_it() -> None:
    first = taken_in(PROGRESS, looked_at=NOW, handled=[job("a", ago=MINUTE)], waiting=[], error=None)
    assert (first.done_until, set(first.handled)) == (NOW, {"a"})
    assert not is_new(job("a", ago=MINUTE), first, NOW - LATE)
    later = taken_in(first, looked_at=NOW + LATE, handled=[job("b")], waiting=[], error=None)
    assert set(later.handled) == {"b"}
    assert not is_new(job("a", ago=MINUTE), later, asked_since(later, FOLLOW, NOW + LATE))


def test_what_waits_keeps_the_window_open() -> None:
    waiting = [job("a", ago=timedelta(seconds=30)), job("b")]
    held = taken_in(PROGRESS, looked_at=NOW, handled=[], waiting=waiting, error=None)
    assert held.done_until == NOW - timedelta(seconds=30)
    late = taken_in(PROGRESS, looked_at=NOW, handled=[], waiting=[job("a", ago=LATE)], error=None)
    assert late.done_until == PROGRESS.done_until
    assert asked_since(late, FOLLOW, NOW) <= NOW - LATE


def test_two_looks_at_once_are_put_together() -> None:
    one = taken_in(PROGRESS, looked_at=NOW, handled=[job("a")], waiting=[], error=None)
    other = taken_in(PROGRESS, looked_at=NOW, handled=[], waiting=[job("b", ago=MINUTE)], error="no")
    both = merged(one, other)
    assert (both.done_until, set(both.handled), both.error) == (NOW, {"a"}, "no")
    renewed = replace(PROGRESS, since=NOW)
    assert merged(renewed, one) == renewed


def test_a_new_follow_counts_from_now_on_and_one_that_was_away_for_long_is_new() -> None:
    first = declared({}, {"a"}, NOW)
    assert first == {"a": Progress(since=NOW, done_until=NOW)}
    away = declared(first, {"b"}, NOW + MINUTE)
    assert away["a"].absent_since == NOW + MINUTE
    assert declared(away, {"a"}, NOW + 10 * MINUTE)["a"] == first["a"]
    back = NOW + 2 * MINUTE + FORGOTTEN
    assert declared(away, {"a"}, back)["a"].since == back
    assert declared(away, (), back).keys() == {"b"}


def test_a_row_keeps_no_more_ids_than_it_takes() -> None:
    many = {f"job-{number}": NOW - timedelta(seconds=number) for number in range(MOST_HANDLED + 10)}
    kept = bounded({"a": replace(PROGRESS, handled=many)})["a"].handled
    assert len(kept) < MOST_HANDLED
    assert "job-0" in kept
    assert f"job-{MOST_HANDLED + 5}" not in kept
