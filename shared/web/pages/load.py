"""Reads what pages show, with a number of storage operations that does not grow with chains or runs."""

from __future__ import annotations

from itertools import islice

from shared.app import Baton
from shared.core.deadlines import Late
from shared.core.ids import CHAIN_NAME
from shared.core.past import Pasts
from shared.core.run import Run, RunStatus, StepStatus
from shared.core.trouble import Trouble
from shared.relay.pause import paused
from shared.relay.trouble import trouble_of
from shared.relay.world import World, log
from shared.web.answer import Mistake, ProblemError
from shared.web.limits import CURSOR
from shared.web.pages.chain_page import ChainPage, chain_page
from shared.web.pages.overview import Overview, Stored, overview
from shared.web.pages.run_page import RunView, run_page

MOST_CHAINS = 2_000
MOST_UNDER_WAY = 1_000
MOST_LOADED = 8
NEWEST_LINES = 200
MOST_TROUBLES = 5
MOST_DURATIONS = 10
ROWS = 50


def load_overview(baton: Baton) -> Overview:
    """A handful of reads: pasts, pointers, the newest lines, watches, troubles, and some runs under way."""
    world = baton.world
    pasts = Pasts(world.runs.pasts(MOST_CHAINS))
    for line in world.runs.newest_lines(NEWEST_LINES):
        pasts.add(line)
    under_way, more = world.runs.under_way(MOST_UNDER_WAY)
    stored = Stored(
        pasts=pasts,
        under_way=under_way,
        more_under_way=more,
        loaded=_loaded(world, under_way),
        look_errors=_look_errors(world),
        troubles=_troubles(world, frozenset(under_way)),
        late=late_chains(baton),
        paused=frozenset(pause.chain for pause in world.pauses.all() if pause.lasts(world.now())),
    )
    return overview(baton.chains_file, stored, world.now())


def late_chains(baton: Baton) -> dict[str, Late]:
    """The deadlines that have been missed, by chain: one read where there are deadlines at all."""
    if not any(chain.deadline for chain in baton.chains_file.chains.values()):
        return {}
    held = baton.world.deadlines.standings().values()
    return {one.chain: one.standing.late for one in held if one.standing.late is not None}


def load_run(baton: Baton, run_id: str) -> RunView:
    """One run. Raises ProblemError when there is none, or when it cannot be read."""
    world = baton.world
    try:
        held = world.runs.load(run_id)
    except ValueError as error:
        log.exception("action=run_unreadable run=%s", run_id)
        raise ProblemError(500, f"Run {run_id} is stored in a form that this version cannot read.") from error
    if held is None:
        raise ProblemError(404, f"There is no run {run_id[:200]!r}.")
    run = held.run
    under_way = [step.name for step in run.steps if step.status is StepStatus.RUNNING][:MOST_DURATIONS]
    durations = {name: world.runs.durations(run.chain, name) for name in under_way}
    trouble = trouble_of(world, run_id) if run.status is RunStatus.RUNNING else None
    return run_page(run, world.runs.transitions(run_id), durations, trouble, world.now())


def load_chain(
    baton: Baton,
    name: str,
    query: dict[str, str],
    said: dict[str, str] | None = None,
    mistakes: tuple[Mistake, ...] = (),
) -> ChainPage:
    """One chain with a page of its runs. Raises ProblemError when nothing is known of it."""
    chain = baton.chains_file.chains.get(name)
    status, cursor = _asked(query)
    if chain is None and not CHAIN_NAME.fullmatch(name):
        raise _no_chain(baton, name)
    past = baton.world.runs.past(name)
    page = baton.world.runs.newest_of(name, status=status, limit=ROWS, cursor=cursor)
    if chain is None and not page.runs and not past.lines:
        raise _no_chain(baton, name)
    return chain_page(
        name,
        chain,
        past,
        page.runs,
        status=status,
        cursor=cursor,
        older=page.cursor,
        said=said or {},
        mistakes=mistakes,
        now=baton.world.now(),
        late=late_chains(baton).get(name),
        paused=paused(baton.world, name) is not None,
    )


def _no_chain(baton: Baton, name: str) -> ProblemError:
    declared = ", ".join(sorted(baton.chains_file.chains)) or "none"
    return ProblemError(404, f"There is no chain {name[:200]!r}. Declared are: {declared}.")


def _asked(query: dict[str, str]) -> tuple[RunStatus | None, str | None]:
    """What does not fit is left out: a page is better than a complaint."""
    status, cursor = query.get("status"), query.get("cursor") or None
    known = RunStatus(status) if status in set(RunStatus) else None
    return known, cursor if cursor and CURSOR.fullmatch(cursor) else None


def _loaded(world: World, run_ids: tuple[str, ...]) -> list[Run]:
    """Some of the runs under way, those that began first; one that has just ended is left out."""
    found = []
    for run_id in sorted(run_ids, key=lambda each: each.split(".")[1:2])[:MOST_LOADED]:
        try:
            held = world.runs.load(run_id)
        except ValueError:
            continue  # of a later version: its own page says so
        if held is not None and held.run.status is RunStatus.RUNNING:
            found.append(held.run)
    return found


def _look_errors(world: World) -> dict[str, str]:
    """By connection, why the last looks at it did not work."""
    watches = (held.watch for held in world.places.watches())
    return {watch.place.connection.name: watch.error for watch in watches if watch.error is not None}


def _troubles(world: World, under_way: frozenset[str]) -> list[Trouble]:
    """Of runs under way that do not go on."""
    some = islice(world.troubles.all(), MOST_UNDER_WAY)
    noted = [trouble for trouble in some if trouble.run_id in under_way][:MOST_TROUBLES]
    lasting = (trouble_of(world, trouble.run_id) for trouble in noted if trouble.run_id is not None)
    return [trouble for trouble in lasting if trouble is not None]
