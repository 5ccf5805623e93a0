"""Random chains, the simulated Azure that runs what they name, and what a deploy makes of them."""

from __future__ import annotations

import random
from dataclasses import replace

from local.simulated_azure.dataflows import Dataflow
from local.simulated_azure.fabric_items import Item
from local.simulated_azure.pipelines import Pipeline
from local.simulated_azure.power_bi import Dataset
from local.simulated_azure.world import SimulatedAzure
from shared.core.definition import Chain, Connection, Follow, Overlap, Refresh, Schedule, StepDefinition
from tests.simulation.events import pattern_of
from tests.simulation.luck import Luck

FACTORIES = (
    Connection(name="adf-0", type="data_factory", subscription="s", resource_group="g", factory="f-0"),
    Connection(name="adf-1", type="data_factory", subscription="s", resource_group="g", factory="f-1"),
    Connection(name="also-adf-1", type="data_factory", subscription="s", resource_group="G", factory="F-1"),
    Connection(name="syn", type="synapse", workspace="syn-0"),
)
LAKEHOUSE = Connection(name="lake", type="fabric", workspace="0d9c1d0e-0000-0000-0000-000000000001")
ITEMS = ("11111111-0000-0000-0000-000000000001", "11111111-0000-0000-0000-000000000002")
WORKSPACE = Connection(name="pbi", type="power_bi", workspace="w")
DATASETS = ("d0", "d1")
DATAFLOW = "33333333-0000-0000-0000-000000000003"
WHO = "{{ run.id }}"
CRONS = ("*/2 * * * *", "*/3 * * * *", "*/5 * * * *")
MOST_STEPS = 5
NIGHTLY = "nightly"  # a pipeline that no chain starts


class Maker:
    """Makes chains and their later versions, and declares what they need."""

    def __init__(self, chance: random.Random, luck: Luck, azure: SimulatedAzure) -> None:
        self._chance = chance
        self._luck = luck
        self._azure = azure
        for model in DATASETS:
            azure.power_bi.dataset("w", Dataset(model, model, seconds=chance.uniform(2, 15)))
        azure.power_bi.dataflows.dataflow("w", Dataflow(DATAFLOW, "Customers", seconds=chance.uniform(2, 15)))
        for item in ITEMS:
            made = Item(item, f"item {item[-1]}", "Notebook", seconds=chance.uniform(2, 15), exit_value="7")
            azure.fabric.item(LAKEHOUSE.workspace or "", made)
        for factory in (azure.data_factory.factory("s", "g", "f-1"), azure.synapse.workspace("syn-0")):
            seconds, fails = luck.between(NIGHTLY, 0.1, 100), luck.strikes("nightly fails", 0.3)
            factory.pipelines[NIGHTLY] = Pipeline(NIGHTLY, seconds=seconds, fails="no disk" if fails else None)
        self._starts: dict[str, list[StepDefinition]] = {}  # pipelines, by the chain that starts them
        azure.fabric.retry_after_seconds = chance.choice([1, 5, 60])
        azure.fabric.names_jobs = chance.random() < 0.6

    def chains(self) -> list[Chain]:
        """One to three."""
        count = 1 + sum(self._luck.strikes("a further chain", 0.25) for _ in range(2))
        return [self.chain(f"chain-{number}") for number in range(count)]

    def chain(self, name: str) -> Chain:
        """A random graph of steps."""
        count = 1 + sum(self._luck.strikes("a further step", 0.4) for _ in range(MOST_STEPS - 1))
        steps = tuple(self._step(name, number) for number in range(count))
        self._starts[name] = [step for step in steps if step.pipeline]
        max_running = 1 + self._luck.one_of("a limit", 2) if self._luck.strikes("a limit", 0.5) else None
        return Chain(
            name=name,
            steps=steps,
            follows=self._follows(name) if self._luck.strikes("a follow", 0.2) else (),
            schedule=Schedule(cron=self._chance.choice(CRONS)) if self._luck.strikes("a schedule", 0.2) else None,
            events=(pattern_of(name),),
            max_running=max_running,
            overlap=self._overlap(max_running),
        )

    def _overlap(self, max_running: int | None) -> Overlap:
        newest = max_running is not None and self._luck.strikes("the newest matters", 0.4)
        return "cancel_running" if newest else "wait"

    def redeployed(self, chains: list[Chain]) -> list[Chain]:
        """The next version of the file: chains changed, dropped or added."""
        changed = [self._changed(chain) for chain in chains]
        kept = [chain for chain in changed if chain is not None]
        return kept if self._chance.random() < 0.7 else [*kept, self.chain(f"chain-new-{len(chains)}")]

    def _changed(self, chain: Chain) -> Chain | None:
        match self._chance.randrange(6):
            case 0:
                return None
            case 1:
                return replace(chain, schedule=Schedule(cron=self._chance.choice(CRONS)))
            case 2:
                return replace(chain, schedule=None)
            case 3:
                limit = self._chance.choice([None, 1, 2])
                return replace(chain, max_running=limit, overlap=self._overlap(limit))
            case 4:
                return replace(self.chain(chain.name), schedule=chain.schedule)
            case 5 if chain.follows:
                return replace(chain, follows=())
        return chain

    def _follows(self, chain: str) -> tuple[Follow, ...]:
        """What nobody of Baton's starts, and what chains before this one start: without circles."""
        luck = self._luck
        before = [step for name in sorted(self._starts) if name < chain for step in self._starts[name]]
        known = [
            Follow(connection=FACTORIES[1], pipeline=NIGHTLY),
            Follow(connection=FACTORIES[3], pipeline=NIGHTLY),
            Follow(connection=LAKEHOUSE, item=ITEMS[0], job_type="RunNotebook"),
            *(Follow(connection=step.connection, pipeline=step.pipeline) for step in before[:2]),
        ]
        chosen = known[luck.one_of("what is followed", len(known))]
        on = ("succeeded", "failed", "completed")[luck.one_of("what counts", 3)]
        own = chosen.pipeline not in (None, NIGHTLY) and luck.one_of("own jobs", 2) == 0
        return (replace(chosen, on=on, own=own),)  # type: ignore[arg-type]

    def _step(self, chain: str, number: int) -> StepDefinition:
        chance = self._chance
        after = tuple(f"s{before}" for before in range(number) if chance.random() < 0.6)
        if number and self._luck.strikes("a dataflow", 0.04):
            return self._dataflow(f"s{number}", after)
        if number and self._luck.strikes("a refresh", 0.38):
            return self._refresh(f"s{number}", after)
        if self._luck.strikes("a notebook", 0.13):
            return self._notebook(f"s{number}", after)
        return self._pipeline(chain, f"s{number}", after)

    def _seconds(self) -> float:
        if self._luck.strikes("a hanging pipeline", 0.02):
            return 2_700.0  # for longer than anybody waits for a cancel to be confirmed
        return self._chance.expovariate(1 / 200 if self._luck.strikes("a long pipeline", 0.08) else 1 / 4)

    def _refresh(self, name: str, after: tuple[str, ...]) -> StepDefinition:
        chance = self._chance
        return StepDefinition(
            name=name,
            connection=WORKSPACE,
            after=after,
            dataset=chance.choice(DATASETS),
            refresh=Refresh(type="full") if chance.random() < 0.6 else Refresh(),
            timeout_seconds=7_200,
            retries=chance.choice([0, 1]),
            retry_delay_seconds=30,
        )

    def _dataflow(self, name: str, after: tuple[str, ...]) -> StepDefinition:
        return StepDefinition(
            name=name,
            connection=WORKSPACE,
            after=after,
            dataflow=DATAFLOW,
            timeout_seconds=7_200,
            retries=self._chance.choice([0, 1]),
            retry_delay_seconds=30,
        )

    def _notebook(self, name: str, after: tuple[str, ...]) -> StepDefinition:
        return StepDefinition(
            name=name,
            connection=LAKEHOUSE,
            after=after,
            item=self._chance.choice(ITEMS),
            job_type="RunNotebook",
            timeout_seconds=7_200,
            retries=self._chance.choice([0, 1]),
            retry_delay_seconds=30,
        )

    def _pipeline(self, chain: str, name: str, after: tuple[str, ...]) -> StepDefinition:
        chance = self._chance
        connection = chance.choice(FACTORIES)
        pipeline = f"{chain}-{name}"
        factory = (
            self._azure.synapse.workspace(connection.workspace or "")
            if connection.type == "synapse"
            else self._azure.data_factory.factory("s", "g", connection.factory or "")
        )
        telling = chance.random() < 0.7
        factory.pipelines[pipeline] = Pipeline(
            pipeline,
            seconds=self._seconds(),
            parameters={"who": None, "step": None} if telling else {},
            returns={"n": name},
            fails="no disk" if chance.random() < 0.1 else None,
            heeds_cancel=not self._luck.strikes("a deaf pipeline", 0.05),
        )
        return StepDefinition(
            name=name,
            connection=connection,
            after=after,
            pipeline=pipeline,
            parameters={"who": WHO, "step": name} if telling else {},
            correlation="baton_run" if telling and chance.random() < 0.5 else None,
            timeout_seconds=chance.choice([120, 600, 7_200]),
            retries=chance.choice([0, 0, 1, 2]),
            retry_delay_seconds=chance.choice([1, 60]),
        )
