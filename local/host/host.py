"""The host: everything put together, started and stopped."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from local.host.admin import Admin
from local.host.errors import SetupError
from local.host.event_grid import PATH, EventGrid
from local.host.http import LoopbackServer
from local.host.http_functions import HttpFunctions
from local.host.index import QueueTrigger, TimerTrigger, load_functions
from local.host.invoke import Invoker
from local.host.keys import Keys
from local.host.messages import WebRequest, WebResponse
from local.host.options import read_options
from local.host.queues import QueueListener
from local.host.timers import TABLE, Timer
from shared.storage.base import Storage

logger = logging.getLogger(__name__)
GRACE_SECONDS = 30.0
_SIGNAL_CHECK_SECONDS = 0.1
THREADS_SETTING = "PYTHON_THREADPOOL_THREAD_COUNT"


def utc_now() -> datetime:
    return datetime.now(UTC)


class Host:
    """Runs the functions of one app root on this machine. A host starts once and stops once.

    Building it loads the app; SetupError names everything that is wrong with the app, host.json or the settings.
    """

    def __init__(
        self,
        app_root: Path,
        *,
        storage: Storage,
        settings: Mapping[str, str],
        host_json: Mapping[str, object],
        port: int,
        keys: Keys,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        options = read_options(host_json, settings)
        self.functions = load_functions(app_root, settings, options)
        self._port = port
        self._stop = threading.Event()
        self._server: LoopbackServer | None = None
        self._threads: list[threading.Thread] = []
        self._invoker = Invoker(threads=_thread_count(settings))
        self._http = HttpFunctions(
            self.functions, keys=keys, invoker=self._invoker, most_at_once=options.max_outstanding_requests
        )
        self._admin = Admin(self.functions, keys=keys, invoker=self._invoker, clock=clock)
        self._event_grid = EventGrid(self.functions, keys=keys, invoker=self._invoker)
        self._timers = [
            Timer(
                entry,
                entry.trigger,
                table=storage.table(TABLE),
                invoker=self._invoker,
                clock=clock,
                stop=self._stop,
            )
            for entry in self.functions
            if isinstance(entry.trigger, TimerTrigger)
        ]
        self._queues = [
            QueueListener(
                entry,
                entry.trigger.queue_name,
                storage=storage,
                options=options.queues,
                invoker=self._invoker,
                clock=clock,
                stop=self._stop,
            )
            for entry in self.functions
            if isinstance(entry.trigger, QueueTrigger)
        ]

    @property
    def base_url(self) -> str:
        """`http://127.0.0.1:<port>`, once it is started."""
        if self._server is None:
            raise RuntimeError("the host has not been started")
        return self._server.base_url

    def start(self) -> None:
        """Listens, and starts timers and queues. Raises SetupError when the port cannot be used."""
        try:
            self._server = LoopbackServer(self._port, self._answer)
        except OSError as error:
            raise SetupError([f"port {self._port} cannot be used: {error}"]) from error
        self._server.start()
        for timer in self._timers:
            thread = threading.Thread(target=timer.run, name="timer", daemon=True)
            thread.start()
            self._threads.append(thread)
        for listener in self._queues:
            self._threads += listener.start()
        logger.info("listening on %s", self.base_url)

    def stop(self, grace_seconds: float = GRACE_SECONDS) -> bool:
        """Takes nothing new and lets running functions end. False when one still runs after the grace."""
        ends_at = time.monotonic() + grace_seconds

        def left() -> float:
            return max(ends_at - time.monotonic(), 0.1)

        self._stop.set()
        if self._server is not None:
            self._server.stop_listening()
        ended = self._invoker.close(left())
        drained = [listener.drain(left()) for listener in self._queues]
        if self._server is not None:
            self._server.close_connections(left())
        for thread in self._threads:
            thread.join(left())
        logger.info("stopped%s", "" if ended and all(drained) else "; a function is still running")
        return ended and all(drained)

    def _answer(self, request: WebRequest) -> WebResponse:
        path = request.path.lower()
        if path.split("/")[1:2] == ["admin"]:
            return self._admin.answer(request)
        if path.rstrip("/") == PATH:
            return self._event_grid.answer(request)
        return self._http.answer(request)


def serve(host: Host, *, grace_seconds: float = GRACE_SECONDS) -> bool:
    """Starts the host and blocks until SIGTERM or SIGINT; a second signal ends the process at once.

    Only for the main thread. Returns what `Host.stop` returned.
    """
    asked: list[int] = []
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def ask(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  as signal handlers are called
        if asked:
            os._exit(128 + number)
        asked.append(number)

    for number in handlers:
        signal.signal(number, ask)
    try:
        host.start()
        # No lock of any kind: a signal that comes just before a thread blocks on one does not wake it.
        while not asked:
            time.sleep(_SIGNAL_CHECK_SECONDS)
        return host.stop(grace_seconds)
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)


def _thread_count(settings: Mapping[str, str]) -> int:
    text = settings.get(THREADS_SETTING)
    if text is None:
        return min(32, (os.cpu_count() or 1) + 4)
    if not text.isdecimal() or int(text) < 1:
        raise SetupError([f"the app setting {THREADS_SETTING} must be a whole number above 0, not {text!r}"])
    return int(text)
