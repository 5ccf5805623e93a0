"""What must have happened in the simulated Azure, however Baton got there."""

from __future__ import annotations

from collections import Counter

from local.simulated_azure.pipelines import PipelineRun
from local.simulated_azure.world import SimulatedAzure

START = "/api/chains/sales-daily/runs"


def pipeline_runs(azure: SimulatedAzure) -> list[PipelineRun]:
    return [run for factory in azure.data_factory.factories.values() for run in factory.runs.values()]


def assert_done_once(azure: SimulatedAzure) -> None:
    """Each pipeline ran once, and one refresh began after the last of them had ended."""
    runs = pipeline_runs(azure)
    assert Counter(run.pipeline for run in runs) == {"LoadSales": 1, "BuildFeatures": 1}
    refreshes = [r for models in azure.power_bi.workspaces.values() for m in models.values() for r in m.refreshes]
    assert [refresh.outcome for refresh in refreshes] == ["Completed"]
    assert refreshes[0].started_at >= max(run.ended_at() for run in runs)
