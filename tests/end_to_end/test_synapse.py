"""A chain at a Synapse workspace, from the HTTP call to its end, over loopback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from local.simulated_azure.faults import Fault
from local.simulated_azure.sample import DATASET, SYNAPSE_WORKSPACE, WORKSPACE
from local.simulated_azure.world import SimulatedAzure
from tests.end_to_end.conftest import HostProcess

FILE = f"""
connections:
  ledgers: {{type: synapse, workspace: {SYNAPSE_WORKSPACE}}}
  reporting: {{type: power_bi, workspace: {WORKSPACE}}}
chains:
  ledger:
    steps:
      post: {{connection: ledgers, pipeline: PostLedger, parameters: {{day: mon}}}}
      refresh: {{after: [post], connection: reporting, dataset: {DATASET}}}
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


def test_a_chain_goes_from_synapse_to_the_report(running: HostProcess, azure: SimulatedAzure) -> None:
    assert running.call("GET", "/api/health").json()["status"] == "ok"
    run = running.run_until_over(running.call("POST", "/api/chains/ledger/runs").headers["Location"])
    assert run["status"] == "succeeded"
    assert run["steps"][0]["output"] == {"posted": 1_204}
    workspace = azure.synapse.workspace(SYNAPSE_WORKSPACE)
    [made] = workspace.runs.values()
    [refresh] = azure.power_bi.workspaces[WORKSPACE][DATASET].refreshes
    assert refresh.started_at >= made.ended_at()


def test_a_start_whose_answer_was_lost_is_found_and_runs_once(running: HostProcess, azure: SimulatedAzure) -> None:
    azure.faults.on.append(Fault("synapse.create_run", when="after", lost=True, times=1))
    run = running.run_until_over(running.call("POST", "/api/chains/ledger/runs").headers["Location"])
    assert run["status"] == "succeeded"
    assert len(azure.synapse.workspace(SYNAPSE_WORKSPACE).runs) == 1


def test_a_failed_step_names_the_activity_and_its_error(running: HostProcess, azure: SimulatedAzure) -> None:
    azure.synapse.workspace(SYNAPSE_WORKSPACE).pipelines["PostLedger"].fails = "no disk"
    run = running.run_until_over(running.call("POST", "/api/chains/ledger/runs").headers["Location"])
    post, refresh = run["steps"]
    assert (post["status"], refresh["status"]) == ("failed", "skipped")
    assert post["error"] == {"code": "job_failed", "message": "Activity 'Copy' failed with 2200: no disk"}
