"""A topic that is away for two hours, and what events cost: in virtual time, over the simulated Azure."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from bench.loads import LOADS
from bench.virtual import T0, VirtualBaton
from local.simulated_azure.faults import Fault
from local.simulated_azure.world import SimulatedAzure
from shared.core.alerts import type_of
from shared.core.run import Run
from shared.relay.alerts import FIRST_REST_SECONDS, LONGEST_REST_SECONDS
from tests.events.cloud_events import problems

RUNS = 300
OUTAGE = timedelta(hours=2)
STORAGE = ("get", "write", "scan page", "send", "receive", "delete")
MOST_OPERATIONS_A_RUN = 14  # of storage, with a topic, more than without: seven for each end of it
MOST_OPERATIONS_A_TICK = 4


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Other tests hold requests against the services' documents, and warnings are what an outage is made of."""
    logging.disable(logging.CRITICAL)
    observer, SimulatedAzure.observer = SimulatedAzure.observer, None
    yield
    SimulatedAzure.observer = observer
    logging.disable(logging.NOTSET)


@dataclass(slots=True)
class During(Fault):
    """A fault that is over after a while."""

    clock: Callable[[], datetime] = field(kw_only=True)
    until: datetime = field(kw_only=True)

    def fits(self, operation: str) -> bool:
        return self.clock() < self.until and Fault.fits(self, operation)


def played(load: str, runs: int, *, topic: bool = True, fault: dict[str, Any] | None = None) -> VirtualBaton:
    baton = VirtualBaton(topic=topic)
    if fault is not None:
        until = T0 + OUTAGE
        baton.azure.faults.on.append(During("event_grid.publish", clock=lambda: baton.now, until=until, **fault))
    baton.play(LOADS[load](baton, runs))
    return baton


def all_runs(baton: VirtualBaton) -> list[Run]:
    return list(baton.runs.newest(status=None, limit=1_000, cursor=None).runs)


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 503},
        {"status": 429, "retry_after": "120"},
        {"lost": True, "when": "after"},
    ],
    ids=str,
)
def test_after_two_hours_without_a_topic_every_event_arrives_in_order(fault: dict[str, Any]) -> None:
    baton = played("pipelines-short", RUNS, fault=fault)
    runs = all_runs(baton)
    assert len(runs) == RUNS
    received = baton.azure.event_grid.received
    first: dict[str, str] = {}
    for each in received:
        first.setdefault(each.event["id"], each.event["type"])
        assert problems(each.event) == []
    for run in runs:
        changes = baton.runs.transitions(run.id)
        wanted = [(f"{run.id}.{change.number}", kind) for change in changes if (kind := type_of(change))]
        assert [(id_, kind) for id_, kind in first.items() if id_.startswith(f"{run.id}.")] == wanted
    assert len(first) == 2 * RUNS
    back = T0 + OUTAGE
    latest = timedelta(seconds=1.25 * LONGEST_REST_SECONDS + 120)
    assert max(each.at for each in received) < back + latest


def test_no_run_takes_longer_because_the_topic_is_away_and_the_topic_is_asked_seldom() -> None:
    never = played("pipelines-short", RUNS, topic=False)
    away = played("pipelines-short", RUNS, fault={"status": 503})
    ends = [sorted(run.finished_at or T0 for run in all_runs(baton)) for baton in (never, away)]
    later = [(b - a).total_seconds() for a, b in zip(*ends, strict=True)]
    assert max(later) <= 30
    seldom = OUTAGE.total_seconds() / (0.75 * LONGEST_REST_SECONDS) + 20
    repeats = away.azure.calls["event_grid.publish"]
    assert repeats <= seldom + 2 * RUNS / 10 + 10
    assert FIRST_REST_SECONDS < LONGEST_REST_SECONDS


def test_events_cost_few_storage_operations_and_none_without_a_topic() -> None:
    without, with_topic = (played("pipelines-short", 100, topic=topic) for topic in (False, True))
    ticks = with_topic.minutes
    more = sum(with_topic.counts[name] - without.counts[name] for name in STORAGE)
    assert with_topic.azure.calls["event_grid.publish"] <= 200
    assert more <= 100 * MOST_OPERATIONS_A_RUN + ticks * MOST_OPERATIONS_A_TICK
    assert without.azure.calls["event_grid.publish"] == 0
