"""Several hosts that share a storage, whose minute timer ticks more often, and who breaks them."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack

import requests

from tests.azurite import Azurite
from tests.end_to_end.conftest import HostProcess
from tests.end_to_end.host_process import KEY, PATIENCE

FREEZE_SECONDS = PATIENCE.lease_seconds + PATIENCE.grace_seconds + 1.0
TICK_SECONDS = 1.0
_TICK_CALL_SECONDS = 2.0


class Fleet:
    """Use it as a context manager: hosts and timers end with the block."""

    def __init__(self, hosts: Sequence[HostProcess], tick_seconds: float = TICK_SECONDS) -> None:
        self.hosts = tuple(hosts)
        self._held = {host.port: threading.Lock() for host in hosts}
        self._over = threading.Event()
        self._tick_seconds = tick_seconds
        self._timer = threading.Thread(target=self._tick)

    @property
    def urls(self) -> list[str]:
        return [host.url for host in self.hosts]

    def __enter__(self) -> Fleet:
        with ExitStack() as undo:
            undo.callback(self._end)
            for host in self.hosts:
                host.start()
            self._timer.start()
            undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def kill(self, luck: random.Random) -> None:
        """Kills any host, even a frozen one's neighbour, and starts it anew."""
        host = self._taken(luck)
        try:
            host.kill()
            host.start()
        finally:
            self._held[host.port].release()

    def freeze(self, luck: random.Random) -> None:
        """Stops any host for longer than anybody waits for it."""
        host = self._taken(luck)
        try:
            host.freeze()
            time.sleep(FREEZE_SECONDS)
            host.thaw()
        finally:
            self._held[host.port].release()

    def _taken(self, luck: random.Random) -> HostProcess:
        """A host that nobody else breaks just now. There are more hosts than kinds of trouble for them."""
        for host in luck.sample(self.hosts, len(self.hosts)):
            if self._held[host.port].acquire(blocking=False):
                return host
        host = luck.choice(self.hosts)
        self._held[host.port].acquire()
        return host

    def _tick(self) -> None:
        """As in Azure, one of them ticks, whichever it is."""
        luck = random.Random(self.hosts[0].port)
        with requests.Session() as session:
            session.headers["x-functions-key"] = KEY
            while not self._over.wait(self._tick_seconds):
                try:
                    url = f"{luck.choice(self.urls)}/admin/functions/tick"
                    session.post(url, json={"input": ""}, timeout=_TICK_CALL_SECONDS)
                except requests.RequestException:
                    continue  # it is down, or frozen

    def _end(self) -> None:
        self._over.set()
        if self._timer.ident is not None:
            self._timer.join()
        for host in self.hosts:
            host.kill()


class Troublemaker:
    """Kills, freezes and restarts, each kind in a thread of its own, at times that the seed decides."""

    def __init__(self, fleet: Fleet, azurite: Azurite, seed: int, seconds: float) -> None:
        self.done: Counter[str] = Counter()
        self._fleet = fleet
        self._azurite = azurite
        self._seed = seed
        self._seconds = seconds
        self._threads: list[threading.Thread] = []
        self.errors: list[BaseException] = []

    def begin(self, *, kills: int, freezes: int, restarts: int) -> None:
        self._plan("kill", kills, self._fleet.kill)
        self._plan("freeze", freezes, self._fleet.freeze)
        self._plan("restart", restarts, lambda _luck: self._azurite.restart())

    def join(self) -> None:
        """Waits for the end of the trouble. Raises what kept it from being made."""
        for thread in self._threads:
            thread.join()
        for error in self.errors:
            raise error

    def _plan(self, kind: str, times: int, act: Callable[[random.Random], None]) -> None:
        luck = random.Random(f"{self._seed} {kind}")
        moments = sorted(luck.uniform(0.1, 0.9) * self._seconds for _ in range(times))
        begun = time.monotonic()

        def make() -> None:
            try:
                for moment in moments:
                    time.sleep(max(0.0, begun + moment - time.monotonic()))
                    act(luck)
                    self.done[kind] += 1
            except BaseException as error:  # noqa: BLE001 - raised again by join
                self.errors.append(error)

        thread = threading.Thread(target=make)
        thread.start()
        self._threads.append(thread)
