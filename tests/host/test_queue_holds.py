"""The queue trigger: polling, leases, and what happens to messages when the host stops."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from local.host.invoke import Invoker
from local.host.queues import Hold
from shared.storage.base import Message, StorageUnavailableError
from shared.storage.sqlite import SqliteQueue, SqliteStorage
from tests.host.queue_bench import OPTIONS, Bench, opened_bench
from tests.host.running import FakeStop, recorded, running


@pytest.fixture
def bench() -> Iterator[Bench]:
    with opened_bench() as opened:
        yield opened


def test_a_hold_is_renewed_while_the_function_runs(bench: Bench) -> None:
    entered, released = threading.Event(), threading.Event()

    def slow(_: object) -> None:
        entered.set()
        released.wait(10)

    bench.replacing(slow)
    bench.queue.send("long work")
    listener = bench.listener()
    listener.poll()
    assert entered.wait(10)
    for _ in range(6):
        bench.clock.advance(20)
        listener.renew()
        assert bench.queue.receive() == ()
    released.set()
    assert listener.drain(10)
    assert bench.queue.length() == 0


def test_without_renewal_a_message_comes_back_after_its_lease(bench: Bench) -> None:
    bench.queue.send("work of a process that was killed")
    [held] = bench.queue.receive(hidden_seconds=OPTIONS.lease_seconds)
    bench.clock.advance(29)
    bench.deliver(bench.listener())
    assert bench.record == []
    bench.clock.advance(2)
    bench.deliver(bench.listener())
    assert [seen["dequeue_count"] for seen in bench.record] == [2]
    assert bench.queue.delete(held) is False


def test_a_lost_hold_deletes_nothing_of_whoever_holds_the_message_now(bench: Bench) -> None:
    entered, released = threading.Event(), threading.Event()

    def slow(_: object) -> None:
        entered.set()
        released.wait(10)

    bench.replacing(slow)
    bench.queue.send("long work")
    listener = bench.listener()
    listener.poll()
    assert entered.wait(10)
    bench.clock.advance(31)
    [taken] = bench.queue.receive()
    listener.renew()
    released.set()
    assert listener.drain(10)
    assert bench.queue.length() == 1
    assert bench.queue.delete(taken) is True


def test_a_renewal_that_comes_too_late_does_not_change_the_receipt(bench: Bench) -> None:
    bench.queue.send("done")
    [message] = bench.queue.receive()
    hold = Hold(bench.queue, message)
    settled = hold.settle()
    hold.renew(30)
    assert settled is not None
    assert bench.queue.delete(settled) is True


def test_a_poll_takes_a_batch_and_waits_for_room_before_the_next(bench: Bench) -> None:
    released = threading.Event()
    running_now: list[str] = []

    def slow(msg: Any) -> None:
        running_now.append(msg.get_body().decode())
        released.wait(10)

    bench.replacing(slow)
    for number in range(9):
        bench.queue.send(str(number))
    options = replace(OPTIONS, batch_size=2, new_batch_threshold=1)
    listener = bench.listener(options, stop=FakeStop(bench.clock, waits=1))
    poller, renewer = listener.start()
    deadline = time.monotonic() + 5
    while len(running_now) < 2 and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(0.02)
    assert len(running_now) == 2
    released.set()
    poller.join(10)
    assert listener.drain(10)
    renewer.join(10)
    assert [poller.is_alive(), renewer.is_alive()] == [False, False]
    assert sorted(running_now) == [str(number) for number in range(9)]


def test_an_idle_queue_is_looked_at_less_and_less_often(bench: Bench) -> None:
    listener = bench.listener()
    assert [listener.poll() for _ in range(6)] == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
    bench.queue.send("wakes it")
    assert listener.poll() == 0
    assert listener.drain(10)
    assert listener.poll() == 0.1


def test_a_message_that_cannot_start_because_the_host_stops_goes_back_at_once(bench: Bench) -> None:
    bench.queue.send("late")
    listener = bench.listener()
    bench.invoker.close(1)
    bench.deliver(listener)
    assert [message.dequeue_count for message in bench.queue.receive()] == [2]


def test_what_waits_for_a_thread_goes_back_when_the_grace_is_over(bench: Bench) -> None:
    entered, released = threading.Event(), threading.Event()

    def slow(_: object) -> None:
        entered.set()
        released.wait(10)

    bench.replacing(slow)
    bench.invoker = Invoker(threads=1)
    bench.queue.send("runs")
    bench.queue.send("waits")
    listener = bench.listener()
    listener.poll()
    assert entered.wait(10)
    assert bench.invoker.close(0.02) is False
    assert [message.body for message in bench.queue.receive()] == ["waits"]
    released.set()
    assert listener.drain(10)


class SilentQueue(SqliteQueue):
    """A queue whose service does not answer."""

    def receive(self, *, limit: int = 1, hidden_seconds: float = 60) -> tuple[Message, ...]:
        raise StorageUnavailableError("no answer")


class SilentStorage(SqliteStorage):
    """Storage with such queues."""

    def queue(self, name: str) -> SqliteQueue:
        return SilentQueue(self._database, name, self._clock)


def test_a_queue_that_does_not_answer_is_tried_again_later(bench: Bench) -> None:
    storage = SilentStorage(None, clock=bench.clock)
    listener = bench.listener(storage=storage)
    assert [listener.poll(), listener.poll()] == [0.1, 0.2]
    storage.close()


def test_the_host_delivers_messages_by_itself() -> None:
    with running("triggers") as (host, storage):
        storage.queue("work").send("one")
        deadline = time.monotonic() + 5
        while not recorded(host) and time.monotonic() < deadline:
            time.sleep(0.005)
        assert [seen["queue"] for seen in recorded(host)] == ["one"]
