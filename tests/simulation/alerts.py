"""Whoever listens to the topic: what must have arrived, in which order, and how often the topic is not there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from local.simulated_azure.faults import Fault
from local.simulated_azure.world import SimulatedAzure
from shared.core.alerts import type_of
from shared.core.run import Run
from shared.storage.base import Table
from shared.store.alerts import AlertMarks
from shared.store.outbox import Outbox
from shared.store.runs import RunStore
from tests.simulation.luck import Luck
from tests.simulation.scheduler import Scheduler

TOPIC = "https://evgt-baton.westeurope-1.eventgrid.azure.net/api/events"
LONGEST_OUTAGE_SECONDS = 3 * 3_600.0


def outage(azure: SimulatedAzure, scheduler: Scheduler, luck: Luck) -> None:
    """Sometimes the topic stays away when all else is well again, for hours."""
    if luck.strikes("the topic stays away", 0.3):
        azure.faults.on.append(Fault("event_grid.publish", status=503))
        scheduler.after(luck.between("topic outage", 60, LONGEST_OUTAGE_SECONDS), azure.faults.on.clear)


class Subscriber:
    """Gets every event that the topic takes."""

    def __init__(self, azure: SimulatedAzure) -> None:
        self.heard: list[dict[str, Any]] = []
        azure.event_grid.subscribers.append(self.heard.append)

    def waits_for(self, table: Table) -> bool:
        """Whether Baton still has something to send."""
        return any(AlertMarks(table).all()) or any(Outbox(table).waiting())

    def missed(self, table: Table, runs: list[Run]) -> Iterator[str]:
        """Each state change that is an event has arrived: the first time in its order, and always the same."""
        first: dict[str, dict[str, Any]] = {}
        for event in self.heard:
            known = first.setdefault(event["id"], event)
            if known != event:
                yield f"event {event['id']} came again, and differs: {known} and {event}"
        for run in runs:
            changes = RunStore(table).transitions(run.id)
            wanted = [(f"{run.id}.{change.number}", kind) for change in changes if (kind := type_of(change))]
            came = [(key, event["type"]) for key, event in first.items() if key.rpartition(".")[0] == run.id]
            if came != wanted:
                yield f"of the events {wanted} these came: {came}"
        for key, row in Outbox(table).states("connection.").items():
            name, spells = key.removeprefix("connection."), json.loads(row.data)["spell"]
            told = [
                int(event["sequence"]) for event in first.values() if event["subject"] == f"connections/{name}"
            ]
            if told != list(range(1, spells + 1)):
                yield f"{name} was unhealthy {spells} times, and these were told: {told}"
        if self.waits_for(table):
            yield f"events wait: {list(AlertMarks(table).all())} {list(Outbox(table).waiting())}"
