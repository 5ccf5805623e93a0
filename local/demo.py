"""`make demo`: the simulated Azure, the embedded store and the host in one process, and two chains in turn."""

from __future__ import annotations

import logging
import os
import socket
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from local.demo_event import show_event
from local.host.cli import read_host_json
from local.host.host import Host
from local.host.keys import Keys
from local.progress import Progress, took_seconds
from local.simulated_azure.sample import SUBSCRIPTION, sample_azure
from local.simulated_azure.server import Server
from local.simulated_azure.world import SimulatedAzure
from shared.app import open_storage
from shared.settings import Settings

CHAIN = "sales-daily"
KEY = "demo"
MOST_SECONDS = 120
ALERT_SECONDS = 15
DASHBOARD_KEY = "opens-the-dashboard-of-the-demo"


def demo(root: Path, port: int) -> int:
    """0 when both chains succeeded. With a terminal it goes on serving until Ctrl-C."""
    logging.basicConfig(level=logging.ERROR)
    azure = sample_azure(lambda: datetime.now(UTC))
    with tempfile.TemporaryDirectory(prefix="baton-demo-") as folder, Server(azure) as server:
        settings = {
            **server.settings(),
            **server.topic_settings(),
            "SUBSCRIPTION_ID": SUBSCRIPTION,
            "CHAINS_FILE": "chains.yaml",
            "DASHBOARD_KEY": DASHBOARD_KEY,
            "AzureWebJobsStorage": f"sqlite:{folder}/demo.db",
        }
        os.environ.update(settings)
        host = _started(root, settings, port)
        print(f"The simulated Azure is at {server.url}, Baton at {host.base_url}.")
        well = False
        try:
            run = _run_chain(host.base_url)
            _summary(run, azure, host.base_url)
            if run["status"] == "succeeded":
                by_event = show_event(azure, host.base_url, KEY)
                well = by_event is not None and by_event["status"] == "succeeded"
            _alerts(run, azure)
            if well and sys.stdin.isatty() and sys.stdout.isatty():
                _serve_on(host.base_url)
        finally:
            host.stop(5)
    return 0 if well else 1


def _started(root: Path, settings: dict[str, str], port: int) -> Host:
    storage = open_storage(Settings.from_mapping(settings))
    keys = Keys(master=KEY, function=KEY, event_grid=KEY)
    host = Host(
        root,
        storage=storage,
        settings=settings,
        host_json=read_host_json(root),
        port=port if _is_free(port) else 0,
        keys=keys,
    )
    host.start()
    return host


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _run_chain(base_url: str) -> dict[str, Any]:
    session = requests.Session()
    session.headers["x-functions-key"] = KEY
    print(f"\n$ curl -X POST -H 'x-functions-key: {KEY}' {base_url}/api/chains/{CHAIN}/runs")
    answer = session.post(
        f"{base_url}/api/chains/{CHAIN}/runs", json={"parameters": {"region": "emea"}}, timeout=60
    )
    if answer.status_code != 202:
        raise SystemExit(f"The start was refused: HTTP {answer.status_code} {answer.text}")
    print(f"HTTP {answer.status_code}, Location: {answer.headers['Location']}\n")
    began = time.monotonic()
    progress = Progress()
    run: dict[str, Any] = answer.json()
    while True:
        elapsed = time.monotonic() - began
        progress.show(run, elapsed)
        if run["status"] != "running" or elapsed > MOST_SECONDS:
            return run
        time.sleep(0.3)
        run = session.get(f"{base_url}{answer.headers['Location']}", timeout=30).json()


def _summary(run: dict[str, Any], azure: SimulatedAzure, base_url: str) -> None:
    print(f"\nThe run has {run['status']}.")
    for step in run["steps"]:
        job = step["job"]
        seconds = took_seconds(step)
        took = f"in {seconds:.1f} s" if seconds is not None else ""
        print(f"  {step['name']:<10} job {job['id'] if job else '-'}  {job['status'] if job else '-'} {took}")
    if run["error"]:
        print(f"  {run['error']['code']}: {run['error']['message']}")
    print("\nWhat Azure was asked:")
    for operation, count in sorted(azure.calls.items()):
        print(f"  {count:4} {operation}")
    print(f"\nThe run: {base_url}/api/runs/{run['id']} (header x-functions-key: {KEY})")


def _alerts(run: dict[str, Any], azure: SimulatedAzure) -> None:
    """What the topic got. The last of it follows the end of the run by a moment."""
    until = time.monotonic() + ALERT_SECONDS
    while time.monotonic() < until and not any(
        event["type"] == f"baton.run.{run['status']}" for event in azure.event_grid.events
    ):
        time.sleep(0.1)
    print()
    for event in azure.event_grid.events:
        print(f"alert  {event['type']:<20}  {event['data']['chain']}")


def _serve_on(base_url: str) -> None:
    print(f"\nBaton goes on serving at {base_url}/api until Ctrl-C. Try:")
    print(f"  {base_url}/api/dashboard in a browser, with the key {DASHBOARD_KEY}")
    print(f"  BATON_URL={base_url} BATON_KEY={KEY} python -m local run {CHAIN} --wait")
    print(f"  curl -H 'x-functions-key: {KEY}' {base_url}/api/chains")
    print(f"  curl -H 'x-functions-key: {KEY}' {base_url}/api/health")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        print()
