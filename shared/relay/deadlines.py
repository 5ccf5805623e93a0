"""Once a minute: who has missed a deadline, and who has made up for it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from shared.core.alert_data import RunLate, RunRecovered, RunUnderWay, json_ready
from shared.core.alerts import LATE, RECOVERED, Alert, link_of
from shared.core.deadlines import Late, Standing, latest_window, meets, missed, usual_left_seconds
from shared.core.definition import Chain
from shared.core.run import Run, RunStatus
from shared.relay.messages import PublishMessage, to_body
from shared.relay.world import World, say
from shared.store.deadlines import HeldStanding

PAGE = 50
MOST_TOLD = 10  # runs under way that an alert names
FORGOTTEN = timedelta(minutes=15)  # a deadline that was away for longer, and comes back, is a new one


@dataclass(frozen=True, slots=True)
class WentLate:
    """A deadline has passed, and no run had succeeded."""

    late: Late
    under_way: tuple[RunUnderWay, ...]


@dataclass(frozen=True, slots=True)
class CameIn:
    """The run that a late chain was waiting for has succeeded."""

    late: Late
    run: Run


News = WentLate | CameIn | None


def keep_deadlines(world: World, declared: Mapping[str, Chain]) -> Iterator[Callable[[], object]]:
    """What is to be done for each chain that has, or had, a deadline: one by one, so that no failure spreads."""
    standings = world.deadlines.standings()
    for name, chain in declared.items():
        yield partial(keep_deadline, world, chain, standings.get(name))
    for name, held in standings.items():
        if name not in declared:
            yield partial(leave_deadline, world, held)


def keep_deadline(world: World, chain: Chain, held: HeldStanding | None) -> None:
    """Judges the latest deadline that has passed, and sees whether a late chain has come in.

    A new deadline counts from now on, a changed one too; but what was due by the one before is still judged: while
    a deploy is under way, ticks with the old file and the new take turns.
    """
    assert chain.deadline is not None
    now = world.now()
    if held is None or _was_away(held.standing, now):
        new = Standing(chain.deadline, now)
        world.deadlines.save(HeldStanding(chain.name, new, held.etag if held else ""))
        return
    standing, news = _judged(world, chain.name, held.standing, now)
    if standing.deadline != chain.deadline:
        standing = replace(standing, deadline=chain.deadline, judged_until=now)
    standing = replace(standing, absent_since=None)
    if news is not None:
        standing = replace(standing, told=standing.told + 1)
    if standing != held.standing:
        _save(world, replace(held, standing=standing), news)


def leave_deadline(world: World, held: HeldStanding) -> None:
    """No chain of that name declares a deadline any more: noted once."""
    if held.standing.absent_since is None:
        world.deadlines.save(replace(held, standing=replace(held.standing, absent_since=world.now())))


def _was_away(standing: Standing, now: datetime) -> bool:
    return standing.absent_since is not None and standing.absent_since + FORGOTTEN < now


def _judged(world: World, chain: str, standing: Standing, now: datetime) -> tuple[Standing, News]:
    window = latest_window(standing.deadline, standing.judged_until, now)
    if window is None and standing.late is None:
        return standing, None
    begins_at = window.begins_at if window else standing.late.begins_at if standing.late else now
    met = _met_by(world, chain, begins_at, standing.made_up_by)
    if window is not None:
        standing = replace(standing, judged_until=window.due_at)
        if met is None:
            late = missed(standing, window)
            return replace(standing, late=late), WentLate(late, _under_way(world, chain, begins_at))
    if met is None or standing.late is None:
        return standing, None
    return replace(standing, late=None, made_up_by=met.id), CameIn(standing.late, met)


def _met_by(world: World, chain: str, begins_at: datetime, spent: str | None) -> Run | None:
    """The first run to succeed for a time since then, but for one that has made up for an earlier deadline."""
    found = [run for run in _runs_since(world, chain, begins_at) if meets(run, begins_at) and run.id != spent]
    return min(found, key=lambda run: run.finished_at or world.now(), default=None)


def _runs_since(world: World, chain: str, begins_at: datetime) -> Iterator[Run]:
    """Those that were created since then, newest first: no run is for a time after its creation."""
    cursor: str | None = None
    while True:
        page = world.runs.newest_of(chain, status=None, limit=PAGE, cursor=cursor)
        for run in page.runs:
            if run.created_at < begins_at:
                return
            yield run
        cursor = page.cursor
        if cursor is None:
            return


def _under_way(world: World, chain: str, begins_at: datetime) -> tuple[RunUnderWay, ...]:
    running = [run for run in _runs_since(world, chain, begins_at) if run.status is RunStatus.RUNNING]
    usual = {step.name: world.runs.durations(chain, step.name) for run in running[:1] for step in run.steps}
    return tuple(
        RunUnderWay(
            run_id=run.id,
            started_at=run.created_at,
            left_seconds=usual_left_seconds(run, usual, world.now()),
            link=link_of(run.id),
        )
        for run in running[:MOST_TOLD]
    )


def _save(world: World, held: HeldStanding, news: News) -> None:
    """The standing with its event, which is on its way soon."""
    alert = None if news is None or world.alerts is None else _alert(held, news, world.now())
    if not world.deadlines.save(held, alert):
        return
    if alert is not None:
        world.queue.send(to_body(PublishMessage()))
    match news:
        case WentLate(late, under_way):
            say("run_late", level=logging.WARNING, chain=held.chain, due=late.due_at, running=len(under_way))
        case CameIn(late, run):
            say("run_recovered", chain=held.chain, due=late.due_at, run=run.id)


def _alert(held: HeldStanding, news: WentLate | CameIn, now: datetime) -> Alert:
    kind = LATE if isinstance(news, WentLate) else RECOVERED
    return Alert(
        id=f"{kind}.{held.chain}.{news.late.due_at:%Y%m%dT%H%M%SZ}",
        type=kind,
        subject=f"chains/{held.chain}",
        time=now,
        sequence=held.standing.told,
        data=json_ready(_data(held.chain, news, now)),
    )


def _data(chain: str, news: WentLate | CameIn, now: datetime) -> RunLate | RunRecovered:
    late = news.late
    if isinstance(news, WentLate):
        return RunLate(chain=chain, due_at=late.due_at, late_since=late.since, running=news.under_way)
    finished_at = news.run.finished_at or now
    return RunRecovered(
        chain=chain,
        due_at=late.due_at,
        late_since=late.since,
        run_id=news.run.id,
        finished_at=finished_at,
        late_seconds=round((finished_at - late.since).total_seconds(), 3),
        link=link_of(news.run.id),
    )
