"""Chains with a deadline, minute by minute: late is said once, and so is who made up for it."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.core.definition import Chain, Deadline
from shared.core.run import Run
from shared.relay.tick import tick
from tests.unit.relay.small_world import T0, SmallWorld, a_chain, a_step

DEADLINE = Deadline(by="07:00")  # T0 is 05:30
DATED = a_chain(a_step("load"), deadline=DEADLINE)
DAY = 86_400.0


@pytest.fixture
def small() -> SmallWorld:
    return SmallWorld()


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "baton")
    return caplog


def news(said: pytest.LogCaptureFixture) -> list[str]:
    """What was said of deadlines, a word each."""
    words = [record.getMessage().split()[0].removeprefix("action=") for record in said.records]
    return [word for word in words if word in ("run_late", "run_recovered")]


def live(small: SmallWorld, until: str, *chains: Chain) -> None:
    """Minute by minute to that time of the day, today or tomorrow."""
    hour, minute = map(int, until.split(":"))
    end = small.now.replace(hour=hour, minute=minute, second=0)
    end += timedelta(days=1) if end <= small.now else timedelta()
    while small.now < end:
        small.now += timedelta(minutes=1)
        small.deliver()
        tick(small.world, chains or (DATED,))


def succeeds(small: SmallWorld) -> Run:
    """A run from start to end, now."""
    run = small.start(DATED)
    job = run.steps[0].job
    assert job is not None
    small.service.end(job.id)
    small.pass_time(70)
    return small.run(run.id)


def late_since(small: SmallWorld) -> object:
    late = small.world.deadlines.standings()["sales"].standing.late
    return late and late.since


def test_a_chain_that_has_succeeded_in_time_is_no_news(small: SmallWorld, said: pytest.LogCaptureFixture) -> None:
    live(small, "06:00")
    succeeds(small)
    live(small, "08:00")
    assert news(said) == []


def test_late_is_said_once_and_recovered_once(small: SmallWorld, said: pytest.LogCaptureFixture) -> None:
    live(small, "09:00")
    assert news(said) == ["run_late"]
    assert late_since(small) == T0.replace(hour=7, minute=0)
    succeeds(small)
    live(small, "11:00")
    assert news(said) == ["run_late", "run_recovered"]
    assert late_since(small) is None


def test_every_missed_deadline_is_said_and_the_first_is_remembered(
    small: SmallWorld, said: pytest.LogCaptureFixture
) -> None:
    live(small, "08:00")
    live(small, "07:30")
    assert news(said) == ["run_late", "run_late"]
    assert late_since(small) == T0.replace(hour=7, minute=0)


def test_what_made_up_for_yesterday_is_no_success_of_today(
    small: SmallWorld, said: pytest.LogCaptureFixture
) -> None:
    live(small, "08:00")
    succeeds(small)
    live(small, "07:30")
    assert news(said) == ["run_late", "run_recovered", "run_late"]


def test_yesterdays_success_is_none_of_today(small: SmallWorld, said: pytest.LogCaptureFixture) -> None:
    live(small, "06:00")
    succeeds(small)
    live(small, "05:00")
    live(small, "08:00")
    assert news(said) == ["run_late"]


def test_a_new_deadline_counts_from_now_on(small: SmallWorld, said: pytest.LogCaptureFixture) -> None:
    live(small, "08:00", a_chain(a_step("load")))
    live(small, "09:00")
    assert news(said) == []


def test_while_two_versions_take_turns_no_deadline_is_passed_over(
    small: SmallWorld, said: pytest.LogCaptureFixture
) -> None:
    other = replace(DATED, deadline=replace(DEADLINE, by="12:00"))
    live(small, "06:55")
    while small.now < T0.replace(hour=7, minute=5):
        small.now += timedelta(minutes=1)
        tick(small.world, (DATED,) if small.now.minute % 2 else (other,))
    assert news(said) == ["run_late"]


def test_two_ticks_at_once_say_it_once(small: SmallWorld, said: pytest.LogCaptureFixture) -> None:
    live(small, "06:59")
    small.now += timedelta(minutes=1)
    before = small.world.deadlines.standings
    stale = before()
    tick(small.world, (DATED,))
    for held in stale.values():
        changed = replace(held, standing=replace(held.standing, judged_until=small.now))
        assert not small.world.deadlines.save(changed)
    assert news(said) == ["run_late"]


def test_an_alert_counts_what_is_under_way(small: SmallWorld, said: pytest.LogCaptureFixture) -> None:
    live(small, "06:30")
    small.start(DATED)
    live(small, "07:00")
    assert next(r.getMessage() for r in said.records if "run_late" in r.getMessage()).endswith("running=1")
