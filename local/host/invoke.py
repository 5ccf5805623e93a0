"""The one place where functions are run.

Each runs on a pool of threads whose size is `PYTHON_THREADPOOL_THREAD_COUNT`, as under Azure's worker. An
`async def` gets an event loop of its own for each invocation, so it cannot stall others as it would in Azure.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, TypeVar

import azure.functions as func

from local.host.errors import HostStoppingError, InvocationFailedError
from local.host.index import FunctionEntry

logger = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Trace:
    """No trace: nobody called with one."""

    trace_parent: str = ""
    trace_state: str = ""
    attributes: tuple[()] = ()


@dataclass(frozen=True, slots=True)
class Retry:
    """No retry policy: this host has none."""

    retry_count: int = 0
    max_retry_count: int = 0
    exception: None = None


class InvocationContext(func.Context):
    """What a function gets as its `context`."""

    _local = threading.local()

    def __init__(self, entry: FunctionEntry, invocation_id: str) -> None:
        self._entry = entry
        self._invocation_id = invocation_id

    @property
    def invocation_id(self) -> str:
        return self._invocation_id

    @property
    def function_name(self) -> str:
        return self._entry.name

    @property
    def function_directory(self) -> str:
        return str(self._entry.directory)

    @property
    def thread_local_storage(self) -> Any:
        return self._local

    @property
    def trace_context(self) -> Any:
        return Trace()

    @property
    def retry_context(self) -> Any:
        return Retry()


class Invoker:
    """Runs functions on its threads until it is closed."""

    def __init__(self, *, threads: int) -> None:
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="function")
        self._running: set[Future[Any]] = set()
        self._lock = threading.Lock()
        self._closed = False

    def submit(
        self, entry: FunctionEntry, decode: Callable[[], object], encode: Callable[[object], T]
    ) -> Future[T]:
        """Runs `encode(function(decode()))`. The future raises InvocationFailedError, or is cancelled by `close`.

        Raises HostStoppingError when the invoker is closed.
        """
        with self._lock:
            if self._closed:
                raise HostStoppingError(f"the host is stopping; {entry.name} was not run")
            future = self._pool.submit(_run, entry, decode, encode)
            self._running.add(future)
        future.add_done_callback(self._forget)
        return future

    def call(self, entry: FunctionEntry, decode: Callable[[], object], encode: Callable[[object], T]) -> T:
        """Submits and waits. Raises InvocationFailedError or HostStoppingError."""
        try:
            return self.submit(entry, decode, encode).result()
        except CancelledError as error:
            raise HostStoppingError(f"the host is stopping; {entry.name} was not run") from error

    def close(self, timeout_seconds: float) -> bool:
        """Runs nothing new, and waits for what runs. False when something still runs after the timeout.

        What had not started by then is cancelled.
        """
        with self._lock:
            self._closed = True
            running = set(self._running)
        wait(running, timeout=timeout_seconds)
        self._pool.shutdown(wait=False, cancel_futures=True)
        return all(future.done() for future in running)

    def _forget(self, future: Future[Any]) -> None:
        with self._lock:
            self._running.discard(future)


def refuse_result(result: object) -> None:
    """What functions other than HTTP ones may return: nothing. Azure fails the invocation otherwise."""
    if result is not None:
        raise TypeError("a function without a $return binding returned a value that is not None")


def _run(entry: FunctionEntry, decode: Callable[[], object], encode: Callable[[object], T]) -> T:
    context = InvocationContext(entry, str(uuid.uuid4()))
    context.thread_local_storage.invocation_id = context.invocation_id
    started = time.monotonic()
    try:
        encoded = encode(_call(entry, decode(), context))
    # Whatever a function raises is that invocation's failure; it must not end the host.
    except Exception as error:
        logger.exception("failed %s %s", entry.name, context.invocation_id)
        raise InvocationFailedError(f"Exception while executing function: Functions.{entry.name}") from error
    finally:
        context.thread_local_storage.invocation_id = None
    elapsed_ms = (time.monotonic() - started) * 1000
    logger.info("succeeded %s %s %.0f ms", entry.name, context.invocation_id, elapsed_ms)
    return encoded


def _call(entry: FunctionEntry, value: object, context: InvocationContext) -> object:
    arguments = {entry.parameter: value} | ({"context": context} if entry.wants_context else {})
    result = entry.function(**arguments)
    return asyncio.run(_awaited(result)) if entry.is_async else result


async def _awaited(result: Any) -> object:
    return await result
