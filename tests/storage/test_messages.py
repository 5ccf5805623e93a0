"""What every queue does: delay, holds, redelivery."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.storage.base import Message, Queue
from tests.storage.conftest import World


def receive_one(queue: Queue, hidden_seconds: float = 60) -> Message:
    (message,) = queue.receive(hidden_seconds=hidden_seconds)
    return message


def test_a_queue_that_was_never_used_is_empty(queue: Queue) -> None:
    assert queue.receive(limit=32) == ()
    assert queue.length() == 0


@pytest.mark.parametrize("body", ["", "plain", '{"run": "ü漢\U0001f600"}', "a\0b", "<x/>&\r\n", "YWJj", " pad= "])
def test_a_message_comes_back_as_it_was_sent(queue: Queue, body: str) -> None:
    queue.send(body)
    message = receive_one(queue)
    assert message.body == body
    assert message.dequeue_count == 1
    assert message.inserted_at.tzinfo is not None


def test_a_message_tells_when_it_was_sent(world: World) -> None:
    before = datetime.now(UTC)
    world.queue.send("x")
    sent_at = receive_one(world.queue).inserted_at
    embedded_clock = datetime(2026, 11, 21, 5, 30, tzinfo=UTC)
    assert sent_at == embedded_clock or abs(sent_at - before) < timedelta(minutes=1)


def test_a_received_message_is_hidden_from_others(queue: Queue) -> None:
    queue.send("x")
    receive_one(queue)
    assert queue.receive() == ()
    assert queue.length() == 1


def test_a_deleted_message_is_gone(queue: Queue) -> None:
    queue.send("x")
    message = receive_one(queue)
    assert queue.delete(message) is True
    assert queue.delete(message) is False
    assert queue.hide(message, 30) is None
    assert queue.length() == 0


def test_a_delayed_message_shows_after_its_delay_and_not_before(world: World) -> None:
    world.queue.send("late", delay_seconds=0.5)
    world.queue.send("now")
    assert [message.body for message in world.queue.receive(limit=32)] == ["now"]
    world.wait(1.1)  # Azure counts in whole seconds
    assert [message.body for message in world.queue.receive(limit=32)] == ["late"]


def test_a_message_that_is_not_deleted_in_time_is_delivered_again_and_the_first_hold_is_lost(world: World) -> None:
    world.queue.send("x")
    first = receive_one(world.queue, hidden_seconds=1)
    world.wait(1.1)
    second = receive_one(world.queue)
    assert second.id == first.id
    assert second.body == first.body
    assert second.inserted_at == first.inserted_at
    assert second.dequeue_count == 2
    assert second.receipt != first.receipt
    assert world.queue.delete(first) is False
    assert world.queue.hide(first, 0) is None
    assert world.queue.receive() == ()  # the lost hold changed nothing
    assert world.queue.delete(second) is True


def test_a_hold_that_has_run_out_counts_until_somebody_else_receives_the_message(world: World) -> None:
    world.queue.send("x")
    message = receive_one(world.queue, hidden_seconds=1)
    world.wait(1.1)
    assert world.queue.delete(message) is True
    assert world.queue.receive() == ()


def test_hiding_longer_keeps_the_hold_under_a_new_receipt(world: World) -> None:
    world.queue.send("x")
    first = receive_one(world.queue, hidden_seconds=1)
    held = world.queue.hide(first, 60)
    assert held is not None
    assert held == replace(first, receipt=held.receipt)
    assert held.receipt != first.receipt
    world.wait(1.1)
    assert world.queue.receive() == ()
    assert world.queue.delete(first) is False
    assert world.queue.delete(held) is True


def test_a_message_that_is_given_back_shows_at_once_with_its_body(queue: Queue) -> None:
    queue.send("x")
    assert queue.hide(receive_one(queue), 0) is not None
    again = receive_one(queue)
    assert (again.body, again.dequeue_count) == ("x", 2)


def test_up_to_a_limit_of_messages_is_received_at_once(queue: Queue) -> None:
    for number in range(5):
        queue.send(str(number))
    three = queue.receive(limit=3)
    rest = queue.receive(limit=32)
    assert sorted(message.body for message in three + rest) == ["0", "1", "2", "3", "4"]
    assert len(three) == 3
    assert all(queue.delete(message) for message in three + rest)


def test_queues_keep_their_messages_apart(world: World) -> None:
    other = world.storage.queue("contract-other")
    world.queue.send("mine")
    assert other.receive() == ()
    message = receive_one(world.queue)
    assert other.delete(message) is False
    assert other.hide(message, 10) is None
    assert world.queue.delete(message) is True


def test_threads_that_receive_together_get_each_message_once(queue: Queue) -> None:
    for number in range(30):
        queue.send(str(number))

    def drain(_: int) -> list[str]:
        bodies: list[str] = []
        while found := queue.receive(limit=2):
            bodies += [message.body for message in found if queue.delete(message)]
        return bodies

    with ThreadPoolExecutor(4) as threads:
        received = [body for bodies in threads.map(drain, range(4)) for body in bodies]
    assert sorted(received, key=int) == [str(number) for number in range(30)]
    assert queue.length() == 0
