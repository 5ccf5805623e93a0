"""A failed run is rerun over HTTP: what is loaded stays, the failed pipeline goes on, the report is refreshed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.simulated_azure.faults import Fault
from local.simulated_azure.pipelines import Factory, PipelineRun
from local.simulated_azure.sample import DATASET, FACTORY, GROUP, SUBSCRIPTION, SYNAPSE_WORKSPACE, WORKSPACE
from local.simulated_azure.world import SimulatedAzure
from tests.end_to_end.conftest import HostProcess

FILE = f"""
connections:
  sales: {{type: data_factory, subscription: {SUBSCRIPTION}, resource_group: {GROUP}, factory: {FACTORY}}}
  ledgers: {{type: synapse, workspace: {SYNAPSE_WORKSPACE}}}
  reporting: {{type: power_bi, workspace: {WORKSPACE}}}
chains:
  sales:
    steps:
      load: {{connection: sales, pipeline: LoadSales, parameters: {{region: emea, run_date: "2026-11-21"}}}}
      build:
        after: [load]
        connection: sales
        pipeline: BuildFeatures
        parameters: {{rows: "{{{{ steps.load.output.rows }}}}"}}
        correlation: rows_of
      refresh: {{after: [build], connection: reporting, dataset: {DATASET}}}
  ledger:
    steps:
      post: {{connection: ledgers, pipeline: PostLedger, parameters: {{day: mon}}}}
"""
ACTIVITIES = ("Extract", "Clean", "Publish")


@pytest.fixture
def storage(tmp_path: Path) -> str:
    return f"sqlite:{tmp_path}/baton.db"


@pytest.fixture
def running(make_host: Callable[[], HostProcess], tmp_path: Path) -> HostProcess:
    (tmp_path / "chains.yaml").write_text(FILE)
    host = make_host()
    host.start(CHAINS_FILE=str(tmp_path / "chains.yaml"))
    return host


@pytest.fixture
def factory(azure: SimulatedAzure) -> Factory:
    """Its second pipeline fails in the last of three activities until it is repaired."""
    found = azure.data_factory.factory(SUBSCRIPTION, GROUP, FACTORY)
    build = found.pipelines["BuildFeatures"]
    build.activities, build.fails = ACTIVITIES, "no disk"
    return found


def failed_run(running: HostProcess, chain: str = "sales") -> dict[str, Any]:
    run = running.run_until_over(running.call("POST", f"/api/chains/{chain}/runs").headers["Location"])
    assert run["status"] == "failed", run
    return run


def rerun(running: HostProcess, run: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = running.call("POST", f"/api/runs/{run['id']}/rerun", **more)
    assert answer.status_code == 202, answer.text
    return running.run_until_over(answer.headers["Location"])


def runs_of(factory: Factory, pipeline: str) -> list[PipelineRun]:
    return [run for run in factory.runs.values() if run.pipeline == pipeline]


def test_a_rerun_goes_on_from_the_failed_activity_and_refreshes(
    running: HostProcess, azure: SimulatedAzure, factory: Factory
) -> None:
    old = failed_run(running)
    assert [step["status"] for step in old["steps"]] == ["succeeded", "failed", "skipped"]
    factory.pipelines["BuildFeatures"].fails = None
    run = rerun(running, old)
    assert (run["status"], run["rerun_of"]) == ("succeeded", old["id"])
    assert run["steps"][0] == old["steps"][0]
    assert len(runs_of(factory, "LoadSales")) == 1
    failed, continued = runs_of(factory, "BuildFeatures")
    assert (continued.group, continued.activities) == (failed.group, ACTIVITIES[-1:])
    assert continued.parameters == failed.parameters
    assert (run["steps"][1]["continues"], run["steps"][1]["job"]["id"]) == (failed.id, continued.id)
    [refresh] = azure.power_bi.workspaces[WORKSPACE][DATASET].refreshes
    assert refresh.started_at >= continued.ended_at()
    assert running.call("GET", f"/api/runs/{old['id']}").json() == old


@pytest.mark.parametrize("fault", [{"lost": True}, {"status": 503}], ids=["lost", "503"])
def test_a_continued_start_without_a_good_answer_is_found_by_its_group_and_runs_once(
    running: HostProcess, azure: SimulatedAzure, factory: Factory, fault: dict[str, Any]
) -> None:
    old = failed_run(running)
    factory.pipelines["BuildFeatures"].fails = None
    azure.faults.on.append(Fault("data_factory.create_run", when="after", times=1, **fault))
    run = rerun(running, old)
    assert run["status"] == "succeeded", run
    failed, continued = runs_of(factory, "BuildFeatures")
    assert continued.group == failed.group
    assert run["steps"][1]["job"]["id"] == continued.id


def test_a_synapse_pipeline_is_continued_as_well(running: HostProcess, azure: SimulatedAzure) -> None:
    workspace = azure.synapse.workspace(SYNAPSE_WORKSPACE)
    post = workspace.pipelines["PostLedger"]
    post.activities, post.fails = ACTIVITIES, "no disk"
    old = failed_run(running, "ledger")
    post.fails = None
    assert rerun(running, old)["status"] == "succeeded"
    failed, continued = workspace.runs.values()
    assert (continued.group, continued.activities) == (failed.group, ACTIVITIES[-1:])


def test_from_a_step_its_job_begins_anew_with_what_was_loaded(running: HostProcess, factory: Factory) -> None:
    old = failed_run(running)
    factory.pipelines["BuildFeatures"].fails = None
    assert rerun(running, old, json={"from": "build"})["status"] == "succeeded"
    assert len(runs_of(factory, "LoadSales")) == 1
    failed, anew = runs_of(factory, "BuildFeatures")
    assert (anew.group, anew.activities, anew.parameters["rows"]) == (anew.id, ACTIVITIES, "48213")
    assert failed.parameters["rows_of"] != anew.parameters["rows_of"]
