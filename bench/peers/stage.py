"""What all tools find in the simulated Azure: pipelines, items and models, and runs that somebody wants."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from bench.peers.network import Network
from bench.peers.virtual_time import VirtualTime
from local.simulated_azure.entra import Application
from local.simulated_azure.fabric_items import Item
from local.simulated_azure.pipelines import Pipeline
from local.simulated_azure.power_bi import Dataset
from local.simulated_azure.world import SimulatedAzure

Kind = Literal["adf", "fabric", "refresh"]
Outcome = Literal["succeeded", "failed", "died"]

TENANT = "11111111-1111-4111-8111-111111111111"
CLIENT_ID = "22222222-2222-4222-8222-222222222222"
CLIENT_SECRET = "not-a-secret-of-anybody"
SUBSCRIPTION = "33333333-3333-4333-8333-333333333333"
GROUP, FACTORY = "rg-data", "adf-sales"
LAKEHOUSE = "44444444-4444-4444-8444-444444444444"
REPORTS = "55555555-5555-4555-8555-555555555555"

PIPELINES = 50
START_SECONDS = 180.0  # all starts come within this time, evenly
SPREAD = 0.1  # jobs take this much more or less than their nominal time
REFRESH_SECONDS = (90.0, 150.0)  # behind a pipeline
APART_SECONDS = 7_200.0  # between runs that are to meet bad luck each for itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One measurement: a tool, what it runs, how many at once, and how long each job takes."""

    tool: str
    kind: Kind
    runs: int
    minutes: int
    misfortune: str | None = None


class Tool(Protocol):
    """Something that can run the job that users have. Runs have numbers, from 0 on."""

    def begin(self, number: int) -> None:
        """Somebody wants this run now. Its end is told to the stage. May sleep."""


class Stage:
    """The simulated Azure of one case, and what became of its runs."""

    def __init__(self, case: Case, time: VirtualTime, network: Network) -> None:
        self.case = case
        self.time = time
        self.network = network
        self.azure = SimulatedAzure(clock=time.now, random=random.Random(case.runs))
        self.outcomes: dict[int, Outcome] = {}
        self.began_at: dict[int, float] = {}
        self.ended: asyncio.Future[None] = time.loop.create_future()
        network.azure = self.azure
        application = Application(tenant=TENANT, client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
        self.azure.identity.applications.append(application)
        self.refresh_token = self.azure.identity.entra.sign_in(application)[1]
        self._furnish()

    def tell(self, number: int, outcome: Outcome) -> None:
        """How a run has ended, as its tool sees it."""
        self.outcomes[number] = outcome
        if len(self.outcomes) == self.case.runs and not self.ended.done():
            self.ended.set_result(None)

    def starts(self) -> Iterator[tuple[int, float]]:
        """Each run and when it is wanted: all within minutes, or far apart where bad luck is to meet each."""
        apart = self.case.misfortune is not None
        for number in range(self.case.runs):
            yield number, number * APART_SECONDS if apart else START_SECONDS * number / self.case.runs

    def pipeline(self, number: int) -> str:
        """What the run runs: the name of a pipeline, or the id of a Fabric item."""
        index = number * 7 % PIPELINES
        return f"p{index}" if self.case.kind == "adf" else f"66666666-6666-4666-8666-{index:012d}"

    def model(self, number: int) -> str:
        """The semantic model that the run refreshes: its own."""
        return f"77777777-7777-4777-8777-{number:012d}"

    def _furnish(self) -> None:
        chance = random.Random(7)
        nominal = self.case.minutes * 60.0
        factory = self.azure.data_factory.factory(SUBSCRIPTION, GROUP, FACTORY)
        self.azure.fabric.workspace(LAKEHOUSE)
        for index in range(PIPELINES):
            seconds = nominal * (1 - SPREAD + 2 * SPREAD * index / PIPELINES)
            made = Pipeline(f"p{index}", seconds=seconds, parameters={"run": None}, returns={"rows": 1})
            factory.pipelines[made.name] = made
            item = Item(f"66666666-6666-4666-8666-{index:012d}", made.name, "DataPipeline", seconds=seconds)
            self.azure.fabric.item(LAKEHOUSE, item)
        alone = self.case.kind == "refresh"
        shortest, longest = (nominal * (1 - SPREAD), nominal * (1 + SPREAD)) if alone else REFRESH_SECONDS
        for number in range(self.case.runs):
            key = self.model(number)
            self.azure.power_bi.dataset(REPORTS, Dataset(key, key, seconds=chance.uniform(shortest, longest)))
