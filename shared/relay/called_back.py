"""A job has called back. Its word is not taken for the outcome: the place where it ran is looked at."""

from __future__ import annotations

from datetime import timedelta

from shared.core.run import StepStatus
from shared.relay.watching import ensure_watch
from shared.relay.world import World, say
from shared.store.places import place_key

LOOK_AFTER_SECONDS = 3.0  # a job calls before it has ended; further calls until then need no look of their own
_UNDER_WAY = (StepStatus.STARTING, StepStatus.RUNNING)


def called_back(world: World, run_id: str, step_name: str) -> None:
    """The look that follows is as good for every other job of the place. Without any job there is none."""
    held = world.runs.load(run_id)
    step = next((each for each in held.run.steps if each.name == step_name), None) if held else None
    if held is None or step is None:
        return
    definition = held.run.step_definition(step_name)
    place = world.service_of(definition).place(definition)
    watch = world.places.watch(place_key(place))
    if step.status not in _UNDER_WAY and not (watch and watch.watch.active):
        return
    say("called_back", run=run_id, step=step_name)
    ensure_watch(world, place, world.now() + timedelta(seconds=LOOK_AFTER_SECONDS))
