"""Chains over all services, through a host of its own and real sockets."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.simulated_azure.fabric_items import Item
from local.simulated_azure.faults import Fault
from local.simulated_azure.sample import DATASET, LAKEHOUSE, NOTEBOOK, SYNAPSE_WORKSPACE, WORKSPACE
from local.simulated_azure.world import SimulatedAzure
from tests.end_to_end.conftest import HostProcess

CHAINS = """
connections:
  sales-adf: {type: data_factory, subscription: "%SUBSCRIPTION_ID%", resource_group: rg-data, factory: adf-sales}
  lakehouse: {type: fabric, workspace: 0d9c1d0e-0000-0000-0000-000000000001}
  reporting: {type: power_bi, workspace: 5f0f6c64-0000-0000-0000-000000000002}
chains:
  sales:
    steps:
      load: {connection: sales-adf, pipeline: LoadSales, parameters: {region: emea, run_date: "2026-11-21"}}
      features:
        after: [load]
        connection: lakehouse
        item: Features
        job_type: RunNotebook
        parameters: {rows: "{{ steps.load.output.rows }}"}
      refresh:
        after: [features]
        connection: reporting
        dataset: 22222222-0000-0000-0000-000000000002
        refresh: {type: full}
"""


@pytest.fixture
def storage(tmp_path: Path) -> str:
    """The embedded store: what storage does is tried elsewhere."""
    return f"sqlite:{tmp_path}/baton.db"


def test_a_notebook_runs_once_between_a_pipeline_and_a_refresh(
    host: HostProcess, azure: SimulatedAzure, tmp_path: Path
) -> None:
    (tmp_path / "chains.yaml").write_text(CHAINS)
    azure.faults.on.append(Fault("fabric.run", when="after", times=1, lost=True))
    host.start(CHAINS_FILE=str(tmp_path / "chains.yaml"))
    assert host.call("GET", "/api/health").status_code == 200
    run = host.run_until_over(host.call("POST", "/api/chains/sales/runs").headers["Location"])
    assert run["status"] == "succeeded", run
    assert run["steps"][1]["output"] == {"days": 30}
    [notebook] = azure.fabric.workspaces[LAKEHOUSE].items.values()
    [instance] = notebook.instances
    assert instance.body == {"executionData": {"parameters": {"rows": {"value": 48213, "type": "int"}}}}
    assert run["steps"][1]["job"]["id"] == instance.id


FOUR = """
connections:
  finance-syn: {type: synapse, workspace: syn-finance}
  lakehouse: {type: fabric, workspace: 0d9c1d0e-0000-0000-0000-000000000001}
  reporting: {type: power_bi, workspace: 5f0f6c64-0000-0000-0000-000000000002}
chains:
  ledger:
    parameters: {day: {default: "2026-11-20"}}
    steps:
      post: {connection: finance-syn, pipeline: PostLedger, parameters: {day: "{{ parameters.day }}"}}
      features:
        after: [post]
        connection: lakehouse
        item: Features
        job_type: RunNotebook
        parameters: {posted: "{{ steps.post.output.posted }}"}
      model:
        after: [features]
        connection: lakehouse
        item: Model
        job_type: sparkjob
        parameters: {commandLineArguments: "--days {{ steps.features.output.days }}"}
      refresh:
        after: [model]
        connection: reporting
        dataset: 22222222-0000-0000-0000-000000000002
        refresh: {type: full, objects: [{table: Ledger}, {table: Days}]}
"""


def test_synapse_then_a_notebook_whose_exit_value_goes_to_a_spark_job_then_two_tables(
    host: HostProcess, azure: SimulatedAzure, tmp_path: Path
) -> None:
    (tmp_path / "chains.yaml").write_text(FOUR)
    model = Item("11111111-0000-0000-0000-00000000000c", "Model", "SparkJobDefinition", seconds=1)
    azure.fabric.item(LAKEHOUSE, model)
    host.start(CHAINS_FILE=str(tmp_path / "chains.yaml"))
    assert host.call("GET", "/api/health").status_code == 200
    run = host.run_until_over(host.call("POST", "/api/chains/ledger/runs").headers["Location"])
    assert run["status"] == "succeeded", run
    [posted] = azure.synapse.workspace(SYNAPSE_WORKSPACE).runs.values()
    notebook = azure.fabric.workspaces[LAKEHOUSE].items[NOTEBOOK]
    [refresh] = azure.power_bi.workspaces[WORKSPACE][DATASET].refreshes
    assert posted.parameters == {"day": "2026-11-20"}
    assert notebook.instances[0].body == {
        "executionData": {"parameters": {"posted": {"value": 1204, "type": "int"}}}
    }
    assert [job.body for job in model.instances] == [{"executionData": {"commandLineArguments": "--days 30"}}]
    assert refresh.body == {"type": "full", "objects": [{"table": "Ledger"}, {"table": "Days"}]}
    assert posted.ended_at() <= notebook.instances[0].created_at
    assert model.instances[0].ended_at() <= refresh.started_at


def test_health_says_which_item_is_missing(host: HostProcess, azure: SimulatedAzure, tmp_path: Path) -> None:
    (tmp_path / "chains.yaml").write_text(CHAINS.replace("item: Features", "item: Feature"))
    host.start(CHAINS_FILE=str(tmp_path / "chains.yaml"))
    told = host.call("GET", "/api/health")
    assert told.status_code == 503
    assert "no Notebook named 'Feature' in the workspace; did you mean 'Features'?" in told.text
