"""Services over the simulated Azure in one process: the real clients, no socket, a clock that tests move."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from azure.core.credentials import AccessToken

from local.simulated_azure.adapter import SimulatedAdapter
from local.simulated_azure.faults import Fault
from local.simulated_azure.pipeline_api import PipelineApi
from local.simulated_azure.pipelines import Factory, Pipeline
from local.simulated_azure.power_bi import Dataset
from local.simulated_azure.world import SimulatedAzure
from shared.core.definition import Connection, Credential, Refresh, StepDefinition
from shared.core.run import Job
from shared.identity import Identities, Identity
from shared.ports import Order, WatchedJob
from shared.services.data_factory import DataFactory
from shared.services.pipelines import PipelineService
from shared.services.power_bi import PowerBi
from shared.services.reach import Reach
from shared.services.synapse import Synapse
from shared.settings import Settings

T0 = datetime(2026, 11, 21, 5, 30, tzinfo=UTC)
SUBSCRIPTION = "00000000-0000-0000-0000-00000000ba70"
WORKSPACE = "5f0f6c64-0000-0000-0000-000000000002"
DATASET = "22222222-0000-0000-0000-000000000002"
ADF = Connection(name="adf", type="data_factory", subscription=SUBSCRIPTION, resource_group="rg", factory="f-1")
SYN = Connection(name="syn", type="synapse", workspace="syn-1")
PBI = Connection(name="pbi", type="power_bi", workspace=WORKSPACE)


@dataclass(slots=True)
class FakeCredential:
    """Gives tokens that the simulation takes."""

    cloud: Cloud

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        expires = int((self.cloud.now + timedelta(hours=1)).timestamp())
        return AccessToken(f"{scopes[0].removesuffix('/.default')}|{expires}", expires)


class FakeIdentities(Identities):
    """Everybody is the same."""

    def __init__(self, cloud: Cloud, settings: Settings) -> None:
        super().__init__(settings)
        self._one = Identity(FakeCredential(cloud), "a test's identity")

    def of(self, credential: Credential) -> Identity:
        return self._one


@dataclass
class Cloud:
    """One factory and one Synapse workspace with pipeline P, a semantic model, and all services."""

    now: datetime = T0
    pipeline: Pipeline = field(default_factory=lambda: Pipeline("P", seconds=60, parameters={"day": None}))
    model: Dataset = field(default_factory=lambda: Dataset(DATASET, "Sales", seconds=60))

    def __post_init__(self) -> None:
        self.azure = SimulatedAzure(clock=lambda: self.now, random=random.Random(1))
        self.factory: Factory = self.azure.data_factory.factory(SUBSCRIPTION, "rg", "f-1")
        self.factory.pipelines["P"] = self.pipeline
        self.workspace: Factory = self.azure.synapse.workspace("syn-1")
        self.workspace.pipelines["P"] = self.pipeline
        self.azure.power_bi.dataset(WORKSPACE, self.model)
        self.session = requests.Session()
        self.session.mount("https://", SimulatedAdapter(self.azure))
        settings = Settings.from_mapping({"AzureWebJobsStorage": "sqlite::memory:"})
        reach = Reach(
            settings=settings,
            identities=FakeIdentities(self, settings),
            session=self.session,
            clock=lambda: self.now,
        )
        self.reach = reach
        self.data_factory = DataFactory(ADF, reach)
        self.power_bi = PowerBi(PBI, reach)
        self.synapse = Synapse(SYN, reach)

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


@dataclass(frozen=True)
class Side:
    """A service that runs pipelines, and its side of the world."""

    cloud: Cloud
    name: str
    connection: Connection
    service: PipelineService
    factory: Factory
    api: PipelineApi

    def step(self, **changes: Any) -> StepDefinition:
        return pipeline_step(**{"connection": self.connection, **changes})

    def fails(self, operation: str, **how: Any) -> None:
        self.cloud.azure.faults.on.append(Fault(f"{self.name}.{operation}", **how))

    def calls(self, operation: str) -> int:
        return self.cloud.azure.calls[f"{self.name}.{operation}"]


@pytest.fixture(params=["data_factory", "synapse"])
def side(cloud: Cloud, request: pytest.FixtureRequest) -> Side:
    """Each of the services that run pipelines."""
    if request.param == "synapse":
        return Side(cloud, "synapse", SYN, cloud.synapse, cloud.workspace, cloud.azure.synapse)
    return Side(cloud, "data_factory", ADF, cloud.data_factory, cloud.factory, cloud.azure.data_factory)


def pipeline_step(**changes: Any) -> StepDefinition:
    return StepDefinition(**{"name": "load", "connection": ADF, "pipeline": "P", **changes})


def refresh_step(refresh: Refresh | None = None) -> StepDefinition:
    chosen = refresh or Refresh(type="full")
    return StepDefinition(name="refresh", connection=PBI, dataset=DATASET, refresh=chosen)


def order_of(
    definition: StepDefinition, parameters: Mapping[str, Any] | None = None, at: datetime = T0, **changes: Any
) -> Order:
    given: dict[str, Any] = {
        "run_id": "r",
        "definition": definition,
        "attempt": 1,
        "parameters": {"day": "mon"} if parameters is None else parameters,
        "intended_at": at,
        "ready_at": None,
        "correlation": "r/load/1",
    }
    return Order(**{**given, **changes})


def watched(job: Job) -> WatchedJob:
    return WatchedJob(run_id="r", step="s", attempt=1, job=job, began_at=T0, registered_at=T0)
