"""A Power BI workspace as one service: its semantic models and its dataflows, told apart by step and by place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from shared.core.definition import Connection, StepDefinition
from shared.core.facts import Observation
from shared.core.follows import SeenJob
from shared.core.run import Job
from shared.ports import JobPage, JobQuery, Order, Place, Problem, WatchedJob
from shared.services.power_bi import PowerBi
from shared.services.power_bi_dataflows import SCOPE, Dataflows
from shared.services.reach import Reach


class PowerBiWorkspace:
    """One workspace, as one identity sees it."""

    history = PowerBi.history  # semantic models only: a history is narrowed by one thing

    def __init__(self, connection: Connection, reach: Reach) -> None:
        self._models = PowerBi(connection, reach)
        self._dataflows = Dataflows(connection, reach)

    def place(self, definition: StepDefinition) -> Place:
        return self._side(definition).place(definition)

    def start(self, order: Order, send_before: Callable[[], bool]) -> Job:
        return self._side(order.definition).start(order, send_before)

    def find_started(self, order: Order) -> Sequence[Job]:
        return self._side(order.definition).find_started(order)

    def observe(
        self, place: Place, jobs: Sequence[WatchedJob], since: datetime | None
    ) -> Mapping[str, Observation]:
        if place.scope.startswith(SCOPE):
            return self._dataflows.observe(place, jobs)
        return self._models.observe(place, jobs, since)

    def cancel(self, definition: StepDefinition, job: Job) -> None:
        if definition.dataflow is not None:
            return self._dataflows.cancel(job)
        return self._models.cancel(definition, job)

    def check(self, definitions: Sequence[StepDefinition]) -> Sequence[Problem]:
        dataflows = [definition for definition in definitions if definition.dataflow is not None]
        models = [definition for definition in definitions if definition.dataflow is None]
        found = list(self._dataflows.check(dataflows))
        return [*self._models.check(models), *found] if models or not dataflows else found

    def jobs_since(self, place: Place, names: Sequence[str], since: datetime) -> Sequence[SeenJob]:
        return self._models.jobs_since(place, names, since)

    def list_jobs(self, query: JobQuery) -> JobPage:
        return self._models.list_jobs(query)

    def _side(self, definition: StepDefinition) -> PowerBi | Dataflows:
        return self._models if definition.dataflow is None else self._dataflows
