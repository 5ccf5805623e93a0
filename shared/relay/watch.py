"""One look at a place: what the service says of all its jobs, taken to their runs."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.core.callbacks import without_tokens
from shared.core.errors import RefusedError, TryLaterError
from shared.core.facts import Observation, Observed, Verdict
from shared.core.pace import SHORTEST_SECONDS, Waiting, crowd_seconds, seconds_to_next_look
from shared.core.run import Error, Run, StepStatus
from shared.core.timing import MISSING_SECONDS, Patience, backoff_seconds
from shared.ports import WatchedJob
from shared.relay.advance import advance
from shared.relay.messages import AdvanceMessage, to_body
from shared.relay.watching import MOST_RACES, send_watch
from shared.relay.world import World, log, say
from shared.store.places import HeldWatch, Watch

OVERLAP = timedelta(minutes=2)  # updates may show late, and clocks differ
WIDE_SECONDS = 300  # after which a look asks for everything again, whatever was missed
TELLING_SHARE = 1 / 3  # of the time after which a look is taken for dead; what it cannot tell by then waits


def look(world: World, key: str, token: str) -> None:
    """Looks, tells the runs, and schedules the next look. A message with an old token does nothing."""
    held = world.places.watch(key)
    if held is None or not held.watch.active or held.watch.token != token:
        return
    jobs = world.places.watched(key)
    now = world.now()
    if not jobs:
        _rest(world, held, now)
        return
    taken = world.places.save(held, replace(held.watch, token=world.fresh_id(), next_look_at=now))
    if taken is None:
        return  # a copy of this message looks already, or a later message has been sent
    held = taken
    since = _since(held.watch, jobs, now, world.patience)
    try:
        seen = world.services(held.watch.place.connection).observe(held.watch.place, jobs, since)
    except (RefusedError, TryLaterError) as error:
        _look_failed(world, held, error, now)
        return
    told = _tell(world, key, jobs, seen, wide=since is None)
    connection = held.watch.place.connection
    apart = max(crowd_seconds(len(jobs)), world.budgets.spacing_seconds(world.places, key, connection, now))
    watch = replace(held.watch, spacing_seconds=apart, failures=0, refusals=0)
    watch = replace(watch, failing_since=None, error=None, not_before=None)
    if not (told.failed or told.more):  # else what was not told is asked for again
        watch = replace(watch, looked_at=now, wide_at=now if since is None else watch.wide_at)
    pause = seconds_to_next_look([_waiting(job, now) for job in told.left]) if told.left else SHORTEST_SECONDS
    pause = SHORTEST_SECONDS if told.more else max(pause, apart)
    _schedule(world, held, replace(watch, next_look_at=world.now() + timedelta(seconds=pause)))


def _since(watch: Watch, jobs: Sequence[WatchedJob], now: datetime, patience: Patience) -> datetime | None:
    """Ask for what changed after this time; None: for everything, also when a message with an end has got lost."""
    if watch.looked_at is None or watch.wide_at is None or now >= watch.wide_at + timedelta(seconds=WIDE_SECONDS):
        return None
    if any(job.told_at is not None and not _is_on_its_way(job, now, patience) for job in jobs):
        return None
    news = [job.began_at for job in jobs if job.registered_at >= watch.looked_at]
    return min([watch.looked_at, *news]) - OVERLAP


@dataclass(frozen=True, slots=True)
class Told:
    """The jobs still under way; whether something could not be learned or told; whether time was too short."""

    left: Sequence[WatchedJob]
    failed: bool
    more: bool


def _tell(
    world: World, key: str, jobs: Sequence[WatchedJob], seen: Mapping[str, Observation], *, wide: bool
) -> Told:
    """Takes the observations to their runs, for no longer than TELLING_SHARE allows."""
    left: list[WatchedJob] = []
    budget, failed, more = world.inline_advances, False, False
    until = world.now() + timedelta(seconds=TELLING_SHARE * world.patience.revive_seconds)
    for watched in jobs:
        observation = seen.get(watched.job.id)
        failed = failed or (observation is not None and not observation.learned)
        job = _counted(world, key, watched, shown=observation is not None, wide=wide)
        observation = observation or (_lost(job, world.now()) if wide else None)
        if not _is_news(job, observation, world.now(), world.patience):
            left.append(job)
            continue
        told = _observed(job, observation)
        if budget > 0 or told is None:
            budget -= 1
            ended, worked = _told_inline(world, key, job, told)
            failed = failed or not worked
        elif world.now() > until:
            ended, more = False, True
        else:
            # Noted first: its message may have been handled, and the job let go, before `send` comes back. That a
            # job runs is told once: a run that does not hear it lacks a word; one that misses an end hangs.
            matters = told.observation.verdict is not Verdict.ACTIVE or _past(job.deadline_at, world.now())
            told_at = world.now() if matters else None
            world.places.update(key, replace(job, job=told.job, told_at=told_at))
            world.queue.send(to_body(AdvanceMessage(job.run_id, told)))
            ended = False
        if not ended:
            left.append(job)
    return Told(left, failed, more)


def _told_inline(world: World, key: str, job: WatchedJob, told: Observed | None) -> tuple[bool, bool]:
    """Whether the job needs no more looks, and whether its run could be told."""
    try:
        run = advance(world, job.run_id, *([told] if told else []))
        if run is None or not _still_runs(run, job):
            world.places.unwatch(key, job.job.id)
            return True, True
        if told is not None and told.observation.verdict is Verdict.ACTIVE:
            world.places.update(key, replace(job, job=told.job))
    except Exception:  # noqa: BLE001
        # One run's trouble must not keep the others waiting; the job stays watched, so it is told again.
        log.exception("action=tell_failed run=%s step=%s", job.run_id, job.step)
        return False, False
    return False, True


def _is_news(job: WatchedJob, observation: Observation | None, now: datetime, patience: Patience) -> bool:
    if observation is None:
        return _past(job.deadline_at, now)
    if observation.status != job.job.status:
        return True
    if _is_on_its_way(job, now, patience):
        return False
    return observation.verdict is not Verdict.ACTIVE or _past(job.deadline_at, now)


def _is_on_its_way(job: WatchedJob, now: datetime, patience: Patience) -> bool:
    """Whether a message with its end may still reach its run."""
    return job.told_at is not None and now < job.told_at + timedelta(seconds=patience.revive_seconds)


def _past(deadline: datetime | None, now: datetime) -> bool:
    return deadline is not None and now >= deadline


def _observed(job: WatchedJob, observation: Observation | None) -> Observed | None:
    if observation is None:
        return None
    told = replace(job.job, status=observation.status)
    error = observation.error and Error(observation.error.code, without_tokens(observation.error.message))
    observation = replace(observation, output=without_tokens(observation.output), error=error)
    return Observed(step=job.step, attempt=job.attempt, job=told, observation=observation)


def _counted(world: World, key: str, job: WatchedJob, *, shown: bool, wide: bool) -> WatchedJob:
    """Notes since when looks at everything do not show the job: being shown once ends that."""
    since = None if shown else job.missing_since or (world.now() if wide else None)
    if since != job.missing_since:
        job = replace(job, missing_since=since)
        world.places.update(key, job)
    return job


def _lost(job: WatchedJob, now: datetime) -> Observation | None:
    if job.missing_since is None or now < job.missing_since + timedelta(seconds=MISSING_SECONDS):
        return None
    minutes = MISSING_SECONDS // 60
    text = (
        f"The service accepted the start as job {job.job.id}, but has not shown that job for {minutes} minutes."
        " It may still run there: look before you start it again."
    )
    return Observation(verdict=Verdict.LOST, status=job.job.status, error=Error("job_missing", text))


def _still_runs(run: Run, job: WatchedJob) -> bool:
    step = run.step(job.step)
    if step.status is StepStatus.STARTING:
        return True  # booked, and not saved yet
    return step.status is StepStatus.RUNNING and step.job is not None and step.job.id == job.job.id


def _waiting(job: WatchedJob, now: datetime) -> Waiting:
    left = (job.deadline_at - now).total_seconds() if job.deadline_at else None
    return Waiting((now - job.began_at).total_seconds(), job.past_seconds, left if left and left > 0 else None)


def _look_failed(world: World, held: HeldWatch, error: RefusedError | TryLaterError, now: datetime) -> None:
    """No verdict on any job: the next look is as far away as the service wishes."""
    wished = (error.after_seconds or 0) if isinstance(error, TryLaterError) else 0
    pause = max(wished, backoff_seconds(held.watch.failures))
    say("look_failed", level=logging.WARNING, place=held.key, code=error.code, why=error.message, again_in=pause)
    text = f"{error.code}: {error.message}"
    not_before = now + timedelta(seconds=wished) if wished else None
    watch = replace(
        held.watch,
        failures=held.watch.failures + 1,
        refusals=held.watch.refusals + 1 if isinstance(error, RefusedError) else 0,
        failing_since=held.watch.failing_since or now,
        error=text,
        not_before=not_before,
    )
    _schedule(world, held, replace(watch, next_look_at=now + timedelta(seconds=pause)))


def _schedule(world: World, held: HeldWatch, watch: Watch) -> None:
    """Saves what this look learned with a new token, and sends it. Who was faster has scheduled a look too."""
    fresh = replace(watch, token=world.fresh_id())
    if world.places.save(held, fresh) is not None:
        send_watch(world, held.key, fresh)
        return
    for _ in range(MOST_RACES):
        other = world.places.watch(held.key)
        if other is None:
            return
        merged = replace(
            other.watch,
            looked_at=watch.looked_at,
            wide_at=watch.wide_at,
            spacing_seconds=watch.spacing_seconds,
            failures=watch.failures,
            refusals=watch.refusals,
            failing_since=watch.failing_since,
            error=watch.error,
            not_before=watch.not_before,
        )
        if world.places.save(other, merged) is not None:
            return


def _rest(world: World, held: HeldWatch, now: datetime) -> None:
    """No jobs: no message, no cost. The timer drops the watch later, if it is still idle then."""
    resting = world.places.save(
        held, replace(held.watch, active=False, next_look_at=now, looked_at=None, wide_at=None, spacing_seconds=0)
    )
    if resting is not None and world.places.watched(held.key):
        _schedule(world, resting, replace(resting.watch, active=True, next_look_at=now))
