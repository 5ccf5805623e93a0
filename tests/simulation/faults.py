"""What the simulated services refuse, lose and hide, as the luck says."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace

from local.simulated_azure.faults import Fault, Faults
from local.simulated_azure.world import SimulatedAzure
from tests.simulation.luck import Luck

STARTS = (
    "data_factory.create_run",
    "synapse.create_run",
    "power_bi.refresh",
    "power_bi.refresh_dataflow",
    "fabric.run",
)
LISTS = (
    "data_factory.query_runs",
    "synapse.query_runs",
    "power_bi.history",
    "power_bi.transactions",
    "fabric.list",
)
OTHERS = (
    *LISTS,
    "data_factory.get_run",
    "data_factory.cancel_run",
    "data_factory.query_activities",
    "power_bi.cancel_refresh",
    "power_bi.cancel_transaction",
    "event_grid.publish",
)
HIDDEN_SECONDS = 90  # less than the grace period, which is the promise
UNLISTED_SECONDS = 3_000  # for longer than a job may be missing


class LuckyFaults(Faults):
    """Draws every fault by name, so that a replay can leave it out."""

    def __init__(self, luck: Luck) -> None:
        super().__init__(random.Random(0), [])
        self._luck = luck

    def _strikes(self, fault: Fault, operation: str) -> bool:
        return fault.operation == operation and self._luck.strikes(named(fault), fault.chance)


def switch_on(azure: SimulatedAzure, luck: Luck, severity: float, factors: Mapping[str, float]) -> Faults:
    """The faults, in place of those of the services. `factors`: how much likelier than usual each sort is."""
    faults = LuckyFaults(luck)
    power_bi = azure.power_bi
    for service in (azure, azure.data_factory, azure.synapse, power_bi, power_bi.dataflows, azure.fabric):
        service.faults = faults
    share = min(0.12, 0.03 * severity)
    if severity:
        for sort, fault in _SORTED:
            if factors[sort]:
                chance = min(0.5, share * fault.chance * factors[sort])
                faults.on.append(replace(fault, chance=chance))
    return faults


def all_faults() -> Iterator[Fault]:
    """Every fault that there may be. The chance is a share of what the seed's severity makes it."""
    for operation in STARTS:
        yield from _at_starts(operation)
    for operation in OTHERS:
        share = 3.0 if "cancel" in operation else 1 / 3  # what is seldom called fails the more often
        yield from (Fault(operation, status=status, chance=share) for status in (403, 429, 500, 503))
        yield Fault(operation, when="after", lost=True)
    for operation in LISTS:
        yield Fault(operation, no_status=True)


def _at_starts(operation: str) -> list[Fault]:
    return [
        Fault(operation, when="after", lost=True),
        *(Fault(operation, when="after", status=status, chance=1 / 3) for status in (500, 502, 503, 504)),
        *(Fault(operation, when="before", status=status, chance=1 / 2) for status in (500, 503)),
        Fault(operation, when="before", lost=True),
        Fault(operation, when="before", status=429, retry_after="20"),
        Fault(operation, hide_seconds=HIDDEN_SECONDS, chance=4),
        Fault(operation, hide_seconds=UNLISTED_SECONDS, chance=4),
    ]


def named(fault: Fault) -> str:
    """The kind of luck that it is."""
    told = "unlisted" if fault.hide_seconds == UNLISTED_SECONDS else fault.status or _effect_of(fault)
    return f"{fault.operation} {fault.when} {told}"


def sort_of(fault: Fault) -> str:
    """What it does, whatever the operation."""
    if fault.hide_seconds == UNLISTED_SECONDS:
        return "a job nobody lists"
    effect = _effect_of(fault)
    return effect if effect in ("hide_seconds", "no_status") else f"{fault.when} {effect}"


def _effect_of(fault: Fault) -> str:
    return next(name for name in ("status", "lost", "hide_seconds", "no_status") if getattr(fault, name))


_SORTED = tuple((sort_of(fault), fault) for fault in all_faults())
