"""Around a save that is an event: nobody may forget it, and it is sent soon.

Apart from the sending itself, and with its import inside: without a topic, a start loads nothing of events.
"""

from __future__ import annotations

from datetime import timedelta

from shared.core.run import Run
from shared.relay.messages import PublishMessage, to_body
from shared.relay.world import World
from shared.store.alerts import Due


def is_event(world: World, run: Run) -> bool:
    """Whether saving the run tells the world outside of anything."""
    if world.alerts is None:
        return False
    from shared.core.alerts import type_of

    return any(type_of(change) for change in run.unsaved)


def publish_soon(world: World, run_id: str) -> None:
    """After a save that is an event."""
    if world.alerts is not None:
        world.queue.send(to_body(PublishMessage((run_id,))))


def alerts_due(world: World, run_id: str) -> Due:
    """From when on the run's events count as forgotten."""
    now = world.now()
    return Due(run_id, now + timedelta(seconds=world.patience.revive_seconds), now)


def point_at_alerts(world: World, run_id: str) -> None:
    """Before a save that is an event, and does not end the run."""
    if world.alerts is not None:
        world.alerts.marks.point(alerts_due(world, run_id))
