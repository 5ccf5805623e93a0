"""Runs an app on this machine until it is told to stop."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from local.host.errors import SetupError
from local.host.host import Host, serve
from local.host.index import FunctionEntry, HttpTrigger, QueueTrigger, TimerTrigger
from local.host.keys import Keys
from shared.storage.base import Storage


def run_host(app_root: Path, *, storage: Storage, settings: Mapping[str, str], port: int, keys: Keys) -> None:
    """Blocks until SIGTERM or SIGINT. Raises SetupError when the app cannot be run.

    App settings reach the app as they do in Azure, as environment variables: this process's own are changed.
    """
    os.environ.update(settings)
    os.environ.setdefault("WEBSITE_HOSTNAME", f"127.0.0.1:{port}")  # as Azure sets it
    host = Host(
        app_root, storage=storage, settings=settings, host_json=read_host_json(app_root), port=port, keys=keys
    )
    for line in describe(host.functions, f"http://127.0.0.1:{port}"):
        print(line)
    if not serve(host):
        # A pool thread that does not end would keep the interpreter alive for ever. Its queue message comes back.
        logging.shutdown()
        sys.stdout.flush()
        os._exit(1)


def read_host_json(app_root: Path) -> Mapping[str, object]:
    """Raises SetupError."""
    path = app_root / "host.json"
    try:
        parsed = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SetupError([f"host.json cannot be read: {error}"]) from error
    except ValueError as error:
        raise SetupError([f"host.json is not JSON: {error}"]) from error
    if not isinstance(parsed, dict):
        raise SetupError(["host.json must hold a JSON object"])
    return parsed


def describe(functions: tuple[FunctionEntry, ...], base_url: str) -> list[str]:
    """One line for each function, without keys."""
    return [f"  {entry.name}: {_place(entry, base_url)}" for entry in functions]


def _place(entry: FunctionEntry, base_url: str) -> str:
    trigger = entry.trigger
    if isinstance(trigger, HttpTrigger):
        methods = ",".join(sorted(trigger.route.methods)) if trigger.route.methods else "any method"
        return f"[{methods}] {base_url}/{trigger.route.full} ({trigger.auth_level})"
    if isinstance(trigger, TimerTrigger):
        return f"timer {trigger.schedule}"
    if isinstance(trigger, QueueTrigger):
        return f"queue {trigger.queue_name}"
    return f"Event Grid {base_url}/runtime/webhooks/EventGrid?functionName={entry.name}"
