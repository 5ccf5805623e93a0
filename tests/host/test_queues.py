"""The queue trigger: what a function is given, redelivery, poison queues."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.host.queue_bench import Bench, opened_bench
from tests.host.running import T0


@pytest.fixture
def bench() -> Iterator[Bench]:
    with opened_bench() as opened:
        yield opened


def test_a_message_is_delivered_once_and_deleted(bench: Bench) -> None:
    bench.queue.send("hello")
    bench.deliver(bench.listener())
    [seen] = bench.record
    assert (seen["queue"], seen["dequeue_count"], seen["function"]) == ("hello", 1, "work")
    assert seen["inserted"] == T0.isoformat()
    assert bench.queue.length() == 0


def test_a_failed_message_comes_back_after_the_visibility_timeout(bench: Bench) -> None:
    bench.queue.send("fail")
    listener = bench.listener()
    bench.deliver(listener)
    bench.clock.advance(9)
    bench.deliver(listener)
    assert [seen["dequeue_count"] for seen in bench.record] == [1]
    bench.clock.advance(2)
    bench.deliver(listener)
    assert [seen["dequeue_count"] for seen in bench.record] == [1, 2]


def test_after_five_tries_a_message_is_set_aside_in_the_poison_queue(bench: Bench) -> None:
    bench.queue.send("fail")
    listener = bench.listener()
    for _ in range(5):
        bench.clock.advance(11)
        bench.deliver(listener)
    assert [seen["dequeue_count"] for seen in bench.record] == [1, 2, 3, 4, 5]
    assert bench.queue.length() == 0
    assert [message.body for message in bench.poison.receive()] == ["fail"]


def test_a_message_whose_last_try_never_ended_is_set_aside_without_another(bench: Bench) -> None:
    bench.queue.send("kills the process")
    for _ in range(5):
        bench.queue.receive(hidden_seconds=30)
        bench.clock.advance(31)
    bench.deliver(bench.listener())
    assert bench.record == []
    assert (bench.queue.length(), bench.poison.length()) == (0, 1)


def test_a_poison_queue_has_no_poison_queue_behind_it(bench: Bench) -> None:
    poison = bench.storage.queue("work-poison")
    poison.send("fail")
    listener = bench.listener(queue_name="work-poison")
    for _ in range(7):
        bench.deliver(listener)
        bench.clock.advance(31)
    assert len(bench.record) == 7
    assert (poison.length(), bench.storage.queue("work-poison-poison").length()) == (1, 0)


def test_returning_a_value_is_a_failure(bench: Bench) -> None:
    bench.queue.send("return")
    bench.deliver(bench.listener())
    assert bench.queue.length() == 1


def test_properties_of_a_json_body_replace_metadata_of_the_same_name(bench: Bench) -> None:
    bench.queue.send(json.dumps({"id": "from the body", "DEQUEUECOUNT": 9, "insertionTime": None, "kind": "x"}))
    bench.deliver(bench.listener())
    [seen] = bench.record
    assert (seen["id"], seen["dequeue_count"], seen["inserted"]) == ("from the body", 9, T0.isoformat())


@pytest.mark.parametrize("body", ['["id"]', '{"id": ["a"]}', '"id"', "{broken"])
def test_other_bodies_replace_nothing(bench: Bench, body: str) -> None:
    bench.queue.send(body)
    bench.deliver(bench.listener())
    assert bench.record[0]["dequeue_count"] == 1
    assert bench.record[0]["id"] not in {"a", "id", '["a"]'}


def test_a_property_that_does_not_fit_its_metadata_fails_the_invocation(bench: Bench) -> None:
    bench.queue.send('{"dequeueCount": "many"}')
    bench.deliver(bench.listener())
    assert bench.record == []
    assert bench.queue.length() == 1
