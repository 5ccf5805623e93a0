"""`python -m local check`: the file alone, and with `--online` every connection, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local.simulated_azure.sample import DATASET, FACTORY, GROUP, SUBSCRIPTION, WORKSPACE, sample_azure
from local.simulated_azure.server import Server
from local.simulated_azure.world import SimulatedAzure

ROOT = Path(__file__).resolve().parent.parent.parent
FILE = f"""
connections:
  adf: {{type: data_factory, subscription: {SUBSCRIPTION}, resource_group: {GROUP}, factory: {FACTORY}}}
  pbi: {{type: power_bi, workspace: {WORKSPACE}}}
chains:
  daily:
    steps:
      load: {{connection: adf, pipeline: LoadSales, parameters: {{region: emea, run_date: today}}}}
      refresh: {{after: [load], connection: pbi, dataset: {DATASET}}}
"""


@pytest.fixture
def azure() -> SimulatedAzure:
    return sample_azure(lambda: datetime.now(UTC))


@pytest.fixture
def server(azure: SimulatedAzure) -> Iterator[Server]:
    with Server(azure) as made:
        yield made


def check(server: Server, folder: Path, *arguments: str, file: str = FILE) -> tuple[int, str, str]:
    """The exit code, what was printed, and what was printed as an error."""
    path = folder / "chains.yaml"
    path.write_text(file)
    environment = {**os.environ, **server.settings(), "CHAINS_FILE": str(path)}
    command = [sys.executable, "-m", "local", "check", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_without_online_nobody_is_asked(azure: SimulatedAzure, server: Server, tmp_path: Path) -> None:
    azure.data_factory.factories.clear()
    assert check(server, tmp_path) == (0, "daily: load, refresh\n", "")
    assert not azure.calls


def test_online_says_of_every_connection_that_it_works(
    azure: SimulatedAzure, server: Server, tmp_path: Path
) -> None:
    code, out, err = check(server, tmp_path, "--online")
    assert (code, err) == (0, "")
    assert out.splitlines() == ["daily: load, refresh", "", "adf (data_factory): ok", "pbi (power_bi): ok"]
    assert not azure.calls["data_factory.create_run"]
    assert not azure.calls["power_bi.refresh"]


def test_online_names_every_problem_with_its_remedy_and_fails(
    azure: SimulatedAzure, server: Server, tmp_path: Path
) -> None:
    azure.power_bi.tenant_allows = False
    code, out, err = check(server, tmp_path, "--online", file=FILE.replace("run_date: today", "date: today"))
    assert (code, err) == (1, "")
    assert "adf (data_factory): 2 problems\n" in out
    assert "  unknown_parameter: Step 'load' gives parameter 'date'" in out
    assert "  missing_parameter: Pipeline 'LoadSales' needs parameter 'run_date'" in out
    assert "pbi (power_bi): 1 problem\n" in out
    assert "tenant setting" in out


def test_a_file_with_mistakes_is_told_before_anybody_is_asked(
    azure: SimulatedAzure, server: Server, tmp_path: Path
) -> None:
    code, _, err = check(server, tmp_path, "--online", file=FILE.replace("pipeline:", "pipelin:"))
    assert code == 1
    assert "pipelin" in err
    assert not azure.calls
