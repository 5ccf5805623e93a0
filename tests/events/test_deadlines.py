"""Missed deadlines become events: saved with the state, sent once, and in order."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.core.alerts import Alert
from shared.core.definition import Deadline
from shared.events.cloud_events import cloud_event
from shared.relay.tick import tick
from tests.events.cloud_events import problems
from tests.events.test_publishing import DOWN, AlertingWorld
from tests.unit.relay.small_world import T0, a_chain, a_step

CHAIN = a_chain(a_step("load"), deadline=Deadline(by="07:00"))
DUE = T0.replace(hour=7, minute=0)


@pytest.fixture
def small() -> AlertingWorld:
    return AlertingWorld()


def live(small: AlertingWorld, minutes: float) -> None:
    for _ in range(int(minutes)):
        small.pass_time(60, ticks=(CHAIN,))


def told(small: AlertingWorld) -> list[Alert]:
    return [alert for alert in small.topic.taken if alert.subject == "chains/sales"]


def test_late_names_what_is_under_way_and_what_it_usually_still_takes(small: AlertingWorld) -> None:
    for seconds in (500, 620, 600):
        small.world.runs.add_duration("sales", "load", seconds, keep=15)
    small.now = DUE - timedelta(minutes=3)
    tick(small.world, (CHAIN,))
    run = small.start(CHAIN)
    live(small, 5)
    [late] = told(small)
    assert problems(cloud_event(late, "/baton/x")) == []
    assert late.type == "baton.run.late"
    assert late.data["due_at"] == late.data["late_since"] == "2026-11-21T07:00:00.000Z"
    [under_way] = late.data["running"]
    assert under_way["run_id"] == run.id
    assert 400 < under_way["left_seconds"] < 440


def test_late_and_recovered_are_told_once_each_and_in_order(small: AlertingWorld) -> None:
    live(small, 120)
    run = small.start(CHAIN)
    small.service.end("job-1")
    live(small, 60)
    late, recovered = told(small)
    assert [late.type, recovered.type] == ["baton.run.late", "baton.run.recovered"]
    assert late.sequence < recovered.sequence
    assert problems(cloud_event(recovered, "/baton/x")) == []
    assert recovered.data["run_id"] == run.id
    assert 1_800 < recovered.data["late_seconds"] < 1_900


def test_a_topic_that_is_away_learns_of_it_later(small: AlertingWorld) -> None:
    small.topic.down = DOWN
    live(small, 180)
    assert told(small) == []
    small.topic.down = None
    live(small, 20)
    assert [alert.type for alert in told(small)] == ["baton.run.late"]
    assert small.wait() == 0
