"""The three things that Baton does to a service on a run's behalf, each answered by a fact."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from shared.core.apply import call_ends, grace_ends
from shared.core.decide import Effect, FindJob, StartJob, StopJob, correlation_of, ready_at
from shared.core.errors import RefusedError, TryLaterError, UnclearError
from shared.core.facts import (
    Fact,
    LookFailed,
    NotFound,
    PutOff,
    Refused,
    Started,
    StopFailed,
    StopSent,
    Unclear,
)
from shared.core.pace import SHORTEST_SECONDS, seconds_to_next_look
from shared.core.pace import Waiting as WaitingJob
from shared.core.run import Error, Intent, Job, Run, Step
from shared.core.timing import Patience
from shared.ports import Order, WatchedJob
from shared.relay.watching import ensure_watch
from shared.relay.world import World, say
from shared.store.places import place_key

# What began well before the intent, or well after its call, is hardly ours: it is taken only when nothing nearer
# has shown up in time. Clocks may differ by as much as FAR.
NEAR = timedelta(seconds=2)
FAR = timedelta(seconds=30)


def perform(world: World, run: Run, effect: Effect) -> Fact:
    """What came of it. Storage errors pass through: what they leave undone is found and finished later."""
    match effect:
        case StartJob():
            return _start(world, run, run.step(effect.step))
        case FindJob():
            return _find(world, run, run.step(effect.step))
        case StopJob():
            return _stop(world, run, run.step(effect.step))


def _start(world: World, run: Run, step: Step) -> Fact:
    intent = _intent(step)
    fence = intent.at + timedelta(seconds=world.patience.fence_seconds)
    try:
        order = _order(world, run, step, intent)
        job = world.service_of(order.definition).start(order, lambda: world.now() <= fence)
    except RefusedError as error:
        say("start_refused", level=logging.ERROR, run=run.id, step=step.name, code=error.code, why=error.message)
        return Refused(step=step.name, intent=intent.id, error=Error(error.code, error.message))
    except TryLaterError as error:
        say("start_put_off", level=logging.WARNING, run=run.id, step=step.name, code=error.code, why=error.message)
        told = Error(error.code, error.message)
        return PutOff(step=step.name, intent=intent.id, error=told, after_seconds=error.after_seconds)
    except UnclearError as error:
        say("start_unclear", level=logging.WARNING, run=run.id, step=step.name, code=error.code, why=error.message)
        return Unclear(step=step.name, intent=intent.id, error=Error(error.code, error.message))
    if not _book(world, run, step, job):
        text = f"The service answered with job {job.id}, which belongs to another step; looking for ours."
        say("start_conflict", level=logging.WARNING, run=run.id, step=step.name, job=job.id)
        return Unclear(step=step.name, intent=intent.id, error=Error("known_job", text))
    say("job_started", run=run.id, step=step.name, attempt=step.attempt, job=job.id)
    return Started(step=step.name, intent=intent.id, job=job)


def _find(world: World, run: Run, step: Step) -> Fact:
    intent = _intent(step)
    looked_at = world.now()
    try:
        order = _wanted(_order(world, run, step, intent), intent, looked_at, world.patience)
        found = world.service_of(order.definition).find_started(order)
    except (RefusedError, TryLaterError) as error:
        say("find_failed", level=logging.WARNING, run=run.id, step=step.name, code=error.code, why=error.message)
        told = Error(error.code, error.message)
        after = error.after_seconds if isinstance(error, TryLaterError) else None
        return LookFailed(step=step.name, intent=intent.id, error=told, after_seconds=after)
    for job in found:
        if _book(world, run, step, job):
            say("job_adopted", run=run.id, step=step.name, attempt=step.attempt, job=job.id)
            return Started(step=step.name, intent=intent.id, job=job)
    booked = _booked(world, run, step) if looked_at >= grace_ends(intent, world.patience) else None
    if booked is not None and _book(world, run, step, booked):  # again: perhaps it is not watched yet
        say("job_remembered", level=logging.WARNING, run=run.id, step=step.name, job=booked.id)
        return Started(step=step.name, intent=intent.id, job=booked)
    return NotFound(step=step.name, intent=intent.id, looked_at=looked_at)


def _wanted(order: Order, intent: Intent, looked_at: datetime, patience: Patience) -> Order:
    """The order with when its job may have begun: near its call, and in the last look as far as can be."""
    if looked_at >= grace_ends(intent, patience):
        return replace(order, clocks_differ=FAR, latest_at=call_ends(intent, patience) + FAR)
    left_at = intent.unclear_at or intent.at + timedelta(seconds=patience.fence_seconds)
    return replace(order, clocks_differ=NEAR, latest_at=left_at + NEAR)


def _stop(world: World, run: Run, step: Step) -> Fact:
    assert step.job is not None
    definition = run.step_definition(step.name)
    service = world.service_of(definition)
    try:
        service.cancel(definition, step.job)
    except (RefusedError, TryLaterError) as error:
        say("stop_failed", level=logging.WARNING, run=run.id, step=step.name, job=step.job.id, code=error.code)
        told = Error(error.code, error.message)
        if error.code == "not_cancellable":
            return StopSent(step=step.name, job_id=step.job.id, error=told)
        after = error.after_seconds if isinstance(error, TryLaterError) else None
        return StopFailed(step=step.name, job_id=step.job.id, error=told, after_seconds=after)
    say("stop_sent", run=run.id, step=step.name, job=step.job.id)
    look_at = world.now() + timedelta(seconds=SHORTEST_SECONDS)
    ensure_watch(world, service.place(definition), look_at, urgent=True)
    return StopSent(step=step.name, job_id=step.job.id)


def _book(world: World, run: Run, step: Step, job: Job) -> bool:
    """Claims the job for this attempt and has it watched. False when it belongs to another."""
    intent = _intent(step)
    definition = run.step_definition(step.name)
    place = world.service_of(definition).place(definition)
    now = world.now()
    began_at = step.began_at or intent.at
    past = world.runs.durations(run.chain, step.name)
    watched = WatchedJob(
        run_id=run.id,
        step=step.name,
        attempt=step.attempt,
        job=job,
        began_at=intent.at,
        registered_at=now,
        past_seconds=past,
        deadline_at=began_at + timedelta(seconds=definition.timeout_seconds),
    )
    if not world.places.claim(place_key(place), watched, correlation_of(run, step)):
        return False
    pause = seconds_to_next_look([WaitingJob((now - intent.at).total_seconds(), past)])
    ensure_watch(world, place, now + timedelta(seconds=max(pause, job.first_look_seconds or 0)))
    return True


def _booked(world: World, run: Run, step: Step) -> Job | None:
    """The job that this attempt has claimed, where whoever started it died before it could save that.

    A service that does not list it, however long, is no reason to start a second one.
    """
    definition = run.step_definition(step.name)
    key = place_key(world.service_of(definition).place(definition))
    attempt = (run.id, step.name, step.attempt)
    return next((w.job for w in world.places.watched(key) if (w.run_id, w.step, w.attempt) == attempt), None)


def _order(world: World, run: Run, step: Step, intent: Intent) -> Order:
    return Order(
        run_id=run.id,
        definition=run.step_definition(step.name),
        attempt=step.attempt,
        parameters=world.callbacks.parameters(run, step),
        intended_at=intent.at,
        ready_at=ready_at(run, step),
        correlation=correlation_of(run, step),
        put_offs=step.tries,
        continues=step.continues,
    )


def _intent(step: Step) -> Intent:
    assert step.intent is not None
    return step.intent
