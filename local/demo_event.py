"""The second part of `make demo`: a file lands in the simulated storage account, and Event Grid starts a chain."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime
from typing import Any

import requests

from local.progress import Progress
from local.simulated_azure.event_delivery import Subscription, blob_created
from local.simulated_azure.world import SimulatedAzure

ACCOUNT = "/subscriptions/s/resourceGroups/rg-data/providers/Microsoft.Storage/storageAccounts/stlanding"
CHAIN = "sales-file"
MOST_SECONDS = 60


def show_event(azure: SimulatedAzure, base_url: str, key: str) -> dict[str, Any] | None:
    """The run that the event started, when it is over; None when it did not come."""
    endpoint = f"{base_url}/runtime/webhooks/eventgrid?functionName=on_event&code={key}"
    azure.events.subscribe(Subscription(name="evgs-baton", endpoint=endpoint, function=True))
    blob = blob_created(
        ACCOUNT, "landing", "sales/2026-11.csv", at=datetime.now(UTC), id=str(uuid.uuid4()), size=48_213
    )
    azure.events(blob)
    print(f"\nA file has landed: {blob['data']['url']}\nEvent Grid tells Baton, twice as it may:\n")
    azure.events(blob)
    began = time.monotonic()
    progress = Progress()
    while (elapsed := time.monotonic() - began) < MOST_SECONDS:
        runs = requests.get(
            f"{base_url}/api/runs?chain={CHAIN}", headers={"x-functions-key": key}, timeout=30
        ).json()["runs"]
        if runs:
            progress.show(runs[0], elapsed)
            if runs[0]["status"] != "running":
                told = sum(one.attempts for one in azure.events.deliveries)
                print(f"\n{told} deliveries, {len(runs)} run, started by {runs[0]['trigger']['event']['subject']}")
                return dict(runs[0])
        time.sleep(0.3)
    return None
