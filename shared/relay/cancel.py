"""Cancel a run: nothing further starts, and its jobs are cancelled at their services."""

from __future__ import annotations

from datetime import timedelta

from shared.core.facts import CancelRequested
from shared.core.run import Run, RunStatus
from shared.relay.advance import advance
from shared.relay.world import World


class FinishedError(Exception):
    """The run has ended; there is nothing to cancel."""


def cancel(world: World, run_id: str) -> Run | None:
    """The run as it is after the request; None when there is no such run. Raises FinishedError.

    Asking again while it is being cancelled is fine.
    """
    held = world.runs.load(run_id)
    if held is None:
        return None
    if held.run.status is not RunStatus.RUNNING:
        raise FinishedError(f"Run {run_id} has {held.run.status} already.")
    world.runs.point(run_id, world.now() + timedelta(seconds=world.patience.revive_seconds), held.run.created_at)
    run = advance(world, run_id, CancelRequested())
    if run is not None and run.cancel_requested_at is None:
        raise FinishedError(f"Run {run_id} has {run.status} already.")
    return run
