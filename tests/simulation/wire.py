"""Between the services and the simulated Azure: slow requests and answers, and who started which job."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local.simulated_azure.messages import LostError, Request, Response
from local.simulated_azure.world import SimulatedAzure
from shared.core.definition import StepDefinition
from shared.core.facts import Observation
from shared.core.follows import SeenJob
from shared.core.run import Job
from shared.ports import History, JobPage, JobQuery, Order, Place, Problem, Service, Services, WatchedJob
from tests.simulation.books import all_jobs
from tests.simulation.scheduler import Scheduler
from tests.simulation.witness import Witness

READ_SECONDS = 30.0  # a client gives up then; its request may still be on the way
SLOWEST_REQUEST_SECONDS = 40.0

Attempt = tuple[str, str, int]


@dataclass(slots=True)
class Wire:
    """Carries requests. `bad` gives the chance of bad luck now."""

    azure: SimulatedAzure
    scheduler: Scheduler
    witness: Witness
    bad: Callable[[float], float]
    starting: dict[Any, Attempt] = field(default_factory=dict)  # by the call under way

    def services(self, inner: Services) -> Services:
        """The same services; the wire hears from them what each start is for."""
        return lambda connection: Overheard(inner(connection), self)

    def handle(self, request: Request) -> Response:
        """The answer, some time later. A crash or a freeze may follow every answer."""
        attempt = self.starting.get(self.scheduler.current_task())
        try:
            if self.scheduler.luck.strikes("a slow request", self.bad(0.01)):
                return self._slowly(request, attempt)
            answer = self._arrived(request, attempt)
            if self.scheduler.luck.strikes("a slow answer", self.bad(0.01)):
                seconds = self.scheduler.luck.between("slow answer", 1, READ_SECONDS - 1)
                self.scheduler.note(f"the answer takes {seconds:.0f} s")
                self.scheduler.sleep(seconds)
            return answer
        finally:
            self.scheduler.effect("an answer")

    def _slowly(self, request: Request, attempt: Attempt | None) -> Response:
        seconds = self.scheduler.luck.between("slow request", 1, SLOWEST_REQUEST_SECONDS)
        self.scheduler.note(f"the request takes {seconds:.0f} s: {request.method} {request.path[-40:]}")
        if seconds < READ_SECONDS:
            self.scheduler.sleep(seconds)
            return self._arrived(request, attempt)
        self.scheduler.after(seconds, lambda: self._arrived_late(request, attempt))
        self.scheduler.sleep(READ_SECONDS)
        raise LostError

    def _arrived_late(self, request: Request, attempt: Attempt | None) -> None:
        try:
            self._arrived(request, attempt)
        except LostError:
            return

    def _arrived(self, request: Request, attempt: Attempt | None) -> Response:
        if attempt is None or request.method != "POST":
            return self._told(request)
        before = self._jobs()
        try:
            return self._told(request)
        finally:
            for job_id in self._jobs() - before:
                self.witness.started(attempt, job_id)

    def _told(self, request: Request) -> Response:
        try:
            answer = self.azure.handle(request)
        except LostError:
            self.scheduler.note(f"{request.method} {request.path[-40:]}: no answer")
            raise
        if self.scheduler.told is not None:
            self.scheduler.note(f"{request.method} {request.path[-40:]}: {answer.status}")
        if answer.status < 300 and (request.method == "DELETE" or request.path.endswith("/cancel")):
            self.witness.asked.add(request.path.removesuffix("/cancel").rpartition("/")[2])
        return answer

    def _jobs(self) -> set[str]:
        return {job.id for job in all_jobs(self.azure)}


@dataclass(frozen=True, slots=True)
class Overheard:
    """A service whose starts are announced to the wire."""

    inner: Service
    wire: Wire

    def start(self, order: Order, send_before: Callable[[], bool]) -> Job:
        task = self.wire.scheduler.current_task()
        self.wire.starting[task] = (order.run_id, order.definition.name, order.attempt)
        try:
            return self.inner.start(order, send_before)
        finally:
            del self.wire.starting[task]

    def place(self, definition: StepDefinition) -> Place:
        return self.inner.place(definition)

    def find_started(self, order: Order) -> Sequence[Job]:
        return self.inner.find_started(order)

    def observe(
        self, place: Place, jobs: Sequence[WatchedJob], since: datetime | None
    ) -> Mapping[str, Observation]:
        return self.inner.observe(place, jobs, since)

    def jobs_since(self, place: Place, names: Sequence[str], since: datetime) -> Sequence[SeenJob]:
        return self.inner.jobs_since(place, names, since)

    def cancel(self, definition: StepDefinition, job: Job) -> None:
        self.inner.cancel(definition, job)

    @property
    def history(self) -> History:
        return self.inner.history

    def list_jobs(self, query: JobQuery) -> JobPage:
        return self.inner.list_jobs(query)

    def check(self, definitions: Sequence[StepDefinition]) -> Sequence[Problem]:
        return self.inner.check(definitions)
