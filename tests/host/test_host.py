"""The host as a whole: starting, stopping, signals."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from local.host import Host, SetupError
from local.host.cli import describe, read_host_json
from shared.storage.sqlite import SqliteStorage
from tests.host.running import APPS, HOST_JSON, KEYS, SETTINGS, T0, FakeClock, Reply, call, recorded, running

ROOT = Path(__file__).parents[2]


def app_globals(host: Host) -> dict[str, Any]:
    found: dict[str, Any] = host.functions[0].function.__globals__
    return found


def test_a_running_request_is_answered_before_the_host_stops() -> None:
    with running("web") as (host, _):
        replies: list[Reply] = []
        caller = threading.Thread(target=lambda: replies.append(call(host, "GET", "/api/slow")))
        caller.start()
        app = app_globals(host)
        assert app["entered"].wait(10)
        ended: list[bool] = []
        stopper = threading.Thread(target=lambda: ended.append(host.stop(10)))
        stopper.start()
        _wait_until_closed(urlsplit(host.base_url).port or 0)
        app["released"].set()
        stopper.join(10)
        caller.join(10)
    assert [(reply.status, reply.body) for reply in replies] == [(200, b"done")]
    assert replies[0].header("connection") == "close"
    assert ended == [True]


def test_requests_beyond_the_most_outstanding_ones_are_refused_at_once() -> None:
    most = {"AzureFunctionsJobHost__extensions__http__maxOutstandingRequests": "1"}
    with running("web", settings=SETTINGS | most) as (host, _):
        replies: list[Reply] = []
        caller = threading.Thread(target=lambda: replies.append(call(host, "GET", "/api/slow")))
        caller.start()
        app = app_globals(host)
        assert app["entered"].wait(10)
        refused = call(host, "GET", "/api/files/a")
        app["released"].set()
        caller.join(10)
        after = call(host, "GET", "/api/files/a")
    assert (refused.status, refused.header("retry-after")) == (429, "2")
    assert [replies[0].status, after.status] == [200, 200]


def test_stopping_does_not_wait_for_idle_connections() -> None:
    with running("web") as (host, _):
        connection = http.client.HTTPConnection(urlsplit(host.base_url).netloc, timeout=10)
        connection.request("GET", "/api/files/a")
        connection.getresponse().read()
        started = time.monotonic()
        assert host.stop(10) is True
        assert time.monotonic() - started < 2
        connection.close()


def test_a_function_that_does_not_end_is_left_behind_after_the_grace() -> None:
    with running("web") as (host, _):
        caller = threading.Thread(target=_call_and_ignore, args=(host, "/api/slow"))
        caller.start()
        app = app_globals(host)
        assert app["entered"].wait(10)
        assert host.stop(0.05) is False
        app["released"].set()
        caller.join(10)


def _call_and_ignore(host: Host, target: str) -> None:
    with contextlib.suppress(OSError, http.client.HTTPException):
        call(host, "GET", target)


def test_a_missed_timer_is_made_up_for_when_a_host_starts_on_the_same_storage() -> None:
    clock = FakeClock()
    storage = SqliteStorage(None, clock=clock)
    for _ in range(2):
        host = _host(storage, clock)
        host.start()
        try:
            call(host, "GET", "/api/record")
            deadline = time.monotonic() + 5
            while clock.now > T0 and not recorded(host) and time.monotonic() < deadline:
                time.sleep(0.005)
            seen = recorded(host)
        finally:
            host.stop(5)
        clock.advance(86_400)
    storage.close()
    assert [entry["timer"] for entry in seen] == [True]


def _host(storage: SqliteStorage, clock: FakeClock) -> Host:
    return Host(
        APPS / "triggers",
        storage=storage,
        settings=SETTINGS,
        host_json=HOST_JSON,
        port=0,
        keys=KEYS,
        clock=clock,
    )


def test_a_port_in_use_is_named() -> None:
    with running("web") as (_, storage), socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        second = Host(APPS / "web", storage=storage, settings={}, host_json=HOST_JSON, port=port, keys=KEYS)
        with pytest.raises(SetupError, match=f"port {port} cannot be used"):
            second.start()


def test_a_bad_thread_count_is_named() -> None:
    with (
        pytest.raises(SetupError, match="PYTHON_THREADPOOL_THREAD_COUNT must be a whole number"),
        running("web", settings={"PYTHON_THREADPOOL_THREAD_COUNT": "none"}),
    ):
        pass


def test_the_prefix_of_routes_comes_from_host_json() -> None:
    host_json = {"version": "2.0", "extensions": {"http": {"routePrefix": ""}}}
    with running("web", host_json=host_json) as (host, _):
        assert call(host, "GET", "/files/a").body == b"a"


def test_functions_are_described_without_keys() -> None:
    with running("triggers") as (host, _):
        assert describe(host.functions, "http://127.0.0.1:7071") == [
            "  show_record: [GET] http://127.0.0.1:7071/api/record (anonymous)",
            "  tick: timer 0 0 3 * * *",
            "  work: queue work",
            "  on_event: Event Grid http://127.0.0.1:7071/runtime/webhooks/EventGrid?functionName=on_event",
        ]


@pytest.mark.parametrize("text", ["{broken", "[]"])
def test_a_bad_host_json_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "host.json").write_text(text)
    with pytest.raises(SetupError, match=r"host\.json"):
        read_host_json(tmp_path)


def test_a_missing_host_json_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"host\.json cannot be read"):
        read_host_json(tmp_path)


SCRIPT = """
import sys
from datetime import UTC, datetime
from pathlib import Path

from local.host import Keys
from local.host.cli import run_host
from shared.storage.sqlite import SqliteStorage

storage = SqliteStorage(None, clock=lambda: datetime.now(UTC))
keys = Keys(master="m", function="f", event_grid="g")
run_host(Path(sys.argv[1]), storage=storage, settings={"GREETING": "hello"}, port=int(sys.argv[2]), keys=keys)
print("ended")
"""
GREETER = """
import os
import time

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route("greeting")
def greeting(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(os.environ["GREETING"])


@app.route("slow")
def slow(req: func.HttpRequest) -> func.HttpResponse:
    print("slow", flush=True)
    time.sleep(30)
    return func.HttpResponse("done")
"""


@dataclass
class Greeter:
    """The app above in a process of its own."""

    process: subprocess.Popen[str]
    port: int

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip()

    def get(self, target: str) -> bytes:
        """Waits until the process listens."""
        deadline = time.monotonic() + 20
        while True:
            connection = http.client.HTTPConnection(f"127.0.0.1:{self.port}", timeout=40)
            try:
                connection.request("GET", target)
                return connection.getresponse().read()
            except ConnectionRefusedError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            finally:
                connection.close()


@pytest.fixture
def greeter(tmp_path: Path) -> Iterator[Greeter]:
    (tmp_path / "function_app.py").write_text(GREETER)
    (tmp_path / "host.json").write_text(json.dumps(HOST_JSON))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path), str(port)],
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield Greeter(process, port)
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_gracefully(greeter: Greeter, number: signal.Signals) -> None:
    assert greeter.get("/api/greeting") == b"hello"
    assert greeter.line() == f"  greeting: [any method] http://127.0.0.1:{greeter.port}/api/greeting (anonymous)"
    assert greeter.line().startswith("  slow: ")
    greeter.process.send_signal(number)
    assert greeter.line() == "ended"
    assert greeter.process.wait(10) == 0


def test_a_second_signal_ends_the_process_at_once(greeter: Greeter) -> None:
    def call_slow() -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            greeter.get("/api/slow")

    caller = threading.Thread(target=call_slow)
    caller.start()
    lines = [greeter.line() for _ in range(3)]
    assert lines[-1] == "slow"
    greeter.process.send_signal(signal.SIGINT)
    _wait_until_closed(greeter.port)
    greeter.process.send_signal(signal.SIGINT)
    assert greeter.process.wait(10) == 128 + signal.SIGINT
    caller.join(10)


def _wait_until_closed(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except (ConnectionRefusedError, ConnectionResetError):
            return
        time.sleep(0.005)
    pytest.fail("the host still listens")
