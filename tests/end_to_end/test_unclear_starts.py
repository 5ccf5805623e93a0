"""Starts whose answers are lost or wrong, and models that are busy: still exactly one of each."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.simulated_azure.faults import Fault
from local.simulated_azure.world import SimulatedAzure
from tests.end_to_end.conftest import HostProcess
from tests.end_to_end.outcome import START, assert_done_once


@pytest.fixture
def storage(tmp_path: Path) -> str:
    """The embedded store: what storage does with crashes is tried elsewhere."""
    return f"sqlite:{tmp_path}/baton.db"


@pytest.mark.parametrize("operation", ["data_factory.create_run", "power_bi.refresh"])
@pytest.mark.parametrize(
    "fault",
    [{"lost": True}, {"status": 503}],
    ids=lambda fault: "-".join(map(str, fault.values())),
)
def test_a_start_that_was_accepted_and_not_answered_well_is_made_once(
    host: HostProcess, azure: SimulatedAzure, operation: str, fault: dict[str, int]
) -> None:
    azure.faults.on.append(Fault(operation, when="after", times=1, **fault))  # type: ignore[arg-type]
    host.start()
    path = host.call("POST", START).headers["Location"]
    run = host.run_until_over(path)
    assert run["status"] == "succeeded", run
    assert_done_once(azure)


def test_a_start_that_never_arrived_is_made_after_a_while(host: HostProcess, azure: SimulatedAzure) -> None:
    azure.faults.on.append(Fault("data_factory.create_run", lost=True, times=1))
    host.start()
    run = host.run_until_over(host.call("POST", START).headers["Location"])
    assert run["status"] == "succeeded", run
    assert_done_once(azure)


def test_an_executing_refresh_is_waited_for_and_ours_follows(host: HostProcess, azure: SimulatedAzure) -> None:
    [model] = [model for models in azure.power_bi.workspaces.values() for model in models.values()]
    model.seconds = 5
    theirs = azure.power_bi.begin(model, "Scheduled")
    host.start()
    run = host.run_until_over(host.call("POST", START).headers["Location"], 120)
    assert run["status"] == "succeeded", run
    ours, other = model.refreshes
    assert other is theirs
    assert ours.kind == "ViaEnhancedApi"
    assert ours.started_at >= theirs.ended_at()
