"""A simulated Azure on a port, and hosts in processes of their own beside it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from local.simulated_azure.sample import SUBSCRIPTION, sample_azure
from local.simulated_azure.server import Server
from local.simulated_azure.world import SimulatedAzure
from tests.azurite import start_azurite
from tests.end_to_end.host_process import KEY, ROOT

START_SECONDS = 30.0


@dataclass(slots=True)
class HostProcess:
    """One host. `kill` is SIGKILL: nothing gets a chance to tidy up."""

    settings: dict[str, str]
    port: int
    log: Path | None = None  # where its log is added to
    _process: subprocess.Popen[bytes] | None = None
    _session: requests.Session = field(default_factory=requests.Session)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, **more: str) -> None:
        environment = {**os.environ, **self.settings, **more}
        command = [sys.executable, "-m", "tests.end_to_end.host_process", str(self.port)]
        with (self.log or Path(os.devnull)).open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=log
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self._process.poll() is None, "the host ended by itself"
            assert time.monotonic() < deadline, "the host did not start"
            time.sleep(0.05)

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self.wait()

    def freeze(self) -> None:
        """SIGSTOP: it does nothing more, and knows nothing of the time that passes."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def peak_megabytes(self) -> float:
        """The most memory that it has had since it was started; 0 where the system does not tell."""
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status")
        told = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
        return int(told[1]) / 1_024 if told else 0.0

    def wait(self) -> None:
        assert self._process is not None
        self._process.wait(30)
        self._process = None

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        headers = {"x-functions-key": KEY, **more.pop("headers", {})}
        return self._session.request(method, f"{self.url}{path}", headers=headers, timeout=60, **more)

    def tick(self) -> None:
        """Fires the minute timer now."""
        assert self.call("POST", "/admin/functions/tick", json={"input": ""}).status_code == 202

    def run_until_over(self, path: str, seconds: float = 60) -> dict[str, Any]:
        """The run when it has ended; the timer ticks each second meanwhile."""
        deadline = time.monotonic() + seconds
        while True:
            run: dict[str, Any] = self.call("GET", path).json()
            if run["status"] != "running":
                return run
            assert time.monotonic() < deadline, run
            self.tick()
            time.sleep(0.5)

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/admin/host/ping", timeout=5).ok
        except requests.ConnectionError:
            return False


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.fixture
def azure() -> SimulatedAzure:
    """The sample world, several times as fast."""
    return sample_azure(lambda: datetime.now(UTC), speed=6)


@pytest.fixture(params=["sqlite", "azurite"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """What AzureWebJobsStorage says."""
    if request.param == "sqlite":
        yield f"sqlite:{tmp_path}/baton.db"
        return
    with start_azurite() as azurite:
        yield azurite.connection_string


@pytest.fixture
def make_host(azure: SimulatedAzure, storage: str) -> Iterator[Callable[[], HostProcess]]:
    """Hosts that share one storage and one Azure."""
    made: list[HostProcess] = []
    with Server(azure) as server:
        settings = {**server.settings(), "SUBSCRIPTION_ID": SUBSCRIPTION, "AzureWebJobsStorage": storage}

        def make() -> HostProcess:
            made.append(HostProcess(settings, free_port()))
            return made[-1]

        yield make
        for host in made:
            host.kill()


@pytest.fixture
def host(make_host: Callable[[], HostProcess]) -> HostProcess:
    """One host, not started yet."""
    return make_host()
