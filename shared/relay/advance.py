"""Take a run as far as it will go now: decide, save, perform one effect, take in what it gave, decide again."""

from __future__ import annotations

import logging
from datetime import timedelta

from shared.core.apply import apply
from shared.core.decide import StartJob, decide
from shared.core.errors import BatonError
from shared.core.facts import Fact, Started
from shared.core.pace import KEPT_DURATIONS
from shared.core.run import Run, RunStatus, Step, StepStatus
from shared.relay.alert_marks import alerts_due, is_event, point_at_alerts, publish_soon
from shared.relay.messages import AdvanceMessage, BackfillMessage, to_body
from shared.relay.perform import perform
from shared.relay.waiting import learned_of_slot, newly_held, point_at, wake, without
from shared.relay.web_hooks import announce_end
from shared.relay.world import World, say
from shared.storage.base import MAX_DELAY_SECONDS
from shared.store.places import place_key
from shared.store.runs import Held

MOST_ROUNDS = 2_000  # far more than any chain needs: a run that gets there is stuck, and says so


class StuckError(Exception):
    """A run that is never done deciding: a fault in Baton."""


def advance(world: World, run_id: str, *facts: Fact) -> Run | None:
    """The run as it is when nothing is left to do now; None when there is no such run.

    Safe to call any number of times, from anywhere at once: the one whose save is won acts, the others look
    again at what it saved.
    """
    held = world.runs.load(run_id)
    if held is not None and held.run.status is not RunStatus.RUNNING:
        _close_again(world, held.run)
    for _ in range(MOST_ROUNDS):
        if held is None:
            return None
        run = held.run
        for fact in (*learned_of_slot(world, run), *facts):
            run = apply(run, fact, world.now(), world.patience)
        run, effect = decide(run, world.now(), world.fresh_id(), world.patience)
        saved = _saved(world, held, run, urgent=isinstance(effect, StartJob))
        if saved is None:
            held = world.runs.load(run_id)
            continue
        _disown(world, saved.run, facts)
        held = saved
        if effect is None:
            return held.run
        facts = (perform(world, held.run, effect),)
    raise StuckError(f"run {run_id} is still deciding after {MOST_ROUNDS} rounds")


def _saved(world: World, held: Held, run: Run, *, urgent: bool) -> Held | None:
    """The run saved, with all that follows from the save; None when the race was lost."""
    if run == held.run:
        return held
    ended = run.status is not RunStatus.RUNNING
    slots = before = None
    if ended and run.definition.max_running is not None:
        before = world.runs.slots(run.chain)
        slots = without(world, run, before)
        point_at(world, newly_held(before, slots))
    if urgent and world.now() > run.created_at + timedelta(seconds=world.patience.revive_seconds / 2):
        world.runs.point(run.id, world.now() + timedelta(seconds=world.patience.lease_seconds), run.created_at)
    alerting = is_event(world, run)
    if alerting and not ended:
        point_at_alerts(world, run.id)
    saved = world.runs.save(held, run, slots)
    if saved is None:
        return None
    for change in run.unsaved:
        say("transition", run=run.id, step=change.step, event=change.event, to=change.after, job=change.job_id)
    _follow_up(world, held.run, saved.run)
    if ended:
        _close(world, saved.run, newly_held(before, slots))
    elif alerting:
        publish_soon(world, run.id)
    return saved


def _follow_up(world: World, before: Run, after: Run) -> None:
    for old in before.steps:
        new = after.step(old.name)
        if old.status is StepStatus.RUNNING and new.status is not StepStatus.RUNNING:
            _ended(world, after, old, new)
    if after.wake_at is not None and after.wake_at != before.wake_at:
        delay = min(max(0.0, (after.wake_at - world.now()).total_seconds()), MAX_DELAY_SECONDS)
        world.queue.send(to_body(AdvanceMessage(after.id)), delay_seconds=delay)


def _ended(world: World, run: Run, old: Step, new: Step) -> None:
    """The step has let go of its job, which needs no more looks; how long it took helps to time the next."""
    assert old.job is not None
    definition = run.step_definition(old.name)
    world.places.unwatch(place_key(world.service_of(definition).place(definition)), old.job.id)
    if new.status is StepStatus.SUCCEEDED and new.started_at and new.finished_at:
        seconds = (new.finished_at - new.started_at).total_seconds()
        world.runs.add_duration(run.chain, old.name, seconds, KEPT_DURATIONS)


def _close(world: World, run: Run, promoted: tuple[str, ...]) -> None:
    """Wakes who may run now, and has the timer forget the run. Repeated after a crash, from the start."""
    if not promoted and run.definition.max_running is not None:
        promoted = world.runs.slots(run.chain).holders
    wake(world, promoted)
    announce_end(world, run.id)
    if run.backfill is not None:
        world.queue.send(to_body(BackfillMessage(run.backfill)))
    if world.alerts is None:
        world.runs.close(run)
        return
    world.runs.close(run, alerts_due(world, run.id))
    publish_soon(world, run.id)


def _close_again(world: World, run: Run) -> None:
    """With events to send, closing twice would send them twice: only what was not followed up is."""
    if world.alerts is None or world.runs.is_open(run.id):
        _close(world, run, ())


def _disown(world: World, run: Run, facts: tuple[Fact, ...]) -> None:
    """A job that was started, but came too late: its step went on with another. It must not run beside it."""
    for fact in facts:
        if not isinstance(fact, Started):
            continue
        step = run.step(fact.step)
        if step.status is StepStatus.STARTING or (step.job is not None and step.job.id == fact.job.id):
            continue
        say("job_disowned", level=logging.ERROR, run=run.id, step=step.name, job=fact.job.id)
        definition = run.step_definition(step.name)
        service = world.service_of(definition)
        world.places.unwatch(place_key(service.place(definition)), fact.job.id)
        try:
            service.cancel(definition, fact.job)
        except BatonError as error:
            say("disown_failed", level=logging.ERROR, run=run.id, job=fact.job.id, why=error.message)
