"""Runs as they are stored after they have ended, made without a service."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.core.definition import Chain
from shared.core.ids import run_id
from shared.core.lifecycle import run_event, step_event
from shared.core.run import Error, Intent, Job, Run, Trigger, new_run
from tests.unit.relay.small_world import SmallWorld

ADF_ERROR = Error(
    "job_failed",
    "Activity 'Copy orders' failed: ErrorCode=SqlOperationFailed, 'Type=Microsoft.DataTransfer.Common.Shared."
    "HybridDeliveryException, Message=A database operation failed. Please search error to get more details. "
    "Cannot open server 'sql-sales' requested by the login. Client with IP address '20.61.99.4' is not allowed.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a run went: which step failed if one did, and how long it took in all."""

    seconds: float = 300.0
    fails_at: str | None = None
    error: Error = ADF_ERROR
    cancelled: bool = False


def store_run(small: SmallWorld, chain: Chain, began_at: datetime, ending: Ending) -> Run:
    """The ended run, with its transitions, as Baton would have left it."""
    bits = small.world.random_bits()
    run = new_run(
        id=run_id(chain.name, began_at, bits),
        definition=chain,
        trigger=Trigger(type="schedule" if chain.schedule else "http", time=began_at),
        parameters={name: parameter.default for name, parameter in chain.parameters.items()},
        now=began_at,
        queued=False,
    )
    run = _played(run, began_at, ending)
    runs = small.world.runs
    runs.announce(run.id, began_at, began_at)
    held = runs.create(run, f"run {run.id}", None)
    assert held is not None
    runs.close(held.run)
    return held.run


def _played(run: Run, now: datetime, ending: Ending) -> Run:
    """Step after step, each an equal share of the whole."""
    share = timedelta(seconds=ending.seconds / len(run.definition.steps))
    over = False
    for definition in run.definition.steps:
        step = run.step(definition.name)
        if over:
            run = step_event(run, step, "cancel" if ending.cancelled else "skip", now)
            continue
        intent = Intent(id=f"i-{definition.name}", at=now, parameters={"day": f"{now:%Y-%m-%d}"})
        run = step_event(run, step, "intend", now, intent=intent, began_at=now)
        number = random.Random(now.timestamp()).randrange(16**12)
        job = Job(id=f"{number:012x}", status="InProgress", link="https://adf.azure.com/en/monitoring")
        run = step_event(run, run.step(definition.name), "start", now, job=job, started_at=now)
        now += share
        step = run.step(definition.name)
        over = ending.fails_at == definition.name or ending.cancelled
        word = "Failed" if ending.fails_at == definition.name else "Cancelled" if over else "Succeeded"
        event = "fail" if ending.fails_at == definition.name else "cancel" if over else "succeed"
        error = ending.error if event == "fail" else None
        run = step_event(run, step, event, now, error=error, job=replace(job, status=word))  # type: ignore[arg-type]
    if ending.cancelled:
        return run_event(run, "cancel", now)
    if ending.fails_at:
        return run_event(run, "fail", now, error=Error("step_failed", f"Step {ending.fails_at} failed."))
    return run_event(run, "succeed", now)


def store_many(small: SmallWorld, chains: Sequence[Chain], count: int, *, until: datetime) -> None:
    """So many runs, spread over the chains, an hour apart for each; one in twelve fails."""
    chance = random.Random(5)
    for number in range(count):
        chain = chains[number % len(chains)]
        age = timedelta(hours=1 + (count - 1 - number) // len(chains), minutes=7 * (number % len(chains)) % 60)
        failing = chance.random() < 1 / 12
        ending = Ending(
            seconds=chance.lognormvariate(5.6, 0.35),
            fails_at=chain.steps[chance.randrange(len(chain.steps))].name if failing else None,
            cancelled=not failing and chance.random() < 1 / 30,
        )
        store_run(small, chain, until - age, ending)
