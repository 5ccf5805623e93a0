"""`python -m local check`: the chains file, and with `--online` every connection that it declares."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from local.configuration import ConfigurationError, app_settings
from shared.app import build
from shared.chains_file import ChainsFileError, read
from shared.settings import Settings, SettingsError
from shared.storage.sqlite import SqliteStorage
from shared.web.health import Checked, check_all


def check_command(root: Path, environment: Mapping[str, str], *, online: bool) -> int:
    """0 when the file can be used and, `online`, every connection works."""
    try:
        mapping = app_settings(root, environment)
        if report_file(mapping, root):
            return 1
        return _report_connections(Settings.from_mapping(mapping), root) if online else 0
    except (ConfigurationError, SettingsError) as error:
        print(error, file=sys.stderr)
        return 1


def report_file(mapping: Mapping[str, str], root: Path) -> int:
    """Says what is wrong with the chains file, or what it declares. 0 when it can be used."""
    path = root / mapping.get("CHAINS_FILE", "chains.yaml")
    try:
        file = read(path, mapping)
    except ChainsFileError as error:
        print(error, file=sys.stderr)
        return 1
    for chain in file.chains.values():
        print(f"{chain.name}: {', '.join(step.name for step in chain.steps)}")
    return 0


def _report_connections(settings: Settings, root: Path) -> int:
    """Starts nothing, and leaves Baton's own storage alone."""
    logging.getLogger("azure").setLevel(logging.CRITICAL)  # what fails is said once, with its place
    storage = SqliteStorage(None, clock=lambda: datetime.now(UTC))
    checked = check_all(build(settings, storage=storage, root=root))
    print()
    for each in checked:
        print("\n".join(_lines(each)))
    return 1 if any(each.problems for each in checked) else 0


def _lines(checked: Checked) -> Iterator[str]:
    connection = checked.connection
    count = len(checked.problems)
    told = "ok" if count == 0 else "1 problem" if count == 1 else f"{count} problems"
    yield f"{connection.name} ({connection.type}): {told}"
    yield from (f"  {problem.code}: {problem.message}" for problem in checked.problems)
    yield from (f"  warning, {warning.code}: {warning.message}" for warning in checked.warnings)
