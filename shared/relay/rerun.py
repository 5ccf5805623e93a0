"""Rerun an ended run: a new run that points to the old one, and keeps what need not be done again."""

from __future__ import annotations

from functools import partial

from shared.core.definition import Chain
from shared.core.rerun import definition_of_rerun, steps_of_rerun
from shared.core.run import Run, RunStatus, Trigger, new_run
from shared.relay.start import known_run, launch
from shared.relay.world import World, say


class StillRunningError(Exception):
    """The run has not ended; there is nothing to rerun yet."""


def rerun(world: World, run_id: str, begin: str, declared: Chain | None, *, key: str | None = None) -> Run | None:
    """The new run, or the one that the same key has made of this run already; None when there is no such run.

    `begin`: "failed", "start" or a step's name. `declared`: the chain as the chains file has it now. Raises
    StillRunningError, UnknownStepError, NothingToRunError, AlreadyRunningError, TooManyWaitingError; nothing was
    started then.
    """
    held = world.runs.load(run_id)
    if held is None:
        return None
    old = held.run
    cause = None if key is None else f"rerun {old.id} key {key}"
    known = known_run(world, old.chain, cause)
    if known is not None:
        return known
    if old.status is RunStatus.RUNNING:
        raise StillRunningError(f"Run {old.id} is still running. Wait for its end, or cancel it.")
    definition = definition_of_rerun(old, declared)
    make = partial(
        new_run,
        definition=definition,
        trigger=Trigger(
            type="rerun",
            time=world.now(),
            first_time=old.trigger.first_time or old.trigger.time,
            event=old.trigger.event,
            job=old.trigger.job,
        ),
        parameters=old.parameters,
        steps=steps_of_rerun(old, definition, begin),
        rerun_of=old.id,
    )
    run, new = launch(world, definition, make, cause=cause, force=True)
    if new:
        say("run_rerun", run=run.id, of=old.id, definition="declared" if definition is declared else "stored")
    return run
