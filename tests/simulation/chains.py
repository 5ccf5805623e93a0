"""Random chains, and the simulated Azure that runs what they name."""

from __future__ import annotations

import random

from local.simulated_azure.pipelines import Pipeline
from local.simulated_azure.power_bi import Dataset
from local.simulated_azure.world import SimulatedAzure
from shared.core.definition import Chain, Connection, Refresh, Schedule, StepDefinition

FACTORIES = tuple(
    Connection(name=f"adf-{n}", type="data_factory", subscription="s", resource_group="g", factory=f"f-{n}")
    for n in range(2)
)
WORKSPACE = Connection(name="pbi", type="power_bi", workspace="w")
DATASETS = ("d0", "d1")
WHO = "{{ run.id }}"


def random_chains(chance: random.Random, azure: SimulatedAzure) -> list[Chain]:
    """One to three chains, and everything that they need."""
    for model in DATASETS:
        azure.power_bi.dataset("w", Dataset(model, model, seconds=chance.uniform(5, 120)))
    return [_chain(f"chain-{number}", chance, azure) for number in range(chance.randint(1, 3))]


def _chain(name: str, chance: random.Random, azure: SimulatedAzure) -> Chain:
    steps = [_step(name, number, chance, azure) for number in range(chance.randint(1, 4))]
    return Chain(
        name=name,
        steps=tuple(steps),
        schedule=Schedule(cron="*/7 * * * *") if chance.random() < 0.3 else None,
        max_running=chance.choice([None, None, 1, 2]),
    )


def _step(chain: str, number: int, chance: random.Random, azure: SimulatedAzure) -> StepDefinition:
    after = tuple(f"s{before}" for before in range(number) if chance.random() < 0.6)
    name = f"s{number}"
    if number and chance.random() < 0.4:
        refresh = Refresh(type="full") if chance.random() < 0.6 else Refresh()
        return StepDefinition(
            name=name,
            connection=WORKSPACE,
            after=after,
            dataset=chance.choice(DATASETS),
            refresh=refresh,
            timeout_seconds=7_200,
            retries=chance.choice([0, 1]),
            retry_delay_seconds=30,
        )
    connection = chance.choice(FACTORIES)
    pipeline = f"{chain}-{name}"
    fails = "no disk" if chance.random() < 0.1 else None
    parameters = {"who": None, "step": None}
    factory = azure.data_factory.factory("s", "g", connection.factory or "")
    factory.pipelines[pipeline] = Pipeline(
        pipeline, seconds=chance.expovariate(1 / 200), parameters=parameters, returns={"n": number}, fails=fails
    )
    return StepDefinition(
        name=name,
        connection=connection,
        after=after,
        pipeline=pipeline,
        parameters={"who": WHO, "step": name},
        correlation="baton_run" if chance.random() < 0.5 else None,
        timeout_seconds=chance.choice([300, 3_600, 7_200]),
        retries=chance.choice([0, 0, 1, 2]),
        retry_delay_seconds=chance.choice([1, 60]),
    )
