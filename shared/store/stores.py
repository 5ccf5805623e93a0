"""All stores over one table, as the relay's world takes them."""

from __future__ import annotations

from typing import TypedDict

from shared.storage.base import Table
from shared.store.backfills import BackfillStore
from shared.store.deadlines import DeadlineStore
from shared.store.events import EventStore
from shared.store.follows import FollowStore
from shared.store.pauses import PauseStore
from shared.store.places import PlaceStore
from shared.store.runs import RunStore
from shared.store.schedules import ScheduleStore
from shared.store.troubles import TroubleStore
from shared.store.web_hooks import WebHookStore


class Stores(TypedDict):
    """One of each."""

    runs: RunStore
    places: PlaceStore
    pauses: PauseStore
    schedules: ScheduleStore
    deadlines: DeadlineStore
    follows: FollowStore
    troubles: TroubleStore
    events: EventStore
    web_hooks: WebHookStore
    backfills: BackfillStore


def stores_over(table: Table) -> Stores:
    """Cheap: a store is a view of the table, and reads nothing before it is asked."""
    return {
        "runs": RunStore(table),
        "places": PlaceStore(table),
        "pauses": PauseStore(table),
        "schedules": ScheduleStore(table),
        "deadlines": DeadlineStore(table),
        "follows": FollowStore(table),
        "troubles": TroubleStore(table),
        "events": EventStore(table),
        "web_hooks": WebHookStore(table),
        "backfills": BackfillStore(table),
    }
