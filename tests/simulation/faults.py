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


class LuckyFaults(Faults):
    """Draws every fault by name, so that a replay can leave it out."""

    def __init__(self, luck: Luck) -> None:
        super().__init__(random.Random(0), [])
        self._luck = luck

    def _strikes(self, fault: Fault, operation: str) -> bool:
        return fault.fits(operation) and self._luck.strikes(named(fault), fault.chance)


def switch_on(azure: SimulatedAzure, luck: Luck, severity: float, factors: Mapping[str, float]) -> Faults:
    """The faults, in place of those of the services. `factors`: how much likelier than usual each sort is."""
    faults = LuckyFaults(luck)
    for service in (azure, azure.data_factory, azure.synapse, azure.power_bi, azure.fabric):
        service.faults = faults
    share = min(0.12, 0.03 * severity)
    if severity:
        for fault in all_faults(share):
            factor = factors[sort_of(fault)]
            if factor:
                faults.on.append(replace(fault, chance=min(0.5, fault.chance * factor)))
    return faults


def all_faults(share: float) -> Iterator[Fault]:
    """Every fault that there may be, where most of them are as likely as `share`."""
    for operation in STARTS:
        yield from _at_starts(operation, share)
    for operation in OTHERS:
        yield from (Fault(operation, status=status, chance=share / 3) for status in (403, 429, 500, 503))
        yield Fault(operation, when="after", lost=True, chance=share)
    for operation in LISTS:
        yield Fault(operation, no_status=True, chance=share)


def _at_starts(operation: str, share: float) -> list[Fault]:
    return [
        Fault(operation, when="after", lost=True, chance=share),
        *(Fault(operation, when="after", status=status, chance=share / 3) for status in (500, 502, 503, 504)),
        *(Fault(operation, when="before", status=status, chance=share / 2) for status in (500, 503)),
        Fault(operation, when="before", lost=True, chance=share),
        Fault(operation, when="before", status=429, retry_after="20", chance=share),
        Fault(operation, hide_seconds=HIDDEN_SECONDS, chance=min(0.5, 4 * share)),
    ]


def named(fault: Fault) -> str:
    """The kind of luck that it is."""
    return f"{fault.operation} {fault.when} {fault.status or _effect_of(fault)}"


def sort_of(fault: Fault) -> str:
    """What it does, whatever the operation."""
    effect = _effect_of(fault)
    return effect if effect in ("hide_seconds", "no_status") else f"{fault.when} {effect}"


def _effect_of(fault: Fault) -> str:
    return next(name for name in ("status", "lost", "hide_seconds", "no_status") if getattr(fault, name))
