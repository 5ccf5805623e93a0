"""Data Factory: pipelines started, found, watched and cancelled through Azure Resource Manager.

All runs of a factory are watched with one paged query over what changed. Facts: the service's REST
documents (api-version 2018-06-01); the client is azure-mgmt-datafactory, imported at first use, with every
repetition of its own switched off: a start must never be sent twice, and a look is repeated by the watch.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from shared.core.definition import Connection, StepDefinition
from shared.core.errors import BatonError, RefusedError, TryLaterError, UnclearError
from shared.core.facts import Observation, Verdict
from shared.core.run import Error, Job
from shared.ports import Order, Place, Problem, WatchedJob
from shared.services.answers import bad_answer, no_answer
from shared.services.reach import CONNECT_SECONDS, READ_SECONDS, Reach, is_plain_http
from shared.services.wire import text_of, time_of, wire_time

if TYPE_CHECKING:
    from azure.mgmt.datafactory import DataFactoryManagementClient

VERDICTS = {
    "Queued": Verdict.ACTIVE,
    "InProgress": Verdict.ACTIVE,
    "Canceling": Verdict.ACTIVE,
    "Succeeded": Verdict.SUCCEEDED,
    "Failed": Verdict.FAILED,
    "Cancelled": Verdict.CANCELLED,
    "Canceled": Verdict.CANCELLED,  # an older spelling in the service's own documents
}
WIDE_MARGIN = timedelta(minutes=10)
MOST_PAGES = 1_000
MOST_SINGLE_READS = 25

_REMEDY = (
    "Give the identity a role at the factory that allows Microsoft.DataFactory/factories:"
    " pipelines/createrun/action, pipelineruns/read, pipelineruns/cancel/action and querypipelineruns"
    " (Data Factory Contributor has them all)."
)


class DataFactory:
    """One factory, as one identity sees it."""

    def __init__(self, connection: Connection, reach: Reach) -> None:
        self._connection = connection
        self._reach = reach
        self._group = connection.resource_group or ""
        self._factory = connection.factory or ""

    def place(self, definition: StepDefinition) -> Place:
        return Place(definition.connection, "")

    def start(self, order: Order, send_before: Callable[[], bool]) -> Job:
        pipeline = order.definition.pipeline or ""

        def fence(_request: object) -> None:
            if not send_before():
                raise TryLaterError("too_late", "Getting ready to start took too long; nothing was sent.")

        answer = self._call(
            f"starting pipeline {pipeline!r}",
            lambda: self._client.pipelines.create_run(
                self._group,
                self._factory,
                pipeline,
                parameters=dict(order.parameters) or None,
                raw_request_hook=fence,
                **self._options,
            ),
            starting=True,
        )
        run_id = text_of(answer.get("runId"))
        if run_id is None:
            raise UnclearError("no_clear_answer", f"starting pipeline {pipeline!r}: the answer names no run")
        return self._job(run_id, "Queued")

    def find_started(self, order: Order) -> Sequence[Job]:
        since = order.intended_at - order.clocks_differ
        named = [{"operand": "PipelineName", "operator": "Equals", "values": [order.definition.pipeline or ""]}]
        runs = [run for run in self._query(since - WIDE_MARGIN, named) if _could_be(run, order, since)]
        runs.sort(key=lambda run: abs(_began(run) - order.intended_at))
        return [self._job(run["runId"], str(run.get("status") or "Queued")) for run in runs]

    def observe(
        self, place: Place, jobs: Sequence[WatchedJob], since: datetime | None
    ) -> Mapping[str, Observation]:
        wanted = {job.job.id for job in jobs}
        start = since or min(job.began_at for job in jobs) - WIDE_MARGIN
        found = {
            run["runId"]: seen
            for run in self._query(start, [])
            if run.get("runId") in wanted and (seen := observation_of(run)) is not None
        }
        if since is None:
            found.update(self._unlisted([job.job for job in jobs if job.job.id not in found]))
        return found

    def _unlisted(self, jobs: Sequence[Job]) -> Iterator[tuple[str, Observation]]:
        """Reads what lists do not show. What could not be read is as it was: only what was looked for is lost."""
        unread = sorted(jobs, key=lambda job: job.id)
        while unread[:1] and len(jobs) - len(unread) < MOST_SINGLE_READS:
            try:
                seen = self._read(unread[0].id)
            except TryLaterError:
                break  # what the list has told matters more; the next wide look reads on
            if seen is not None:
                yield unread[0].id, seen
            del unread[0]
        for job in unread:
            yield job.id, Observation(verdict=Verdict.ACTIVE, status=job.status)

    def cancel(self, definition: StepDefinition, job: Job) -> None:
        try:
            self._call(
                f"cancelling run {job.id}",
                lambda: self._client.pipeline_runs.cancel(
                    self._group, self._factory, job.id, is_recursive=True, **self._options
                ),
            )
        except RefusedError as error:
            if error.code not in ("bad_request", "not_found", "conflict"):  # those: it is over already
                raise

    def check(self, definitions: Sequence[StepDefinition]) -> Sequence[Problem]:
        pipelines = sorted({definition.pipeline or "" for definition in definitions})
        problems = [problem for name in pipelines if (problem := self._check_pipeline(name))]
        if any(problem.code in ("unauthorized", "forbidden") for problem in problems):
            return problems
        try:
            next(self._query(self._reach.clock(), []), None)
        except (RefusedError, TryLaterError) as error:
            problems.append(Problem(error.code, error.message))
        return problems

    def _check_pipeline(self, name: str) -> Problem | None:
        try:
            self._call(
                f"reading pipeline {name!r}",
                lambda: self._client.pipelines.get(self._group, self._factory, name, **self._options),
            )
        except RefusedError as error:
            if error.code == "not_found":
                where = f"factory {self._factory} in resource group {self._group}"
                return Problem("not_found", f"There is no pipeline {name!r} in {where}. {error.message}")
            return Problem(error.code, error.message)
        except TryLaterError as error:
            return Problem(error.code, error.message)
        return None

    def _read(self, run_id: str) -> Observation | None:
        try:
            run = self._call(
                f"reading run {run_id}",
                lambda: self._client.pipeline_runs.get(self._group, self._factory, run_id, **self._options),
            )
        except RefusedError as error:
            if error.code == "not_found":
                return None
            raise
        return observation_of(run)

    def _query(self, since: datetime, filters: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        body: Any = {  # the wire form, which the client takes as it is
            "lastUpdatedAfter": wire_time(since),
            "lastUpdatedBefore": wire_time(self._reach.clock() + WIDE_MARGIN),
            "filters": list(filters),
            "orderBy": [{"orderBy": "RunStart", "order": "ASC"}],
        }
        for _ in range(MOST_PAGES):
            page = self._call(
                "querying pipeline runs",
                lambda: self._client.pipeline_runs.query_by_factory(
                    self._group, self._factory, body, **self._options
                ),
            )
            runs = page.get("value") or []
            if not isinstance(runs, list):
                raise _nonsense("querying pipeline runs", starting=False)
            yield from (run for run in runs if isinstance(run, dict))
            token = page.get("continuationToken")
            if not token:
                return
            body["continuationToken"] = token

    def _call(self, what: str, call: Callable[[], Any], *, starting: bool = False) -> Any:
        """The answer's JSON as it came over the wire. Raises BatonError."""
        from azure.core.exceptions import (
            AzureError,
            DecodeError,
            HttpResponseError,
            ServiceRequestError,
            ServiceResponseError,
        )

        told = f"{what} at {self._connection.name} ({self._factory})"
        try:
            answered = call()
        except (ServiceRequestError, ServiceResponseError, DecodeError) as error:
            raise no_answer(told, error, starting=starting) from error
        except (ValueError, TypeError, AttributeError) as error:  # the client made nothing of the body
            raise _nonsense(told, starting=starting) from error
        except HttpResponseError as error:
            answer: Any = error.response
            if answer is None:
                raise no_answer(told, error, starting=starting) from error
            remedy = _REMEDY if answer.status_code in (401, 403) else ""
            raise bad_answer(
                told, answer.status_code, answer.headers, answer.text(), starting=starting, remedy=remedy
            ) from error
        except AzureError as error:
            raise no_answer(told, error, starting=starting) from error
        if not isinstance(answered, dict):
            raise _nonsense(told, starting=starting)
        return answered

    @property
    def _options(self) -> dict[str, Any]:
        """Per call: the answer's own JSON, which holds fields that the client's models leave out."""
        return {
            "cls": lambda answer, _model, _headers: _json(answer.http_response),
            "retry_total": 0,
            "connection_timeout": CONNECT_SECONDS,
            "read_timeout": READ_SECONDS,
            "enforce_https": not is_plain_http(self._reach.settings.resource_manager_endpoint),
        }

    @cached_property
    def _client(self) -> DataFactoryManagementClient:
        from azure.core.pipeline.transport import RequestsTransport
        from azure.mgmt.datafactory import DataFactoryManagementClient

        endpoint = self._reach.settings.resource_manager_endpoint
        return DataFactoryManagementClient(
            self._reach.identities.of(self._connection.credential),
            self._connection.subscription or "",
            base_url=endpoint,
            credential_scopes=[self._reach.settings.resource_manager_scope],
            transport=RequestsTransport(session=self._reach.session, session_owner=False),
            retry_total=0,
        )

    def _job(self, run_id: str, status: str) -> Job:
        resource = (
            f"/subscriptions/{self._connection.subscription}/resourceGroups/{self._group}"
            f"/providers/Microsoft.DataFactory/factories/{self._factory}"
        )
        portal = self._reach.settings.data_factory_portal
        link = f"{portal}/en/monitoring/pipelineruns/{quote(run_id, safe='')}?factory={quote(resource, safe='')}"
        return Job(id=run_id, status=status, link=link)


def observation_of(run: Mapping[str, Any]) -> Observation | None:
    """What a pipeline run, as it came over the wire, says. None when it says no status at all."""
    status = text_of(run.get("status"))
    if status is None:
        return None
    verdict = VERDICTS.get(status, Verdict.ACTIVE)
    error = None
    if verdict is Verdict.FAILED:
        error = Error("job_failed", text_of(run.get("message")) or "The pipeline failed, and gave no message.")
    return Observation(
        verdict=verdict,
        status=status,
        started_at=time_of(run.get("runStart")),
        ended_at=time_of(run.get("runEnd")) if verdict is not Verdict.ACTIVE else None,
        output=run.get("pipelineReturnValue"),
        error=error,
    )


def _nonsense(told: str, *, starting: bool) -> BatonError:
    text = f"{told}: the answer is not what the service's documents promise"
    return UnclearError("no_clear_answer", text) if starting else TryLaterError("unexpected_answer", text)


def _json(response: Any) -> Any:
    text = response.text()
    return json.loads(text) if text.strip() else {}


def _could_be(run: Mapping[str, Any], order: Order, since: datetime) -> bool:
    """Whether the order's start call may have made this run."""
    parameters = run.get("parameters") or {}
    carrier = order.definition.correlation
    if carrier is not None:
        return bool(parameters.get(carrier) == order.correlation)
    if (run.get("invokedBy") or {}).get("invokedByType", "Manual") != "Manual":
        return False
    return _began(run) >= since and all(
        name in parameters and same_parameter(value, parameters[name]) for name, value in order.parameters.items()
    )


def _began(run: Mapping[str, Any]) -> datetime:
    return time_of(run.get("runStart")) or time_of(run.get("lastUpdated")) or datetime.max.replace(tzinfo=UTC)


def same_parameter(sent: Any, shown: Any) -> bool:
    """Whether a parameter that was sent is the one shown: the service shows all of them as text."""
    if isinstance(sent, str) or not isinstance(shown, str):
        return bool(sent == shown)
    try:
        return bool(json.loads(shown) == sent)
    except ValueError:
        return str(sent).lower() == shown.lower()
