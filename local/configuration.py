"""What the local host runs with: app settings from local.settings.json and the environment, and its keys."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from local.host.errors import SetupError
from local.host.keys import Keys

DEFAULT_PORT = 7071  # where Azure's own tools listen
STATE_FOLDER = ".baton"
ADDRESS_FILE = "address"
SETTINGS_FILE = "local.settings.json"
EMBEDDED_STORE = f"sqlite:{STATE_FOLDER}/baton.db"


class ConfigurationError(Exception):
    """local.settings.json cannot be used. The message says why."""


def app_settings(root: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """`Values` of local.settings.json, which the environment overrides. Without storage: the embedded store."""
    values = {"AzureWebJobsStorage": EMBEDDED_STORE, **_values(root / SETTINGS_FILE)}
    return values | dict(environment)


def local_keys(root: Path) -> Keys:
    """This machine's keys: made at the first start, kept readable for their owner only."""
    path = root / STATE_FOLDER / "keys.json"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        made = {name: secrets.token_urlsafe(24) for name in ("master", "function", "event_grid")}
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(made, file)
    return Keys(**json.loads(path.read_text()))


def local_address(root: Path) -> str:
    """Where the host on this machine listens, or would."""
    path = root / STATE_FOLDER / ADDRESS_FILE
    try:
        return path.read_text(encoding="utf-8").strip() or address(DEFAULT_PORT)
    except FileNotFoundError:
        return address(DEFAULT_PORT)


@contextmanager
def announced(root: Path, port: int) -> Iterator[None]:
    """While it lasts, other commands find the host on this port. One that cannot run leaves the other's note."""
    path = root / STATE_FOLDER / ADDRESS_FILE
    path.parent.mkdir(exist_ok=True)
    before = path.read_text(encoding="utf-8") if path.exists() else None
    path.write_text(address(port), encoding="utf-8")
    left = None
    try:
        yield
    except SetupError:
        left = before
        raise
    finally:
        if left is None:
            path.unlink(missing_ok=True)
        else:
            path.write_text(left, encoding="utf-8")


def address(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def dashboard_key(root: Path) -> str:
    """What opens the dashboard on this machine: made at the first start, kept readable for its owner only."""
    path = root / STATE_FOLDER / "dashboard-key"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(24))
    return path.read_text().strip()


def _values(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    try:
        values = json.loads(path.read_text()).get("Values", {})
    except (ValueError, AttributeError) as error:
        raise ConfigurationError(f"{path.name} is no settings file: {error}") from error
    wrong = [name for name, value in values.items() if not isinstance(value, str)]
    if wrong:
        raise ConfigurationError(f"{path.name}: these values must be text in quotes: {', '.join(wrong)}")
    return dict(values)
