"""The queue trigger: delivery, redelivery, poison queues, leases."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from local.host.index import FunctionEntry
from local.host.invoke import Invoker
from local.host.options import QueueOptions
from local.host.queues import Hold, QueueListener
from shared.storage.base import Message, Storage, StorageUnavailableError
from shared.storage.sqlite import SqliteQueue, SqliteStorage
from tests.host.running import T0, FakeClock, FakeStop, functions_of, record_of, recorded, running

OPTIONS = QueueOptions(batch_size=4, new_batch_threshold=2, visibility_seconds=10, max_polling_seconds=1)


@dataclass
class Bench:
    """A listener of the function `work` that tests drive by hand."""

    clock: FakeClock
    storage: SqliteStorage
    invoker: Invoker
    entry: FunctionEntry

    def listener(
        self,
        options: QueueOptions = OPTIONS,
        *,
        queue_name: str = "work",
        storage: Storage | None = None,
        stop: FakeStop | None = None,
    ) -> QueueListener:
        return QueueListener(
            self.entry,
            queue_name,
            storage=storage or self.storage,
            options=options,
            invoker=self.invoker,
            clock=self.clock,
            stop=stop or FakeStop(self.clock, waits=0),
        )

    def deliver(self, listener: QueueListener) -> None:
        """One poll, and the end of everything that it started."""
        listener.poll()
        assert listener.drain(10)

    @property
    def queue(self) -> SqliteQueue:
        return self.storage.queue("work")

    @property
    def poison(self) -> SqliteQueue:
        return self.storage.queue("work-poison")

    @property
    def record(self) -> list[dict[str, object]]:
        return record_of(self.entry)

    def replacing(self, function: Callable[[Any], None]) -> None:
        """Runs this in the place of the app's function."""

        def work(msg: Any, context: Any) -> None:
            function(msg)

        self.entry = replace(self.entry, function=work)


@pytest.fixture
def bench() -> Iterator[Bench]:
    clock = FakeClock()
    storage = SqliteStorage(None, clock=clock)
    invoker = Invoker(threads=4)
    yield Bench(clock, storage, invoker, functions_of("triggers")["work"])
    invoker.close(5)
    storage.close()


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


def test_a_renewal_that_comes_too_late_does_not_change_the_receipt(bench: Bench) -> None:
    bench.queue.send("done")
    [message] = bench.queue.receive()
    hold = Hold(bench.queue, message)
    settled = hold.settle()
    hold.renew(30)
    assert settled is not None
    assert bench.queue.delete(settled) is True


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
