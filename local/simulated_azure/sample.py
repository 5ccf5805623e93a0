"""The world that the sample chains need: one factory, one workspace of each kind."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime

from local.simulated_azure.fabric_items import Item
from local.simulated_azure.pipelines import Pipeline
from local.simulated_azure.power_bi import Dataset
from local.simulated_azure.world import SimulatedAzure

SUBSCRIPTION = "00000000-0000-0000-0000-00000000ba70"
GROUP = "rg-data"
FACTORY = "adf-sales"
SYNAPSE_WORKSPACE = "syn-finance"
WORKSPACE = "5f0f6c64-0000-0000-0000-000000000002"
LAKEHOUSE = "0d9c1d0e-0000-0000-0000-000000000001"
NOTEBOOK = "11111111-0000-0000-0000-000000000001"
DATASET = "22222222-0000-0000-0000-000000000002"


def sample_azure(clock: Callable[[], datetime], *, speed: float = 1.0) -> SimulatedAzure:
    """`speed` 2 halves the time that pipelines and refreshes take."""
    azure = SimulatedAzure(clock=clock, random=random.Random())
    factory = azure.data_factory.factory(SUBSCRIPTION, GROUP, FACTORY)
    load = Pipeline(
        "LoadSales", seconds=8 / speed, parameters={"region": None, "run_date": None}, returns={"rows": 48_213}
    )
    features = Pipeline("BuildFeatures", seconds=5 / speed, parameters={"rows": None})
    take = Pipeline("TakeFile", seconds=2 / speed, parameters={"file": None})
    factory.pipelines = {pipeline.name: pipeline for pipeline in (load, features, take)}
    post = Pipeline("PostLedger", seconds=6 / speed, parameters={"day": None}, returns={"posted": 1_204})
    azure.synapse.workspace(SYNAPSE_WORKSPACE).pipelines = {post.name: post}
    azure.power_bi.dataset(WORKSPACE, Dataset(DATASET, "Sales", seconds=5 / speed))
    azure.fabric.item(
        LAKEHOUSE, Item(NOTEBOOK, "Features", "Notebook", seconds=5 / speed, exit_value='{"days": 30}')
    )
    azure.fabric.retry_after_seconds = max(1, round(4 / speed))  # the service says 60, which nobody waits to see
    return azure
