"""The chains that are run while things break, and the simulated Azure that they need.

Each flow is a diamond: a load, two pipelines side by side, a refresh after both. Every flow has a semantic
model of its own, so that refreshes do not all queue behind one; some flows share theirs with the next.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import datetime

from local.simulated_azure.faults import Fault
from local.simulated_azure.pipelines import Pipeline
from local.simulated_azure.power_bi import Dataset
from local.simulated_azure.sample import FACTORY, GROUP, SUBSCRIPTION, WORKSPACE
from local.simulated_azure.world import SimulatedAzure

STEPS = ("load", "left", "right", "refresh")
LATER_SECONDS = 1.0  # a job may be missing from lists for so long: less than the hosts' grace period
NARROW_EVERY = 5  # every so many flows, one lets two runs go on at a time
CARRIED = "baton_run"


def flow_name(number: int) -> str:
    return f"flow-{number}"


def chains_file(flows: int) -> str:
    """JSON, which is YAML as well."""
    factory = {"type": "data_factory", "subscription": SUBSCRIPTION, "resource_group": GROUP, "factory": FACTORY}
    connections = {"adf": factory, "reporting": {"type": "power_bi", "workspace": WORKSPACE}}
    return json.dumps(
        {"connections": connections, "chains": {flow_name(number): _flow(number) for number in range(flows)}}
    )


def _flow(number: int) -> dict[str, object]:
    who = {"who": "{{ run.id }}"}
    carrier = {"correlation": CARRIED} if number % 2 else {}

    def pipeline(name: str, *after: str) -> dict[str, object]:
        return {
            "connection": "adf",
            "pipeline": _pipeline(name),
            "parameters": who,
            "after": list(after),
            **carrier,
        }

    refresh = {
        "connection": "reporting",
        "dataset": _dataset(number),
        "after": ["left", "right"],
        "refresh": {"type": "full"},
    }
    limit = {"max_running": 2} if number % NARROW_EVERY == NARROW_EVERY - 1 else {}
    return {
        **limit,
        "parameters": {"number": {"default": 0}},
        "steps": {
            "load": pipeline("load"),
            "left": pipeline("left", "load"),
            "right": pipeline("right", "load"),
            "refresh": refresh,
        },
    }


def flows_azure(clock: Callable[[], datetime], flows: int, seed: int) -> SimulatedAzure:
    """A world where the flows succeed, each job within some seconds."""
    azure = SimulatedAzure(clock=clock, random=random.Random(seed))
    factory = azure.data_factory.factory(SUBSCRIPTION, GROUP, FACTORY)
    for step, seconds in (("load", 1.5), ("left", 1.0), ("right", 2.0)):
        name = _pipeline(step)
        parameters = {"who": None, CARRIED: ""}
        factory.pipelines[name] = Pipeline(name, seconds=seconds, queued_seconds=0.1, parameters=parameters)
    for number in range(flows):
        azure.power_bi.dataset(WORKSPACE, Dataset(_dataset(number), f"Model {number}", seconds=0.5))
    return azure


def bad_luck(chance: float) -> list[Fault]:
    """What the services do meanwhile, each with this probability, besides hiding new jobs for a while."""
    faults = []
    for operation in ("data_factory.create_run", "power_bi.refresh"):
        faults += [
            Fault(operation, when="after", lost=True, chance=chance),
            Fault(operation, when="after", status=503, chance=chance),
            Fault(operation, when="before", status=503, chance=chance),
            Fault(operation, when="before", lost=True, chance=chance),
            Fault(operation, when="before", status=429, retry_after="2", chance=chance),
            Fault(operation, hide_seconds=LATER_SECONDS, chance=min(0.5, 8 * chance)),
        ]
    for operation in ("data_factory.query_runs", "power_bi.history", "data_factory.get_run"):
        faults += [
            Fault(operation, status=503, chance=chance),
            Fault(operation, status=429, retry_after="1", chance=chance),
            Fault(operation, when="after", lost=True, chance=chance),
            Fault(operation, no_status=True, chance=chance),
        ]
    return faults


def _pipeline(step: str) -> str:
    return f"Do{step.capitalize()}"


def _dataset(number: int) -> str:
    """The first flows in each half dozen share their model."""
    return f"22222222-0000-0000-0000-{number - (number % 6 == 1):012d}"
