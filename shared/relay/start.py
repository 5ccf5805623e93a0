"""Start a run: the same cause gives the same run, and what was accepted cannot be forgotten."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

from shared.core.definition import Chain
from shared.core.ids import run_id
from shared.core.pause import Pause
from shared.core.run import Run, Trigger, new_run
from shared.core.slots import Slots
from shared.core.values import value_problem
from shared.relay.advance import advance
from shared.relay.alert_marks import publish_soon
from shared.relay.messages import AdvanceMessage, to_body
from shared.relay.pause import paused
from shared.relay.waiting import newly_held, point_at, wake
from shared.relay.world import World, say
from shared.storage.base import StorageError

MOST_WAITING = 1_000
MOST_RACES = 200
MAX_PARAMETERS_CHARACTERS = 65_536


class MakeRun(Protocol):
    """Makes the run to be created, once its id and its place in the queue are known."""

    def __call__(self, *, id: str, now: datetime, queued: bool) -> Run: ...


class BadParametersError(Exception):
    """What the caller said does not fit the chain's parameters. `mistakes`: all of them."""

    def __init__(self, mistakes: tuple[str, ...]) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes


class BusyError(Exception):
    """The chain takes no further run now."""


class PausedError(BusyError):
    """Nothing starts by itself while the chain is paused."""

    def __init__(self, pause: Pause) -> None:
        why = f" ({pause.reason})" if pause.reason else ""
        until = f" until {pause.until:%Y-%m-%dT%H:%M:%SZ}" if pause.until else ""
        super().__init__(f"Chain {pause.chain!r} is paused since {pause.since:%Y-%m-%dT%H:%M:%SZ}{until}{why}.")
        self.pause = pause


class AlreadyRunningError(BusyError):
    """`overlap: skip`, and max_running runs are under way."""

    def __init__(self, chain: str, running: tuple[str, ...]) -> None:
        super().__init__(f"Chain {chain!r} is running and its overlap is 'skip': no further run was started.")
        self.running = running


class TooManyWaitingError(BusyError):
    """More runs wait than anybody can want."""


def start(
    world: World,
    chain: Chain,
    trigger: Trigger,
    said: Mapping[str, Any],
    *,
    cause: str | None = None,
    inline: bool = True,
    force: bool = False,
) -> tuple[Run, bool]:
    """The run, and whether it is new. Inline: its first steps have been started, or have failed.

    `force`: also when the chain is paused. Raises BadParametersError, PausedError, AlreadyRunningError,
    TooManyWaitingError; nothing was started then.
    """
    known = known_run(world, chain.name, cause)
    if known is not None:
        return known, False
    parameters = checked_parameters(chain, said)
    make = partial(new_run, definition=chain, trigger=trigger, parameters=parameters)
    return launch(world, chain, make, cause=cause, inline=inline, force=force)


def known_run(world: World, chain: str, cause: str | None) -> Run | None:
    """The run that the cause has started already, if it has."""
    known = world.runs.run_of(chain, cause) if cause else None
    return None if known is None else _there(world, known)


def launch(
    world: World, chain: Chain, make: MakeRun, *, cause: str | None, inline: bool = True, force: bool = False
) -> tuple[Run, bool]:
    """Creates the run and sets it going; or gives the one that the cause has meanwhile. The bool: it is new.

    Raises PausedError, AlreadyRunningError, TooManyWaitingError; nothing was started then.
    """
    pause = paused(world, chain.name)
    if pause is not None and not force:
        raise PausedError(pause)
    made = _created(world, chain, make, cause, ahead=pause is not None)
    if isinstance(made, Run):
        return _set_going(world, made, inline=inline), True
    return _there(world, made), False


def _there(world: World, run_id: str) -> Run:
    held = world.runs.load(run_id)
    if held is None:
        raise LookupError(f"run {run_id} was created, and is not there")
    return held.run


def _set_going(world: World, run: Run, *, inline: bool) -> Run:
    """The run is accepted, whatever happens now: what storage keeps from being done here, the timer has done."""
    try:
        publish_soon(world, run.id)
        if inline:
            return advance(world, run.id) or run
        world.queue.send(to_body(AdvanceMessage(run.id)))
    except StorageError as error:
        say("start_left_to_timer", level=logging.ERROR, run=run.id, why=error)
    return run


def checked_parameters(chain: Chain, said: Mapping[str, Any]) -> dict[str, Any]:
    """What was said, over the defaults. Raises BadParametersError with all mistakes."""
    unknown = [name for name in said if name not in chain.parameters]
    missing = [name for name, declared in chain.parameters.items() if declared.required and name not in said]
    problems = {name: value_problem(value) for name, value in said.items() if name in chain.parameters}
    mistakes = [f"parameters.{name}: chain {chain.name!r} has no such parameter" for name in unknown]
    mistakes += [f"parameters.{name}: is required" for name in missing]
    mistakes += [f"parameters.{name}: {problem}" for name, problem in problems.items() if problem]
    if not mistakes and len(json.dumps(dict(said))) > MAX_PARAMETERS_CHARACTERS:
        mistakes = [f"parameters: over {MAX_PARAMETERS_CHARACTERS:,} characters of JSON; send a reference"]
    if mistakes:
        raise BadParametersError(tuple(mistakes))
    return {name: said.get(name, parameter.default) for name, parameter in chain.parameters.items()}


def _created(world: World, chain: Chain, make: MakeRun, cause: str | None, *, ahead: bool) -> Run | str:
    """The new run, or the id of the one that the cause has already."""
    new_id = run_id(chain.name, world.now(), world.random_bits())
    now = world.now()
    due_at = now + timedelta(seconds=world.patience.revive_seconds)
    world.runs.announce(new_id, due_at, now, alerting=world.alerts is not None)
    for _ in range(MOST_RACES):
        before = None if chain.max_running is None else world.runs.slots(chain.name)
        slots = None if before is None else _entered(world, chain, before, new_id, ahead=ahead)
        promoted = tuple(other for other in newly_held(before, slots) if other != new_id)
        point_at(world, promoted)
        queued = slots is not None and new_id not in slots.holders
        run = make(id=new_id, now=world.now(), queued=queued)
        held = world.runs.create(run, cause or f"run {new_id}", slots)
        if held is not None:
            say("run_created", run=new_id, trigger=run.trigger.type, queued=queued or None)
            wake(world, promoted)
            return held.run
        known = world.runs.run_of(chain.name, cause) if cause else None
        if known is not None:
            world.runs.withdraw(new_id, alerting=world.alerts is not None)
            return known
    world.runs.withdraw(new_id, alerting=world.alerts is not None)
    raise TooManyWaitingError(f"Chain {chain.name!r} is being started too often at once; try again.")


def _entered(world: World, chain: Chain, before: Slots, new_id: str, *, ahead: bool) -> Slots:
    """The chain's slots with the new run in them."""
    assert chain.max_running is not None
    if chain.overlap == "cancel_running":
        after = before.superseding(new_id, chain.max_running, paused=ahead)
        if len(after.superseded) > MOST_WAITING:
            raise _too_many(world, chain, new_id)
        return after
    after = before.entered(new_id, chain.max_running, paused=ahead)
    if after.waits(new_id):
        if chain.overlap == "skip":
            world.runs.withdraw(new_id, alerting=world.alerts is not None)
            raise AlreadyRunningError(chain.name, before.holders)
        if len(after.waiting) + len(after.ahead) > MOST_WAITING:
            raise _too_many(world, chain, new_id)
    return after


def _too_many(world: World, chain: Chain, new_id: str) -> TooManyWaitingError:
    world.runs.withdraw(new_id, alerting=world.alerts is not None)
    return TooManyWaitingError(f"{MOST_WAITING} runs of chain {chain.name!r} wait already; try again later.")
