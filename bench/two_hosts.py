"""Whether two hosts do more than one: the same chains over one Azurite, with one host process, then with two.

`python -m bench.two_hosts [--chains 200] [--latency 1.0]`. Every answer of the simulated services takes `latency`
seconds, as answers of real ones do, so hosts wait more than they compute. All share this machine's cores with
Azurite and the simulated services: where those are the limit, two hosts cannot do more, whatever Baton does.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import requests

from local.host.cli import run_host
from local.host.keys import Keys
from local.simulated_azure.messages import Request, Response
from local.simulated_azure.pipelines import Pipeline
from local.simulated_azure.sample import FACTORY, GROUP, SUBSCRIPTION
from local.simulated_azure.server import Server
from local.simulated_azure.world import SimulatedAzure
from shared.app import open_storage
from shared.settings import Settings
from tests.azurite import TOOLS, Azurite, find_azurite

ROOT = Path(__file__).resolve().parent.parent
KEY = "bench"
CHAINS = 10
CALLERS = 24
MOST_SECONDS = 600.0
FULL = 0.85
CONNECTION = (
    '  adf: {type: data_factory, subscription: "%SUBSCRIPTION_ID%", resource_group: rg-data, factory: adf-sales}'
)
CHAIN = """
  c{number}:
    steps:
      first: {{connection: adf, pipeline: first}}
      second: {{connection: adf, pipeline: second, after: [first]}}"""


class SlowAzure(SimulatedAzure):
    """Answers after `latency_seconds`, each on its own."""

    latency_seconds = 0.0

    def handle(self, request: Request) -> Response:
        time.sleep(self.latency_seconds)
        return super().handle(request)


@dataclass(frozen=True, slots=True)
class Outcome:
    """`busy`: how much of all cores' time this machine's processes used, 0 to 1."""

    chains: int
    seconds: float
    busy: float
    repeated: int

    @property
    def a_second(self) -> float:
        return self.chains / self.seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chains", type=int, default=200)
    parser.add_argument("--latency", type=float, default=1.0)
    parser.add_argument("--host", type=int, metavar="PORT", help="be a host")
    told = parser.parse_args()
    if told.host:
        _serve(told.host)
        return 0
    one, two = (_measured(hosts, told.chains, told.latency) for hosts in (1, 2))
    print(
        f"{told.chains} chains of two short pipelines, every answer after {told.latency} s, {os.cpu_count()} cores"
    )
    for hosts, outcome in ((1, one), (2, two)):
        print(
            f"{hosts} host(s): {outcome.seconds:.1f} s, {outcome.a_second:.2f} chains a second,"
            f" cores {outcome.busy:.0%} busy, {outcome.repeated} jobs too many"
        )
    print(f"ratio: {two.a_second / one.a_second:.2f}")
    if max(one.busy, two.busy) > FULL:
        print("The cores were busy all the time, so this says little: give it more, or a longer --latency.")
    return 1 if one.repeated or two.repeated else 0


def _serve(port: int) -> None:
    storage = open_storage(Settings.from_mapping(os.environ))
    keys = Keys(master=KEY, function=KEY, event_grid=KEY)
    run_host(ROOT, storage=storage, settings=dict(os.environ), port=port, keys=keys)


def _measured(hosts: int, chains: int, latency_seconds: float) -> Outcome:
    azure = SlowAzure(clock=lambda: datetime.now(UTC), random=random.Random(1))
    factory = azure.data_factory.factory(SUBSCRIPTION, GROUP, FACTORY)
    factory.pipelines = {name: Pipeline(name, seconds=2, returns={}) for name in ("first", "second")}
    with ExitStack() as stack:
        azurite = Azurite(find_azurite(TOOLS, os.environ))
        azurite.start()
        stack.callback(azurite.stop)
        server = stack.enter_context(Server(azure))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "chains.yaml").write_text(_chains_file())
        settings = {
            **server.settings(),
            "AzureWebJobsStorage": azurite.connection_string,
            "SUBSCRIPTION_ID": SUBSCRIPTION,
            "CHAINS_FILE": str(folder / "chains.yaml"),
        }
        urls = [stack.enter_context(_host(settings)) for _ in range(hosts)]
        azure.latency_seconds = latency_seconds
        began, used = time.monotonic(), _used_seconds()
        _start_all(urls, chains)
        _wait(azure, urls[0], 2 * chains)
        seconds = time.monotonic() - began
        busy = (_used_seconds() - used) / seconds / (os.cpu_count() or 1)
        return Outcome(chains, seconds, busy, len(factory.runs) - 2 * chains)


def _chains_file() -> str:
    chains = "".join(CHAIN.format(number=number) for number in range(CHAINS))
    return f"connections:\n{CONNECTION}\nchains:{chains}\n"


@contextmanager
def _host(settings: dict[str, str]) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.two_hosts", "--host", str(port)],
        cwd=ROOT,
        env={**os.environ, **settings},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the host did not start")
            time.sleep(0.1)
        yield url
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/api/chains", headers={"x-functions-key": KEY}, timeout=30).ok
    except requests.ConnectionError:
        return False


def _start_all(urls: list[str], chains: int) -> None:
    def begin(number: int) -> None:
        url = f"{urls[number % len(urls)]}/api/chains/c{number % CHAINS}/runs"
        headers = {"x-functions-key": KEY, "Idempotency-Key": f"k{number}"}
        requests.post(url, headers=headers, timeout=300).raise_for_status()

    with ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(begin, range(chains)))


def _wait(azure: SlowAzure, url: str, jobs: int) -> None:
    """Until all jobs have ended, and all runs have succeeded."""
    deadline = time.monotonic() + MOST_SECONDS
    while azure.calls["data_factory.create_run"] < jobs or _runs_with(url, "running"):
        if time.monotonic() > deadline:
            raise RuntimeError("the runs do not end")
        time.sleep(0.25)
    if _runs_with(url, "failed"):
        raise RuntimeError("a run has failed")


def _runs_with(url: str, status: str) -> bool:
    answer = requests.get(
        f"{url}/api/runs", params={"status": status, "limit": "1"}, headers={"x-functions-key": KEY}, timeout=60
    )
    answer.raise_for_status()
    return bool(answer.json()["runs"])


def _used_seconds() -> float:
    """Of all cores, by everybody, since the machine began. Linux only; elsewhere 0."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return 0.0
    user, nice, system, *_ = (int(ticks) for ticks in stat.read_text().splitlines()[0].split()[1:])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main())
