"""An event arrives: every chain that waits for such a one gets a run, once, however often it is delivered.

What may work later is raised, so that whoever delivers comes again; what never will is taken, told and shown.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from shared.core.definition import Chain, EventPattern
from shared.core.events import Event, carry_problem, cause_of, event_context, matches_of, trigger_time
from shared.core.run import Trigger
from shared.core.templates import TemplateError, render
from shared.relay.start import (
    AlreadyRunningError,
    BadParametersError,
    PausedError,
    known_run,
    start,
)
from shared.relay.world import World, log, say
from shared.storage.base import StorageError, TooLargeError
from shared.store.events import RefusedEvent

SHOWN = timedelta(days=1)  # how long a refused event is somebody's trouble, unless the chain takes one before


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What became of one event. `runs`: the ids of its runs, also of those that an earlier delivery started."""

    runs: tuple[str, ...] = ()
    matched: bool = True
    refused: tuple[str, ...] = ()  # why chains that match cannot have a run of it, now or ever
    skipped: tuple[str, ...] = ()  # chains whose `overlap: skip` took no further run


class _RefusedEventError(Exception):
    """No run of the chain can be made of the event, ever."""


def on_event(world: World, chains: Iterable[Chain], event: Event) -> Received:
    """Starts a run of every chain that the event matches; those that have one of it keep it.

    Raises what went wrong (StorageError, TooManyWaitingError, ...) when a run is still missing that may come to be
    later: the runs that exist by then are found again.
    """
    matched = [(chain, *found) for chain in chains if (found := next(matches_of(chain, event), None))]
    if not matched:
        return Received(matched=False)
    runs: list[str] = []
    refused: list[str] = []
    skipped: list[str] = []
    later: list[Exception] = []
    for chain, index, pattern in matched:
        try:
            runs.append(_started(world, chain, pattern, event))
        except _RefusedEventError as error:
            refused.append(_refuse(world, chain, index, event, error))
        except (AlreadyRunningError, PausedError) as error:
            say("event_skipped", level=logging.WARNING, chain=chain.name, event=_shown(event.id), why=error)
            skipped.append(chain.name)
        except Exception as error:  # noqa: BLE001 - raised below: one chain must not keep the others waiting
            say("event_put_off", level=logging.WARNING, chain=chain.name, event=_shown(event.id), why=error)
            later.append(error)
    if later:
        raise later[0]
    return Received(runs=tuple(runs), refused=tuple(refused), skipped=tuple(skipped))


def _started(world: World, chain: Chain, pattern: EventPattern, event: Event) -> str:
    """The id of the chain's run of this event. Raises _RefusedEventError, and what `start` raises."""
    cause = cause_of(event)
    known = known_run(world, chain.name, cause)
    if known is not None:
        return known.id
    problem = carry_problem(event)
    if problem is not None:
        raise _RefusedEventError(problem)
    trigger = Trigger(type="event", time=trigger_time(event, world.now()), event=event)
    try:
        said = render(pattern.parameters, {"event": event_context(event)})
        return start(world, chain, trigger, said, cause=cause, inline=False)[0].id
    except (TemplateError, BadParametersError) as error:
        raise _RefusedEventError(str(error)) from error
    except TooLargeError as error:
        raise _RefusedEventError(f"the run would be too large to keep: {error}") from error


def _refuse(world: World, chain: Chain, index: int, event: Event, error: Exception) -> str:
    place = f"chains.{chain.name}.events[{index}]"
    why = (
        f"event {_shown(event.id)} of {_shown(event.type)} started no run: {error}. Mend the pattern's parameters"
    )
    _note(world, RefusedEvent(chain=chain.name, place=place, at=world.now(), why=why))
    return f"{place}: {why}"


def note_unusable(world: World, why: str) -> None:
    """A delivery that is no event: taken, as it would be none the next time either."""
    _note(world, RefusedEvent(chain=None, place="on_event", at=world.now(), why=f"a delivery was no event: {why}"))


def _note(world: World, refused: RefusedEvent) -> None:
    """Says it, and keeps it for `GET /api/health`. Storage that fails keeps nobody from answering."""
    say("event_refused", level=logging.ERROR, place=refused.place, why=_shown(refused.why))
    try:
        world.events.note_refused(refused)
    except StorageError as error:
        log.warning("action=event_unwritten %s", error)


def refused_events(world: World) -> list[RefusedEvent]:
    """Of the last day; not those whose chain has taken an event since."""
    since = world.now() - SHOWN
    return [one for one in world.events.refused() if one.at > since and not _taken_since(world, one)]


def _taken_since(world: World, refused: RefusedEvent) -> bool:
    if refused.chain is None:
        return False
    newest = world.runs.newest_of(refused.chain, status=None, limit=10, cursor=None).runs
    return any(run.trigger.type == "event" and run.created_at > refused.at for run in newest)


def note_unmatched(world: World, events: Sequence[Event]) -> None:
    """Counts those of one delivery. The count is for people who wonder: it is not worth a second delivery."""
    if not events:
        return
    try:
        counted = world.events.count_unmatched(world.now(), events[-1].type, len(events))
    except StorageError:
        counted = False
    say("event_unmatched", type=_shown(events[-1].type), events=len(events), counted=counted)


def _shown(text: str) -> str:
    """Senders choose these: on one line, and short."""
    return repr(text[:500])
