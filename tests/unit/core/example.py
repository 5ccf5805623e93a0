"""Small runs to decide about: a load and a refresh after it, unless a test says otherwise."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.core.apply import apply
from shared.core.decide import Effect, decide
from shared.core.definition import Chain, Connection, StepDefinition
from shared.core.facts import Fact, Observation, Observed, Started, Verdict
from shared.core.ids import run_id
from shared.core.run import Job, Run, Step, Trigger, new_run
from shared.core.timing import Patience

T0 = datetime(2026, 11, 21, 5, 30, tzinfo=UTC)
PATIENCE = Patience(grace_seconds=120)
ADF = Connection(name="sales-adf", type="data_factory", subscription="s", resource_group="g", factory="f")


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def a_step(name: str, *after: str, **changes: Any) -> StepDefinition:
    return StepDefinition(name=name, connection=ADF, after=after, pipeline=f"P-{name}", **changes)


def a_run(*steps: StepDefinition, queued: bool = False) -> Run:
    steps = steps or (a_step("load"), a_step("refresh", "load"))
    chain = Chain(name="sales", steps=steps)
    trigger = Trigger(type="http", time=T0)
    run = run_id("sales", T0, 7)
    return replace(
        new_run(id=run, definition=chain, trigger=trigger, parameters={}, now=T0, queued=queued), unsaved=()
    )


def a_job(id: str = "job-1", status: str = "Queued") -> Job:
    return Job(id=id, status=status, link=f"https://example.test/{id}")


class Driver:
    """A run, decided and told facts, one call after the other, as the relay does it."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.calls = 0

    def decide(self, seconds: float) -> Effect | None:
        self.calls += 1
        self.run, effect = decide(self.run, at(seconds), f"intent-{self.calls}", PATIENCE)
        return effect

    def tell(self, fact: Fact, seconds: float) -> None:
        self.run = apply(self.run, fact, at(seconds), PATIENCE)

    def step(self, name: str = "load") -> Step:
        return self.run.step(name)

    def intent(self, name: str = "load") -> str:
        intent = self.step(name).intent
        assert intent is not None
        return intent.id

    def start(self, name: str = "load", seconds: float = 0, job: str = "job-1") -> None:
        self.decide(seconds)
        self.tell(Started(step=name, intent=self.intent(name), job=a_job(job)), seconds)

    def observe(
        self, verdict: Verdict, seconds: float, *, name: str = "load", job: str = "job-1", **more: Any
    ) -> None:
        seen = Observation(verdict=verdict, status=verdict.name.title(), **more)
        fact = Observed(step=name, attempt=self.step(name).attempt, job=a_job(job), observation=seen)
        self.tell(fact, seconds)
