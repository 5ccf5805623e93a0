"""A queue listener that tests drive by hand, on a clock that they move."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from local.host.index import FunctionEntry
from local.host.invoke import Invoker
from local.host.options import QueueOptions
from local.host.queues import QueueListener
from shared.storage.base import Storage
from shared.storage.sqlite import SqliteQueue, SqliteStorage
from tests.host.running import FakeClock, FakeStop, functions_of, record_of

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


@contextmanager
def opened_bench() -> Iterator[Bench]:
    clock = FakeClock()
    storage = SqliteStorage(None, clock=clock)
    invoker = Invoker(threads=4)
    yield Bench(clock, storage, invoker, functions_of("triggers")["work"])
    invoker.close(5)
    storage.close()
