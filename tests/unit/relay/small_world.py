"""A small world for the relay: the embedded store in memory, a clock that tests move, and a service to steer."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from shared.core.definition import Chain, Connection, StepDefinition
from shared.core.errors import BatonError
from shared.core.facts import Observation, Verdict
from shared.core.follows import SeenJob
from shared.core.run import Job, Run, Trigger
from shared.core.timing import Patience
from shared.ports import History, JobPage, JobQuery, Order, Place, Problem, WatchedJob
from shared.relay.start import start
from shared.relay.tick import tick
from shared.relay.world import World
from shared.storage.sqlite import SqliteStorage
from shared.store.stores import stores_over
from shared.work import on_message

T0 = datetime(2026, 11, 21, 5, 30, tzinfo=UTC)
CONNECTION = Connection(name="adf", type="data_factory", subscription="s", resource_group="g", factory="f")


@dataclass(slots=True)
class FakeService:
    """Runs jobs that tests finish. `start_fails` and the like are raised by the next calls, one each."""

    world: SmallWorld
    jobs: dict[str, Observation] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    cancelled: list[str] = field(default_factory=list)
    hidden: set[str] = field(default_factory=set)
    start_fails: list[BatonError] = field(default_factory=list)
    start_fails_after: list[BatonError] = field(default_factory=list)
    observe_fails: list[BatonError] = field(default_factory=list)
    looks: int = 0
    find_breaks: Exception | None = None
    asked: list[datetime | None] = field(default_factory=list)  # since when, by the looks
    wanted: list[Order] = field(default_factory=list)
    same_id: str | None = None
    others: list[SeenJob] = field(default_factory=list)  # what is followed
    jobs_since_fails: list[BatonError] = field(default_factory=list)
    asked_for: list[tuple[tuple[str, ...], datetime]] = field(default_factory=list)
    while_observing: Callable[[], object] = lambda: None

    def place(self, definition: StepDefinition) -> Place:
        return Place(definition.connection, "")

    def start(self, order: Order, send_before: Callable[[], bool]) -> Job:
        assert send_before()
        if self.start_fails:
            raise self.start_fails.pop(0)
        job_id = self.same_id or f"job-{len(self.jobs) + 1}"
        self.jobs[job_id] = Observation(verdict=Verdict.ACTIVE, status="InProgress", started_at=self.world.now)
        self.orders[job_id] = order
        if self.start_fails_after:
            raise self.start_fails_after.pop(0)
        return self._job(job_id)

    def find_started(self, order: Order) -> Sequence[Job]:
        self.wanted.append(order)
        if self.find_breaks is not None:
            raise self.find_breaks
        return [
            self._job(job_id)
            for job_id, made in self.orders.items()
            if made.correlation == order.correlation and job_id not in self.hidden
        ]

    def observe(
        self, place: Place, jobs: Sequence[WatchedJob], since: datetime | None
    ) -> Mapping[str, Observation]:
        self.looks += 1
        self.asked.append(since)
        self.while_observing()
        if self.observe_fails:
            raise self.observe_fails.pop(0)
        wanted = {watched.job.id for watched in jobs}
        return {
            job_id: seen for job_id, seen in self.jobs.items() if job_id in wanted and job_id not in self.hidden
        }

    def jobs_since(self, place: Place, names: Sequence[str], since: datetime) -> Sequence[SeenJob]:
        self.asked_for.append((tuple(names), since))
        if self.jobs_since_fails:
            raise self.jobs_since_fails.pop(0)
        return [job for job in self.others if job.what in names and job.updated_at >= since]

    def cancel(self, definition: StepDefinition, job: Job) -> None:
        self.cancelled.append(job.id)
        self.end(job.id, Verdict.CANCELLED)

    def check(self, definitions: Sequence[StepDefinition]) -> Sequence[Problem]:
        return ()

    @property
    def history(self) -> History:
        return History(narrowed_by="pipeline", form=".*", statuses=())

    def list_jobs(self, query: JobQuery) -> JobPage:
        return JobPage(jobs=(), cursor=None)

    def end(self, job_id: str, verdict: Verdict = Verdict.SUCCEEDED, **more: Any) -> None:
        now = self.world.now
        seen = replace(self.jobs[job_id], verdict=verdict, status=verdict.name.title(), ended_at=now, **more)
        self.jobs[job_id] = seen

    def _job(self, job_id: str) -> Job:
        return Job(id=job_id, status="Queued", link=f"https://example.test/{job_id}")


class FakePostBack:
    """Keeps what pipelines are told. `fails` are raised by the next calls, one each."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Mapping[str, Any]]] = []
        self.fails: list[BaseException] = []

    def __call__(self, address: str, body: Mapping[str, Any]) -> None:
        if self.fails:
            raise self.fails.pop(0)
        self.told.append((address, body))


class SmallWorld:
    """One instance of Baton. `pass_time` delivers the messages that fall due, in order, as a host would."""

    def __init__(self, path: Path | None = None) -> None:
        self.now = T0
        self.declared: Sequence[Chain] = ()
        self.storage = SqliteStorage(path, clock=lambda: self.now)
        table = self.storage.table("baton")
        self.queue = self.storage.queue("baton-work")
        self.service = FakeService(self)
        self.post_back = FakePostBack()
        bits = itertools.count(2**40 + 1, 977)
        self.world = World(
            **stores_over(table),
            post_back=self.post_back,
            queue=self.queue,
            services=lambda connection: self.service,
            clock=lambda: self.now,
            random_bits=lambda: next(bits) * 0x9E3779B97F4A7C15 % 2**64,
            patience=Patience(grace_seconds=120),
        )

    def start(self, chain: Chain, cause: str | None = None, **said: Any) -> Run:
        return start(self.world, chain, Trigger(type="http", time=self.now), said, cause=cause)[0]

    def run(self, job_id: str) -> Run:
        held = self.world.runs.load(job_id)
        assert held is not None
        return held.run

    def pass_time(self, seconds: float, *, messages: bool = True, ticks: Sequence[Chain] | None = None) -> None:
        """Time goes on second by second; each whole minute ticks when `ticks` names the chains."""
        end = self.now + timedelta(seconds=seconds)
        self.declared = self.declared if ticks is None else tuple(ticks)
        while self.now < end:
            self.now += timedelta(seconds=1)
            if messages:
                self.deliver()
            if ticks is not None and self.now.second == 0:
                tick(self.world, ticks)

    def deliver(self) -> None:
        """Handles every message that is due."""
        while received := self.queue.receive(limit=32):
            for message in received:
                self.handle(message.body)
                self.queue.delete(message)

    def handle(self, body: str) -> None:
        on_message(self.world, body, declared=lambda: self.declared)

    def lose_messages(self) -> int:
        """Everything that was on its way is gone."""
        lost = 0
        self.now += timedelta(days=8)
        while received := self.queue.receive(limit=32):
            for message in received:
                self.queue.delete(message)
                lost += 1
        self.now -= timedelta(days=8)
        return lost


def a_step(name: str, *after: str, **changes: Any) -> StepDefinition:
    return StepDefinition(name=name, connection=CONNECTION, after=after, pipeline=f"P-{name}", **changes)


def a_chain(*steps: StepDefinition, **changes: Any) -> Chain:
    return Chain(name="sales", steps=steps or (a_step("load"), a_step("refresh", "load")), **changes)
