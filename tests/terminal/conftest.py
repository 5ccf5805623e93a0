"""The terminal's commands in this process: against scripted answers, or a host in a process of its own."""

from __future__ import annotations

import argparse
import io
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.core.credentials import AccessToken
from requests.adapters import BaseAdapter

from local.simulated_azure.pipelines import Pipeline
from local.simulated_azure.sample import DATASET, FACTORY, GROUP, SUBSCRIPTION, WORKSPACE, sample_azure
from local.simulated_azure.server import Server
from local.simulated_azure.world import SimulatedAzure
from local.terminal.parser import add_terminal
from local.terminal.words import Surroundings
from tests.end_to_end.conftest import HostProcess, free_port
from tests.end_to_end.host_process import KEY

CHAINS = f"""
connections:
  adf: {{type: data_factory, subscription: "{SUBSCRIPTION}", resource_group: {GROUP}, factory: {FACTORY}}}
  reporting: {{type: power_bi, workspace: {WORKSPACE}}}
chains:
  sales-daily:
    description: Loads the sales and refreshes the report.
    parameters: {{region: {{default: emea}}, rows: {{default: 1}}}}
    steps:
      load:
        connection: adf
        pipeline: LoadSales
        parameters: {{region: "{{{{ parameters.region }}}}", run_date: today}}
      refresh: {{after: [load], connection: reporting, dataset: {DATASET}}}
  broken:
    steps:
      load: {{connection: adf, pipeline: Breaks}}
  endless:
    steps:
      load: {{connection: adf, pipeline: Endless}}
"""
SPEED = 10
T0 = datetime(2026, 11, 21, 5, 30, tzinfo=UTC)


@dataclass(slots=True)
class Clock:
    """Time that passes only while somebody sleeps."""

    seconds: float = 0.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds

    def elapsed(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return T0 + timedelta(seconds=self.seconds)


class Screen(io.StringIO):
    """A terminal that remembers what was written to it."""

    def isatty(self) -> bool:
        return True


@dataclass(slots=True)
class Scripted(BaseAdapter):
    """Gives one answer after the other, the last one for ever. Remembers what was asked."""

    answers: list[tuple[int, Any, dict[str, str]] | Exception]
    asked: list[requests.PreparedRequest] = field(default_factory=list)

    def send(self, request: requests.PreparedRequest, *more: Any, **options: Any) -> requests.Response:
        self.asked.append(request)
        told = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(told, Exception):
            raise told
        status, body, headers = told
        made = requests.Response()
        made.status_code = status
        made.raw = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
        made.headers.update({"Content-Type": "application/json", **headers})
        made.url = request.url or ""
        return made

    def close(self) -> None:
        pass


class FakeLogin:
    """Somebody who is signed in."""

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        return AccessToken(f"token for {scopes[0]}", 4_000_000_000)


@dataclass(slots=True)
class Terminal:
    """Types commands. What they wrote is in `out` and `err`. Without a clock, time passes ten times as fast."""

    root: Path
    environment: dict[str, str]
    clock: Clock | None = None
    adapter: BaseAdapter | None = None
    out: io.StringIO = field(default_factory=io.StringIO)
    err: io.StringIO = field(default_factory=io.StringIO)
    typed: str = ""
    input: io.StringIO = field(default_factory=io.StringIO)

    def type(self, *words: str) -> int:
        self.out.seek(0)
        self.out.truncate()
        self.err.seek(0)
        self.err.truncate()
        parser = argparse.ArgumentParser(prog="python -m local")
        add_terminal(parser.add_subparsers(required=True), self._surroundings)
        told = parser.parse_args(words)
        code: int = told.act(told)
        return int(code)

    @property
    def shown(self) -> str:
        return self.out.getvalue()

    @property
    def complaints(self) -> str:
        return self.err.getvalue()

    def json(self) -> Any:
        return json.loads(self.shown)

    def _surroundings(self) -> Surroundings:
        timed: Mapping[str, Any] = {
            "sleep": lambda seconds: time.sleep(seconds / SPEED),
            "elapsed_seconds": lambda: time.monotonic() * SPEED,
        }
        if self.clock:
            timed = {"sleep": self.clock.sleep, "elapsed_seconds": self.clock.elapsed, "now": self.clock.now}
        return Surroundings(
            root=self.root,
            environment=self.environment,
            input=self.input,
            out=self.out,
            err=self.err,
            session=self._session,
            credential=FakeLogin,
            ask_secret=lambda prompt: self.typed,
            **timed,
        )

    def _session(self) -> requests.Session:
        session = requests.Session()
        if self.adapter:
            session.mount("http://", self.adapter)
            session.mount("https://", self.adapter)
        return session


@pytest.fixture
def scripted(tmp_path: Path) -> Callable[..., Terminal]:
    """A terminal that calls nobody: its answers are given."""

    def make(*answers: tuple[int, Any, dict[str, str]] | Exception, **more: Any) -> Terminal:
        adapter = Scripted(list(answers))
        return Terminal(tmp_path, {"BATON_KEY": "k"}, clock=Clock(), adapter=adapter, **more)

    return make


@pytest.fixture(scope="module")
def azure() -> SimulatedAzure:
    made = sample_azure(lambda: datetime.now(UTC), speed=20)
    factory = made.data_factory.factory(SUBSCRIPTION, GROUP, FACTORY)
    factory.pipelines["Breaks"] = Pipeline("Breaks", seconds=0.2, parameters={}, fails="The disk is full.")
    factory.pipelines["Endless"] = Pipeline("Endless", seconds=3_600, parameters={})
    return made


@pytest.fixture(scope="module")
def host(azure: SimulatedAzure, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    """One host for all tests of a module, over the embedded store."""
    folder = tmp_path_factory.mktemp("host")
    (folder / "chains.yaml").write_text(CHAINS)
    with Server(azure) as server:
        settings = {
            **server.settings(),
            "CHAINS_FILE": str(folder / "chains.yaml"),
            "AzureWebJobsStorage": f"sqlite:{folder}/baton.db",
        }
        host = HostProcess(settings, free_port())
        host.start()
        yield host
        host.kill()


@pytest.fixture
def terminal(host: HostProcess, tmp_path: Path) -> Terminal:
    return Terminal(tmp_path, {"BATON_URL": host.url, "BATON_KEY": KEY})
