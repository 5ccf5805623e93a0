"""The queue trigger: polls a queue, runs the function for each message, deletes, gives back or sets aside.

A received message is hidden for a lease of 30 seconds, and its hold is renewed while the function runs. So a
message whose host was killed comes back within 30 seconds (in Azure after 10 minutes). A message whose function
failed comes back after `visibilityTimeout`; after `maxDequeueCount` tries it goes to the queue `<name>-poison`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime, timedelta
from functools import partial

from local.host.errors import HostStoppingError
from local.host.index import FunctionEntry
from local.host.invoke import Invoker, refuse_result
from local.host.options import MIN_POLLING_SECONDS, QueueOptions
from local.host.payloads import queue_metadata, queue_payload
from local.host.timers import StopSignal
from shared.storage.base import Message, Queue, Storage, StorageError

logger = logging.getLogger(__name__)
POISON_SUFFIX = "-poison"
_RENEWALS_PER_LEASE = 3
_ROOM_CHECK_SECONDS = 0.5


class Hold:
    """A message in our hands, whose receipt changes with each renewal."""

    def __init__(self, queue: Queue, message: Message) -> None:
        self._queue = queue
        self._lock = threading.Lock()
        self._settled = False
        self.message: Message | None = message
        self.first = message

    def renew(self, seconds: float) -> None:
        """Does nothing once the hold is settled or lost."""
        with self._lock:
            if self._settled or self.message is None:
                return
            self.message = self._queue.hide(self.message, seconds)
            if self.message is None:
                logger.warning("message %s: the hold was lost, it may run again", self.first.id)

    def settle(self) -> Message | None:
        """Ends renewal. Returns the message as it is held now, or None when the hold was lost."""
        with self._lock:
            self._settled = True
            return self.message


class QueueListener:
    """The listener of one queue function. `poll` and `renew` are what its two threads do."""

    def __init__(
        self,
        entry: FunctionEntry,
        queue_name: str,
        *,
        storage: Storage,
        options: QueueOptions,
        invoker: Invoker,
        clock: Callable[[], datetime],
        stop: StopSignal,
    ) -> None:
        self._entry = entry
        self._name = queue_name
        self._storage = storage
        self._queue = storage.queue(queue_name)
        self._options = options
        self._invoker = invoker
        self._clock = clock
        self._stop = stop
        self._holds: set[Hold] = set()
        self._changed = threading.Condition()
        self._drained = threading.Event()
        self._idle_seconds = MIN_POLLING_SECONDS

    def start(self) -> list[threading.Thread]:
        threads = [
            threading.Thread(target=target, name=f"queue {self._name}", daemon=True)
            for target in (self._poll_loop, self._renew_loop)
        ]
        for thread in threads:
            thread.start()
        return threads

    def poll(self) -> float:
        """Takes what there is room for. Returns how many seconds to wait before the next look.

        Waits of an empty queue double from 100 ms up to maxPollingInterval.
        """
        try:
            received = self._queue.receive(
                limit=self._options.batch_size, hidden_seconds=self._options.lease_seconds
            )
        except StorageError as error:
            logger.warning("queue %s: messages could not be received: %s", self._name, error)
            received = ()
        for message in received:
            self._begin(message)
        if received:
            self._idle_seconds = MIN_POLLING_SECONDS
            return 0.0
        wait_seconds = self._idle_seconds
        self._idle_seconds = min(2 * wait_seconds, self._options.max_polling_seconds)
        return wait_seconds

    def renew(self) -> None:
        """Renews every hold for another lease."""
        with self._changed:
            holds = set(self._holds)
        for hold in holds:
            try:
                hold.renew(self._options.lease_seconds)
            except StorageError as error:
                logger.warning("message %s: the hold could not be renewed: %s", hold.first.id, error)

    def drain(self, timeout_seconds: float) -> bool:
        """Waits until no message is held, then ends renewal. False when one is still held after the timeout."""
        with self._changed:
            drained = self._changed.wait_for(lambda: not self._holds, timeout=timeout_seconds)
        self._drained.set()
        return drained

    def _poll_loop(self) -> None:
        while not self._stop.is_set():
            if self._wait_for_room():
                wait_seconds = self.poll()
                if wait_seconds:
                    self._stop.wait(wait_seconds)

    def _renew_loop(self) -> None:
        while not self._drained.wait(self._options.lease_seconds / _RENEWALS_PER_LEASE):
            self.renew()

    def _wait_for_room(self) -> bool:
        """As in Azure, the next batch is fetched when at most newBatchThreshold messages are in hand."""
        with self._changed:
            return self._changed.wait_for(
                lambda: len(self._holds) <= self._options.new_batch_threshold, timeout=_ROOM_CHECK_SECONDS
            )

    def _begin(self, message: Message) -> None:
        hold = Hold(self._queue, message)
        if message.dequeue_count > self._options.max_dequeue_count and self._has_poison_queue():
            # Its last try never came to an end: the process died in it.
            self._attempt(hold, self._set_aside)
            return
        with self._changed:
            self._holds.add(hold)
        try:
            future = self._invoker.submit(self._entry, partial(self._payload, message), refuse_result)
        except HostStoppingError:
            self._end(hold, self._give_back_at_once)
            return
        future.add_done_callback(partial(self._finish, hold))

    def _payload(self, message: Message) -> object:
        metadata = queue_metadata(
            message.body,
            message_id=message.id,
            receipt=message.receipt,
            dequeue_count=message.dequeue_count,
            inserted_at=message.inserted_at,
            hidden_until=self._clock() + timedelta(seconds=self._options.lease_seconds),
        )
        return queue_payload(self._entry, message.body, metadata)

    def _finish(self, hold: Hold, future: Future[None]) -> None:
        if future.cancelled():
            self._end(hold, self._give_back_at_once)
        elif future.exception() is None:
            self._end(hold, self._delete)
        elif not self._has_poison_queue():
            # As in Azure: left hidden until its lease ends, or it would fail again at once, for ever.
            self._end(hold, _leave_hidden)
        elif hold.first.dequeue_count >= self._options.max_dequeue_count:
            self._end(hold, self._set_aside)
        else:
            self._end(hold, self._give_back)

    def _end(self, hold: Hold, act: Callable[[Message], None]) -> None:
        try:
            self._attempt(hold, act)
        finally:
            with self._changed:
                self._holds.discard(hold)
                self._changed.notify_all()

    def _attempt(self, hold: Hold, act: Callable[[Message], None]) -> None:
        message = hold.settle()
        if message is None:
            return
        try:
            act(message)
        except StorageError as error:
            logger.warning("message %s: it comes back after its lease, storage failed: %s", message.id, error)

    def _delete(self, message: Message) -> None:
        if not self._queue.delete(message):
            logger.warning("message %s: the hold was lost, it may run again", message.id)

    def _give_back(self, message: Message) -> None:
        self._queue.hide(message, self._options.visibility_seconds)

    def _give_back_at_once(self, message: Message) -> None:
        self._queue.hide(message, 0)

    def _set_aside(self, message: Message) -> None:
        # Sent first: a crash in between leaves two messages rather than none.
        self._storage.queue(self._name + POISON_SUFFIX).send(message.body)
        self._queue.delete(message)
        logger.error(
            "message %s: set aside in %s after %d tries",
            message.id,
            self._name + POISON_SUFFIX,
            message.dequeue_count,
        )

    def _has_poison_queue(self) -> bool:
        return not self._name.endswith(POISON_SUFFIX)


def _leave_hidden(message: Message) -> None:
    logger.error("message %s: it failed, and there is no poison queue behind this queue", message.id)
