"""What users ask of Baton, by name and by the number of runs that are under way at once."""

from __future__ import annotations

import random
from collections.abc import Callable

from bench.virtual import Begin, VirtualBaton
from local.simulated_azure.pipelines import Pipeline
from local.simulated_azure.power_bi import Dataset
from shared.core.definition import Chain, Connection, Refresh, StepDefinition

FACTORY = Connection(name="adf", type="data_factory", subscription="s", resource_group="g", factory="adf-1")
WORKSPACE = Connection(name="pbi", type="power_bi", workspace="w")
START_SECONDS = 180.0  # all starts come within this time
SHORT_SECONDS = (240.0, 420.0)  # all runs are under way at once: the shortest outlasts the starts
HOUR_SECONDS = (3_400.0, 3_800.0)
PIPELINES = 50
REFRESH_SECONDS = (20.0, 60.0)

Load = Callable[[VirtualBaton, int], list[Begin]]


def chains_short(baton: VirtualBaton, runs: int) -> list[Begin]:
    """Every run is of a chain of its own: a pipeline of some minutes, then the refresh of its own model."""
    return _with_refresh(baton, runs, SHORT_SECONDS)


def chains_hour(baton: VirtualBaton, runs: int) -> list[Begin]:
    """As chains-short, with pipelines of an hour."""
    return _with_refresh(baton, runs, HOUR_SECONDS)


def pipelines_short(baton: VirtualBaton, runs: int) -> list[Begin]:
    """Runs of ten chains that are one pipeline of some minutes each."""
    return _pipelines_only(baton, runs, SHORT_SECONDS)


def pipelines_hour(baton: VirtualBaton, runs: int) -> list[Begin]:
    """As pipelines-short, with pipelines of an hour."""
    return _pipelines_only(baton, runs, HOUR_SECONDS)


def one_at_a_time(baton: VirtualBaton, runs: int) -> list[Begin]:
    """All runs are of one chain with `max_running: 1`: the others wait."""
    names = _pipelines(baton, (30.0, 30.0))
    step = StepDefinition(name="load", connection=FACTORY, pipeline=names[0])
    chain = Chain(name="single", steps=(step,), max_running=1)
    return [Begin(after, chain) for after in _starts(runs)]


def one_model(baton: VirtualBaton, runs: int) -> list[Begin]:
    """Every chain refreshes the same model, which takes one refresh at a time."""
    names = _pipelines(baton, SHORT_SECONDS)
    baton.azure.power_bi.dataset("w", Dataset("shared", "shared", seconds=20))
    return [
        Begin(after, _chain(f"c{number}", names[number % PIPELINES], "shared"))
        for number, after in enumerate(_starts(runs))
    ]


LOADS: dict[str, Load] = {
    "chains-short": chains_short,
    "chains-hour": chains_hour,
    "pipelines-short": pipelines_short,
    "pipelines-hour": pipelines_hour,
    "one-at-a-time": one_at_a_time,
    "one-model": one_model,
}


def _with_refresh(baton: VirtualBaton, runs: int, seconds: tuple[float, float]) -> list[Begin]:
    names = _pipelines(baton, seconds)
    chance = random.Random(3)
    for number in range(runs):
        dataset = Dataset(f"d{number}", f"d{number}", seconds=chance.uniform(*REFRESH_SECONDS))
        baton.azure.power_bi.dataset("w", dataset)
    return [
        Begin(after, _chain(f"c{number}", names[number % PIPELINES], f"d{number}"))
        for number, after in enumerate(_starts(runs))
    ]


def _pipelines_only(baton: VirtualBaton, runs: int, seconds: tuple[float, float]) -> list[Begin]:
    names = _pipelines(baton, seconds)
    chains = [
        Chain(
            name=f"c{number}",
            steps=(StepDefinition(name="load", connection=FACTORY, pipeline=names[number * 5]),),
        )
        for number in range(10)
    ]
    return [Begin(after, chains[number % 10]) for number, after in enumerate(_starts(runs))]


def _pipelines(baton: VirtualBaton, seconds: tuple[float, float]) -> list[str]:
    """Their names; how long they take is spread evenly."""
    shortest, longest = seconds
    made = [
        Pipeline(f"p{number}", seconds=shortest + (longest - shortest) * number / PIPELINES, returns={"rows": 1})
        for number in range(PIPELINES)
    ]
    baton.azure.data_factory.factory("s", "g", "adf-1").pipelines = {pipeline.name: pipeline for pipeline in made}
    random.Random(2).shuffle(made)
    return [pipeline.name for pipeline in made]


def _chain(name: str, pipeline: str, dataset: str) -> Chain:
    load = StepDefinition(name="load", connection=FACTORY, pipeline=pipeline)
    refresh = StepDefinition(
        name="refresh", connection=WORKSPACE, after=("load",), dataset=dataset, refresh=Refresh(type="full")
    )
    return Chain(name=name, steps=(load, refresh))


def _starts(runs: int) -> list[float]:
    return [START_SECONDS * number / runs for number in range(runs)]
