"""An event arrives: each chain that waits for it gets one run, however often it comes and whatever fails."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.core.definition import Chain, EventPattern, Parameter
from shared.core.events import Event
from shared.core.facts import Verdict
from shared.core.run import Run
from shared.relay.on_event import Received, note_unmatched, on_event, refused_events
from shared.relay.pause import pause, resume
from shared.relay.rerun import rerun
from shared.relay.start import MOST_WAITING, TooManyWaitingError
from shared.storage.base import Delete, Page, Row, StorageUnavailableError, Table, Upsert, Write
from shared.store.runs import RunStore
from tests.unit.relay.small_world import T0, SmallWorld, a_chain, a_step

ARRIVED = EventPattern(type="Blob", parameters={"file": "{{ event.data.url }}"})
EVENT = Event(id="e-1", type="Blob", source="/st", subject="/a.csv", time=T0, data={"url": "https://st/a.csv"})


def chain(name: str = "sales", pattern: EventPattern = ARRIVED, **changes: Any) -> Chain:
    load = a_step("load", parameters={"file": "{{ parameters.file }}", "subject": "{{ trigger.event.subject }}"})
    changes.setdefault("parameters", {"file": Parameter()})
    return replace(a_chain(load), name=name, events=(pattern,), **changes)


@pytest.fixture
def small() -> SmallWorld:
    return SmallWorld()


def runs_of(small: SmallWorld, name: str = "sales") -> Sequence[Run]:
    return small.world.runs.newest_of(name, status=None, limit=50, cursor=None).runs


def test_an_event_starts_a_run_that_knows_it(small: SmallWorld) -> None:
    told = on_event(small.world, [chain(), chain("other", EventPattern(type="Else"))], EVENT)
    small.deliver()
    [run] = runs_of(small)
    assert told == Received(runs=(run.id,))
    assert (run.trigger.type, run.trigger.time, run.trigger.event) == ("event", T0, EVENT)
    [order] = small.service.orders.values()
    assert order.parameters == {"file": "https://st/a.csv", "subject": "/a.csv"}
    assert runs_of(small, "other") == ()


def test_the_same_event_again_starts_nothing_new_also_days_later(small: SmallWorld) -> None:
    first = on_event(small.world, [chain()], EVENT)
    small.now += timedelta(days=3)
    changed = chain(pattern=replace(ARRIVED, parameters={}))  # the file has changed meanwhile
    assert on_event(small.world, [changed], EVENT) == first
    assert len(runs_of(small)) == 1
    on_event(small.world, [chain()], replace(EVENT, source="/other"))
    assert len(runs_of(small)) == 2


def test_a_rerun_keeps_the_event(small: SmallWorld) -> None:
    on_event(small.world, [chain()], EVENT)
    small.deliver()
    small.service.end("job-1", Verdict.FAILED)
    small.pass_time(120)
    [run] = runs_of(small)
    again = rerun(small.world, run.id, "start", chain())
    assert again is not None
    assert again.trigger.event == EVENT
    assert small.service.orders["job-2"].parameters["subject"] == "/a.csv"


def test_two_patterns_that_match_make_one_run(small: SmallWorld) -> None:
    both = replace(chain(), events=(ARRIVED, EventPattern(type="*", parameters={"file": "x"})))
    on_event(small.world, [both], EVENT)
    [run] = runs_of(small)
    assert run.parameters == {"file": "https://st/a.csv"}


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (replace(EVENT, data={}), "has no attribute 'url'"),
        (replace(EVENT, data=None), "url"),
        (replace(EVENT, data={"url": "x" * 70_000}), "over 65,536 characters of JSON"),
        (replace(EVENT, data={"url": float("inf")}), "no word for"),
    ],
)
def test_what_no_run_can_be_made_of_is_taken_and_shown_until_one_works(
    small: SmallWorld, event: Event, said: str
) -> None:
    told = on_event(small.world, [chain()], event)
    assert (told.runs, len(told.refused)) == ((), 1)
    [refused] = refused_events(small.world)
    assert refused.place == "chains.sales.events[0]"
    assert said in refused.why
    small.now += timedelta(seconds=5)
    on_event(small.world, [chain()], replace(EVENT, id="e-2"))
    assert refused_events(small.world) == []


def test_what_was_refused_is_shown_for_a_day(small: SmallWorld) -> None:
    on_event(small.world, [chain()], replace(EVENT, data={}))
    small.now += timedelta(hours=25)
    assert refused_events(small.world) == []


def test_a_chain_that_skips_takes_the_event_without_a_run(small: SmallWorld) -> None:
    busy = chain(max_running=1, overlap="skip")
    on_event(small.world, [busy], EVENT)
    told = on_event(small.world, [busy], replace(EVENT, id="e-2"))
    assert (told.runs, told.skipped) == ((), ("sales",))


def test_a_paused_chain_takes_the_event_without_a_run(small: SmallWorld) -> None:
    pause(small.world, "sales", "month end")
    told = on_event(small.world, [chain()], EVENT)
    assert (told.runs, told.skipped) == ((), ("sales",))
    resume(small.world, "sales")
    assert len(on_event(small.world, [chain()], replace(EVENT, id="e-2")).runs) == 1


def test_too_many_waiting_runs_have_it_come_again(small: SmallWorld) -> None:
    one = chain(max_running=1)
    ids = [f"sales.20261120T000000{number:03d}Z.aaaaaaaa" for number in range(MOST_WAITING + 1)]
    full = json.dumps({"holders": ids[:1], "waiting": ids[1:]})
    table = small.storage.table("baton")
    table.write([Upsert(Row("chain.sales", "slots", full))])
    with pytest.raises(TooManyWaitingError):
        on_event(small.world, [one], EVENT)
    assert runs_of(small) == ()
    table.write([Upsert(Row("chain.sales", "slots", json.dumps({"holders": [], "waiting": []})))])
    assert len(on_event(small.world, [one], EVENT).runs) == 1


class Failing:
    """A table whose writes to some partitions fail while it is told to."""

    def __init__(self, inner: Table) -> None:
        self.inner = inner
        self.partition = ""

    def get(self, partition: str, key: str) -> Row | None:
        return self.inner.get(partition, key)

    def write(self, writes: Sequence[Write]) -> tuple[str, ...] | None:
        at = [write.partition if isinstance(write, Delete) else write.row.partition for write in writes]
        if self.partition and self.partition in at:
            raise StorageUnavailableError("down")
        return self.inner.write(writes)

    def scan(self, partition: str, *, start: str = "", end: str | None = None, limit: int = 1_000) -> Page:
        return self.inner.scan(partition, start=start, end=end, limit=limit)


def test_one_chain_that_cannot_be_stored_raises_and_the_next_delivery_starts_only_that_one(
    small: SmallWorld,
) -> None:
    table = Failing(small.storage.table("baton"))
    world = replace(small.world, runs=RunStore(table))
    table.partition = "chain.one"
    chains = [chain("one"), chain("two")]
    with pytest.raises(StorageUnavailableError):
        on_event(world, chains, EVENT)
    [two] = runs_of(small, "two")
    table.partition = ""
    told = on_event(world, chains, EVENT)
    assert set(told.runs) == {two.id, runs_of(small, "one")[0].id}
    assert len(runs_of(small, "two")) == 1


def test_events_that_match_nothing_are_counted_by_the_day(small: SmallWorld) -> None:
    for number in range(3):
        event = replace(EVENT, id=f"e-{number}", type="Unknown")
        assert on_event(small.world, [chain()], event) == Received(matched=False)
        note_unmatched(small.world, [event])
    note_unmatched(small.world, [])
    told = small.world.events.unmatched(small.now)
    assert (told.day, told.count, told.last_type) == ("2026-11-21", 3, "Unknown")
    assert small.world.events.unmatched(small.now + timedelta(days=1)).count == 0
