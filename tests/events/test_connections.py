"""A connection whose jobs cannot be seen: told once for each spell."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from shared.core.errors import RefusedError, TryLaterError
from shared.core.facts import Verdict
from shared.core.run import Run
from shared.events.cloud_events import cloud_event
from shared.relay.connections import MOST_REFUSALS
from tests.events.cloud_events import problems
from tests.events.test_publishing import AlertingWorld
from tests.unit.relay.small_world import T0, a_chain, a_step

KIND = "connection.unhealthy"
NO_ROLE = RefusedError("forbidden", "HTTP 403. Give the identity the role 'Data Factory Contributor' at f.")
AWAY = TryLaterError("service_unavailable", "HTTP 503")


@pytest.fixture
def small() -> AlertingWorld:
    return AlertingWorld()


def begun(small: AlertingWorld) -> Run:
    return small.start(a_chain(a_step("load", timeout_seconds=86_400)))


def told(small: AlertingWorld) -> int:
    return small.topic.types.count(KIND)


def test_a_role_that_was_taken_away_is_told_once_with_the_remedy(small: AlertingWorld) -> None:
    begun(small)
    small.service.observe_fails = [NO_ROLE] * 10_000
    small.through(3_600)
    assert told(small) == 1
    alert = next(alert for alert in small.topic.taken if alert.type == f"baton.{KIND}")
    assert problems(cloud_event(alert, "/baton/x")) == []
    assert alert.subject == "connections/adf"
    assert (alert.data["connection"], alert.data["code"]) == ("adf", "forbidden")
    assert "Data Factory Contributor" in alert.data["message"]
    assert T0 < datetime.fromisoformat(alert.data["since"]) < alert.time
    assert alert.data["failed_looks"] >= MOST_REFUSALS


def test_one_look_that_is_refused_is_nothing_to_tell(small: AlertingWorld) -> None:
    begun(small)
    small.service.observe_fails = [NO_ROLE, NO_ROLE]
    small.through(300)
    assert told(small) == 0


def test_trouble_that_may_pass_is_told_after_a_quarter_of_an_hour(small: AlertingWorld) -> None:
    begun(small)
    small.service.observe_fails = [AWAY] * 10_000
    small.through(840)
    assert told(small) == 0
    small.through(180)
    assert told(small) == 1


def test_a_second_spell_is_told_again_and_only_after_looks_had_worked(small: AlertingWorld) -> None:
    begun(small)
    small.service.observe_fails = [NO_ROLE] * 10
    small.through(1_200)
    assert small.service.observe_fails == []
    assert told(small) == 1
    small.service.observe_fails = [NO_ROLE] * 10
    small.through(1_200)
    assert told(small) == 2
    ids = [alert.id for alert in small.topic.taken if alert.type == f"baton.{KIND}"]
    assert len(set(ids)) == 2
    assert [alert.sequence for alert in small.topic.taken if alert.type == f"baton.{KIND}"] == [1, 2]


def test_the_end_of_the_jobs_alone_ends_no_spell(small: AlertingWorld) -> None:
    run = begun(small)
    small.service.observe_fails = [NO_ROLE] * 30
    small.through(120)
    assert told(small) == 1
    small.service.end("job-1", Verdict.SUCCEEDED)
    small.through(3_600)
    assert small.run(run.id).status == "succeeded"
    assert told(small) == 1


def test_without_a_topic_no_state_of_connections_is_kept(small: AlertingWorld) -> None:
    small.world = replace(small.world, alerts=None)
    begun(small)
    small.service.observe_fails = [NO_ROLE] * 20
    small.through(600)
    assert small.storage.table("baton").scan("outbox").rows == ()
