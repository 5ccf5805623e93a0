"""A pipeline waits for a chain with a WebHook activity: it calls Baton, and Baton calls it back."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.simulated_azure.pipelines import Factory, Pipeline, PipelineRun, WebHook
from local.simulated_azure.sample import DATASET, FACTORY, GROUP, SUBSCRIPTION, WORKSPACE
from local.simulated_azure.world import SimulatedAzure
from tests.end_to_end.conftest import HostProcess
from tests.end_to_end.host_process import KEY

FILE = f"""
connections:
  reporting: {{type: power_bi, workspace: {WORKSPACE}}}
  sales: {{type: data_factory, subscription: {SUBSCRIPTION}, resource_group: {GROUP}, factory: {FACTORY}}}
chains:
  report:
    steps:
      refresh: {{connection: reporting, dataset: {DATASET}}}
  broken:
    steps:
      load: {{connection: sales, pipeline: Nowhere}}
"""


@pytest.fixture
def storage(tmp_path: Path) -> str:
    return f"sqlite:{tmp_path}/baton.db"


@pytest.fixture
def running(make_host: Callable[[], HostProcess], tmp_path: Path) -> HostProcess:
    (tmp_path / "chains.yaml").write_text(FILE)
    host = make_host()
    host.start(CHAINS_FILE=str(tmp_path / "chains.yaml"))
    return host


def piped(azure: SimulatedAzure, host: HostProcess, chain: str, **body: Any) -> PipelineRun:
    """A pipeline with the activity, started and watched to its end."""
    headers = {"x-functions-key": KEY, "Content-Type": "application/json", "Idempotency-Key": "the pipeline's run"}
    hook = WebHook(url=f"{host.url}/api/chains/{chain}/runs", headers=headers, body=body, timeout_seconds=60)
    factory: Factory = azure.data_factory.factory(SUBSCRIPTION, GROUP, FACTORY)
    run = azure.data_factory.start(factory, Pipeline("Waits", web_hook=hook), {}, by="Nightly")
    while run.status(azure.data_factory.clock()) not in ("Succeeded", "Failed"):
        time.sleep(0.2)
        host.tick()
    return run


def test_the_pipeline_goes_on_when_the_report_is_fresh(azure: SimulatedAzure, running: HostProcess) -> None:
    run = piped(azure, running, "report")
    assert run.outcome == "Succeeded", run.message
    [refresh] = azure.power_bi.workspaces[WORKSPACE][DATASET].refreshes
    assert run.ends_at >= refresh.ends_at
    assert run.returns["status"] == "succeeded"
    shown = running.call("GET", f"/api/runs/{run.returns['run']}")
    assert (shown.json()["status"], "callback" in shown.text) == ("succeeded", False)


def test_the_pipeline_fails_with_what_went_wrong(azure: SimulatedAzure, running: HostProcess) -> None:
    run = piped(azure, running, "broken")
    assert run.outcome == "Failed"
    assert "not_found" in run.message
    assert "Nowhere" in run.message


def test_what_baton_refuses_fails_the_activity_at_once(azure: SimulatedAzure, running: HostProcess) -> None:
    run = piped(azure, running, "report", parameters={"nobody": 1})
    assert run.outcome == "Failed"
    assert "parameters.nobody" in run.message
