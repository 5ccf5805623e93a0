"""One look at a followed place: each job that ended there since the last look starts its runs, once."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shared.core.definition import Chain
from shared.core.errors import RefusedError, TryLaterError
from shared.core.follows import (
    Fate,
    Progress,
    SeenJob,
    asked_since,
    bounded,
    fate,
    is_new,
    job_context,
    merged,
    taken_in,
)
from shared.core.outputs import checked_output
from shared.core.run import FollowedJob, Trigger
from shared.core.templates import TemplateError, render
from shared.core.timing import backoff_seconds
from shared.core.values import value_problem
from shared.relay.following import Declared, declared_at, send_follow
from shared.relay.ours import Starts, Whose
from shared.relay.start import AlreadyRunningError, BadParametersError, PausedError, TooManyWaitingError, start
from shared.relay.world import World, log, say
from shared.storage.base import StorageUnavailableError, TooLargeError
from shared.store.follows import FollowedPlace, HeldPlace

STARTING_SHARE = 1 / 3  # of the time after which a look is taken for dead; what it cannot start by then waits
LONGEST_PAUSE_SECONDS = 300  # after looks that failed, unless the service wishes a longer one
MOST_RACES = 20


@dataclass(slots=True)
class Account:
    """What a look has done for one follow. `since`: from when on it asks. `waiting` keeps its window open."""

    declared: Declared
    progress: Progress
    since: datetime
    error: str | None
    handled: list[SeenJob] = field(default_factory=list)
    waiting: list[SeenJob] = field(default_factory=list)
    missed: list[SeenJob] = field(default_factory=list)


def look_at_followed(world: World, chains: Sequence[Chain], key: str, token: str) -> None:
    """Looks, and starts runs. A message with an old token does nothing; what fails is left to the next look."""
    held = world.follows.load(key)
    if held is None or held.followed.token != token:
        return
    now = world.now()
    accounts = _accounts(world, chains, held, now)
    if not accounts:
        return  # this process has a chains file that follows nothing here
    lease = now + timedelta(seconds=world.patience.revive_seconds)
    taken = world.follows.save(held, replace(held.followed, token=world.fresh_id(), next_look_at=lease))
    if taken is None:
        return  # a copy of this message looks already
    names = sorted({account.declared.follow.what for account in accounts.values()})
    place = accounts[min(accounts)].declared.place
    try:
        since = min(account.since for account in accounts.values())
        jobs = world.services(place.connection).jobs_since(place, names, since)
    except (RefusedError, TryLaterError) as error:
        _look_failed(world, taken, error, now)
        return
    in_time = _take_care(world, chains, key, sorted(jobs, key=lambda job: job.updated_at), accounts, now)
    for account in accounts.values():
        _tell_missed(account)
    saved = _saved(world, taken, accounts, looked_at=now)
    if saved is not None and not in_time:
        send_follow(world, saved)


def _accounts(world: World, chains: Sequence[Chain], held: HeldPlace, now: datetime) -> dict[str, Account]:
    found = {}
    for one in declared_at(world, chains).get(held.key, ()):
        progress = held.followed.progress.get(one.key)
        if progress is not None:
            found[one.key] = Account(one, progress, asked_since(progress, one.follow, now), progress.error)
    return found


def _take_care(
    world: World,
    chains: Sequence[Chain],
    key: str,
    jobs: Sequence[SeenJob],
    accounts: Mapping[str, Account],
    now: datetime,
) -> bool:
    """Every job goes to the account of every follow that it concerns. False: time was too short for all."""
    starts = Starts(world, chains, key)
    until = world.now() + timedelta(seconds=STARTING_SHARE * world.patience.revive_seconds)
    in_time = True
    for job in jobs:
        for account in accounts.values():
            if not _concerns(job, account):
                continue
            match fate(job, account.declared.follow, account.progress, now):
                case Fate.PASSED_OVER:
                    account.handled.append(job)
                case Fate.MISSED:
                    known = _is_known(world, account.declared, job, key)
                    (account.handled if known else account.missed).append(job)
                case Fate.UNKNOWN:
                    account.waiting.append(job)
                case Fate.COUNTS:
                    in_time = in_time and world.now() <= until
                    done = in_time and _is_done(world, account, starts, job, key, now)
                    (account.handled if done else account.waiting).append(job)
    return in_time


def _concerns(job: SeenJob, account: Account) -> bool:
    followed = account.declared.follow.what
    return job.what.casefold() == followed.casefold() and is_new(job, account.progress, account.since)


def _is_known(world: World, declared: Declared, job: SeenJob, key: str) -> bool:
    """Whether the job has its run, or is to have none."""
    ours = not declared.follow.own and world.places.owner(key, job.id) is not None
    return ours or world.runs.run_of(declared.chain.name, followed_cause(key, job.id)) is not None


def _is_done(world: World, account: Account, starts: Starts, job: SeenJob, key: str, now: datetime) -> bool:
    """Whether the job needs no further look: its run is there, or there shall be none."""
    chain = account.declared.chain.name
    try:
        if not account.declared.follow.own:
            whose = starts.whose(job, now)
            if whose is not Whose.OTHERS:
                return whose is Whose.BATON
        _start(world, account.declared, job, key)
        account.error = None
    except (AlreadyRunningError, PausedError) as error:
        say("follow_skipped", level=logging.WARNING, chain=chain, job=job.id, why=error)
    except (BadParametersError, TemplateError, TooLargeError) as error:
        say("follow_refused", level=logging.ERROR, chain=chain, job=job.id, why=error)
        account.error = f"Job {job.id} of {job.what!r} did not start chain {chain!r}: {error}"
    except (TooManyWaitingError, StorageUnavailableError) as error:
        say("follow_put_off", level=logging.WARNING, chain=chain, job=job.id, why=error)
        return False
    except Exception:  # noqa: BLE001
        # One job's trouble must not keep the others waiting; it is met again at the next look.
        log.exception("action=follow_failed chain=%s job=%s", chain, job.id)
        return False
    return True


def _start(world: World, declared: Declared, job: SeenJob, key: str) -> None:
    followed = _followed(declared, job)
    parameters = render(dict(declared.follow.parameters), {"job": job_context(followed)})
    trigger = Trigger(type="pipeline", time=job.end, job=followed)
    run, is_new_run = start(
        world, declared.chain, trigger, parameters, cause=followed_cause(key, job.id), inline=False
    )
    if is_new_run:
        say("run_followed", run=run.id, job=job.id, status=job.status)


def followed_cause(place: str, job_id: str) -> str:
    """One run of a chain for one job at a place. `place`: its key."""
    return f"job {place} {job_id}"


def _followed(declared: Declared, job: SeenJob) -> FollowedJob:
    """The job as runs carry it. An output that is too large for a run is left out."""
    problem = value_problem(dict(job.parameters))
    if problem is not None:
        raise BadParametersError((f"the job's parameters: {problem}",))
    assert job.verdict is not None
    follow = declared.follow
    return FollowedJob(
        id=job.id,
        connection=follow.connection.name,
        status=job.status,
        outcome=job.verdict.value,
        link=job.link,
        pipeline=follow.pipeline,
        item=follow.item,
        job_type=follow.job_type,
        started_at=job.started_at,
        ended_at=job.ended_at,
        invoked_by=job.invoked_by,
        parameters=job.parameters,
        output=None if checked_output(job.output, ()) else job.output,
    )


def _tell_missed(account: Account) -> None:
    """Jobs that ended before the catch-up window; and a time in it of which nobody knows what ended then."""
    declared, missed = account.declared, account.missed
    unseen_from = account.progress.done_until if account.progress.done_until < account.since else None
    if missed or unseen_from:
        say(
            "follow_missed",
            level=logging.WARNING,
            chain=declared.chain.name,
            what=declared.follow.what,
            jobs=len(missed),
            first=missed[0].end if missed else None,
            unseen_from=unseen_from,
            unseen_to=account.since if unseen_from else None,
        )
    account.handled += missed


def _look_failed(world: World, held: HeldPlace, error: RefusedError | TryLaterError, now: datetime) -> None:
    """No verdict on any job: the windows stay, and the next look is as far away as the service wishes."""
    wished = (error.after_seconds or 0) if isinstance(error, TryLaterError) else 0
    backoff = backoff_seconds(held.followed.failures, first=30, most=LONGEST_PAUSE_SECONDS)
    pause = max(wished, backoff)
    say(
        "follow_look_failed",
        level=logging.WARNING,
        place=held.key,
        code=error.code,
        why=error.message,
        again_in=pause,
    )
    text = f"{error.code}: {error.message}"
    failed = replace(held.followed, failures=held.followed.failures + 1, error=text)
    world.follows.save(held, replace(failed, next_look_at=now + timedelta(seconds=pause)))


def _saved(
    world: World, held: HeldPlace, accounts: Mapping[str, Account], *, looked_at: datetime
) -> HeldPlace | None:
    """What the look has done, put together with what others did meanwhile. None: others look now."""
    mine = {
        key: taken_in(
            account.progress,
            looked_at=looked_at,
            handled=account.handled,
            waiting=account.waiting,
            error=account.error,
        )
        for key, account in accounts.items()
    }
    token, fresh = held.followed.token, world.fresh_id()
    there: HeldPlace | None = held
    for _ in range(MOST_RACES):
        if there is None:
            return None
        is_mine = there.followed.token == token
        result = replace(there.followed, progress=_together(there.followed, mine), failures=0, error=None)
        if is_mine:
            result = replace(result, token=fresh, next_look_at=looked_at)
        saved = world.follows.save(there, result)
        if saved is not None:
            return saved if is_mine else None
        there = world.follows.load(held.key)
    return None


def _together(there: FollowedPlace, mine: Mapping[str, Progress]) -> dict[str, Progress]:
    progress = dict(there.progress)
    for key, one in mine.items():
        if key in progress:
            progress[key] = merged(progress[key], one)
    return bounded(progress)
