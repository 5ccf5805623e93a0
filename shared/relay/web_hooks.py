"""Call pipelines back: whoever waits for a run with a WebHook activity hears how it ended, at least once."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta

from shared.core.errors import RefusedError, TryLaterError
from shared.core.run import Run, RunStatus
from shared.core.timing import backoff_seconds
from shared.core.web_hook import KEPT_SECONDS, Debt, outcome
from shared.relay.messages import CallBackMessage, to_body
from shared.relay.world import World, say

MOST_SECONDS = 600  # between two tries
UNTOLD = timedelta(minutes=5)  # the timer looks this often whether a run has ended without anybody saying so
CALL_SECONDS = 120  # no call lasts longer: a try that is older has crashed


def owe(world: World, run_id: str, address: str) -> None:
    """Has the address called when the run has ended; at once if it has. The same address is owed one call."""
    world.web_hooks.add(Debt(run_id=run_id, address=address, due_at=world.now() + UNTOLD))
    held = world.runs.load(run_id)
    if held is not None and held.run.status is not RunStatus.RUNNING:
        announce_end(world, run_id)


def announce_end(world: World, run_id: str) -> None:
    """The run has ended: whoever is owed a call gets it soon. Behind the message is the timer."""
    if world.web_hooks.of(run_id):
        world.queue.send(to_body(CallBackMessage(run_id)))


def call_back(world: World, run_id: str) -> None:
    """Calls all that wait for the run, if it has ended."""
    held = world.runs.load(run_id)
    if held is None or held.run.status is RunStatus.RUNNING:
        return
    for debt in world.web_hooks.of(run_id):
        if debt.tries == 0 or debt.due_at <= world.now():
            _call(world, held.run, debt)


def tend_debt(world: World, debt: Debt) -> None:
    """The timer's part: what is overdue is sent on its way again."""
    now = world.now()
    if debt.due_at + timedelta(seconds=world.patience.revive_seconds if debt.tries else 0) > now:
        return
    held = world.runs.load(debt.run_id)
    if held is not None and held.run.status is not RunStatus.RUNNING:
        world.queue.send(to_body(CallBackMessage(debt.run_id)))
    elif held is None:
        world.web_hooks.settle(debt)
    else:
        world.web_hooks.save(replace(debt, due_at=now + UNTOLD))


def _call(world: World, run: Run, debt: Debt) -> None:
    now = world.now()
    if run.finished_at is not None and now > run.finished_at + timedelta(seconds=KEPT_SECONDS):
        say("callback_expired", level=logging.ERROR, run=run.id, tries=debt.tries)
        world.web_hooks.settle(debt)
        return
    taken = world.web_hooks.save(replace(debt, tries=debt.tries + 1, due_at=now + timedelta(seconds=CALL_SECONDS)))
    if taken is None:
        return  # another message is at it
    try:
        world.post_back(debt.address, outcome(run))
    except RefusedError as error:
        say("callback_refused", level=logging.ERROR, run=run.id, code=error.code, why=error.message)
        world.web_hooks.settle(taken)
    except TryLaterError as error:
        pause = max(error.after_seconds or 0, backoff_seconds(debt.tries, most=MOST_SECONDS))
        pause = min(pause, MOST_SECONDS)
        say("callback_put_off", level=logging.WARNING, run=run.id, code=error.code, again_in=pause)
        if world.web_hooks.save(replace(taken, due_at=world.now() + timedelta(seconds=pause))) is not None:
            world.queue.send(to_body(CallBackMessage(run.id)), delay_seconds=pause)
    else:
        say("callback_sent", run=run.id, tries=taken.tries)
        world.web_hooks.settle(taken)
