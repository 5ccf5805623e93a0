"""Pipelines started, found, watched and cancelled: what Data Factory and Synapse have in common.

All runs of a factory or workspace are watched with one paged query over what changed. How a request gets there
is each service's own affair (`Calls`); nothing is repeated on the way, neither there nor here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from shared.core.definition import Connection, StepDefinition
from shared.core.errors import BatonError, RefusedError, TryLaterError, UnclearError
from shared.core.facts import Observation, Verdict
from shared.core.follows import SeenJob
from shared.core.run import Error, Job
from shared.ports import Clock, History, JobPage, JobQuery, Order, Place, Problem, WatchedJob
from shared.services.answers import skip_of, unchanged
from shared.services.pipeline_checks import explained, pipeline_problems
from shared.services.pipeline_runs import (
    VERDICTS,
    began,
    could_be,
    failed_activities,
    observation_of,
    reason_of,
    seen_of,
    summary_of,
)
from shared.services.wire import text_of, time_of, wire_time

Json = Mapping[str, Any]

WIDE_MARGIN = timedelta(minutes=10)
KEPT = timedelta(days=45)  # the services forget runs after that
MOST_PAGES = 1_000
MOST_SINGLE_READS = 25
MOST_REASONS = 25
REASON_SECONDS = 10.0  # a run's verdict waits no longer for its reason


@dataclass(frozen=True, slots=True)
class Continued:
    """The earlier run that a start continues, and the activity that it begins with, where that is known."""

    run_id: str
    start_activity: str | None = None


class Calls(Protocol):
    """One factory's or workspace's operations. Answers are JSON objects as they came over the wire.

    All raise RefusedError and TryLaterError; `create_run` also UnclearError, and TryLaterError when `send_before`
    says, as the request is about to leave, that it is too late.
    """

    where: str  # in words, for messages
    finds_failure: bool  # whether it continues a run from its failed activities by itself

    def create_run(
        self, pipeline: str, parameters: Json, continued: Continued | None, send_before: Callable[[], bool]
    ) -> Json: ...
    def get_run(self, run_id: str) -> Json: ...
    def query_runs(self, body: Json) -> Json: ...
    def query_activities(self, pipeline: str, run_id: str, body: Json, *, seconds: float) -> Json: ...
    def cancel_run(self, run_id: str) -> None: ...
    def get_pipeline(self, pipeline: str) -> Json: ...
    def pipeline_names(self) -> Sequence[str]: ...
    def link(self, run_id: str) -> str: ...


class PipelineService:
    """One factory or workspace, as one identity sees it."""

    history = History(narrowed_by="pipeline", form=r"[^\x00-\x1f]{1,260}", statuses=tuple(VERDICTS))

    def __init__(self, connection: Connection, calls: Calls, clock: Clock) -> None:
        self._connection = connection
        self._calls = calls
        self._clock = clock

    def place(self, definition: StepDefinition) -> Place:
        return Place(definition.connection, "")

    def start(self, order: Order, send_before: Callable[[], bool]) -> Job:
        pipeline = order.definition.pipeline or ""
        continued = self._continued(order)
        try:
            answer = self._calls.create_run(pipeline, order.parameters, continued, send_before)
        except RefusedError as error:
            raise explained(self._calls, pipeline, error) from error.__cause__
        run_id = text_of(answer.get("runId"))
        if run_id is None:
            raise UnclearError("no_clear_answer", f"starting pipeline {pipeline!r}: the answer names no run")
        return self._job(run_id, "Queued")

    def find_started(self, order: Order) -> Sequence[Job]:
        since = order.intended_at - order.clocks_differ
        groups = self._groups(order)
        named = [_equals("PipelineName", order.definition.pipeline or "")]
        found = [run for run in self._query(since - WIDE_MARGIN, named) if could_be(run, order, since, groups)]
        found.sort(key=lambda run: abs(began(run) - order.intended_at))
        return [self._job(run["runId"], str(run.get("status") or "Queued")) for run in found]

    def observe(
        self, place: Place, jobs: Sequence[WatchedJob], since: datetime | None
    ) -> Mapping[str, Observation]:
        wanted = {job.job.id: job for job in jobs}
        start = since or min(job.began_at for job in jobs) - WIDE_MARGIN
        runs = {run["runId"]: run for run in self._query(start, []) if run["runId"] in wanted}
        seen = {run_id: observation_of(run) or unchanged(wanted[run_id]) for run_id, run in runs.items()}
        if since is None:
            seen |= self._seen_alone([wanted[run_id] for run_id in sorted(wanted.keys() - runs.keys())], runs)
        return {**seen, **self._with_reasons(runs, seen)}

    def jobs_since(self, place: Place, names: Sequence[str], since: datetime) -> Sequence[SeenJob]:
        named = {"operand": "PipelineName", "operator": "In", "values": list(names)}
        found = {run["runId"]: run for run in self._query(since, [named])}
        return [seen_of(run, self._calls.link(run_id), self._clock()) for run_id, run in found.items()]

    def cancel(self, definition: StepDefinition, job: Job) -> None:
        try:
            self._calls.cancel_run(job.id)
        except RefusedError as error:
            if error.code not in ("bad_request", "not_found", "conflict"):  # those: it is over already
                raise

    def check(self, definitions: Sequence[StepDefinition]) -> Sequence[Problem]:
        """Pipelines, parameters, and the right to watch runs. Whether they may be started, only a start tells."""
        problems, answers = pipeline_problems(self._calls, definitions)
        if not answers:
            return problems
        try:
            next(self._query(self._clock(), []), None)
        except (RefusedError, TryLaterError) as error:
            problems.append(Problem(error.code, error.message))
        return problems

    def list_jobs(self, query: JobQuery) -> JobPage:
        """The service cuts its own pages; one that is longer than the limit is read again for its rest."""
        filters = [_equals("PipelineName", query.what)] if query.what else []
        filters += [_equals("Status", query.status)] if query.status else []
        skip, token = _place_in_page(query.cursor)
        body = _query_body(query.after, query.before, filters, "DESC")
        page = self._calls.query_runs({**body, "continuationToken": token} if token else body)
        runs, following = _runs_of(page)
        shown = runs[skip : skip + query.limit]
        rest = f"{skip + query.limit}:{token}" if skip + query.limit < len(runs) else None
        summaries = tuple(summary_of(run, self._calls.link(run["runId"])) for run in shown)
        return JobPage(jobs=summaries, cursor=rest or (f"0:{following}" if following else None))

    def _continued(self, order: Order) -> Continued | None:
        if order.continues is None:
            return None
        if self._calls.finds_failure:
            return Continued(order.continues)
        return Continued(order.continues, self._failed_at(order.definition.pipeline or "", order.continues))

    def _failed_at(self, pipeline: str, run_id: str) -> str | None:
        """Which of the pipeline's own activities failed in that run: not one inside a loop or a branch.

        None when the service will not tell; the run is then continued from its beginning.
        """
        try:
            run = self._calls.get_run(run_id)
            failed = failed_activities(self._activities(run, pipeline, run_id))
            properties = self._calls.get_pipeline(pipeline).get("properties") or {}
        except RefusedError:
            return None
        own = {activity.get("name") for activity in properties.get("activities") or []}
        return next((activity["activityName"] for activity in failed if activity.get("activityName") in own), None)

    def _groups(self, order: Order) -> frozenset[str]:
        """The group of the run that the order continues; for a first run that may be its own id."""
        if order.continues is None:
            return frozenset()
        told = self._read(order.continues) or {}
        group = text_of(told.get("runGroupId"))
        return frozenset({order.continues} if group is None else {group})

    def _with_reasons(self, runs: Mapping[str, Json], seen: Mapping[str, Observation]) -> dict[str, Observation]:
        """Failed runs with the activity that failed. A call that does not work leaves the runs' own messages."""
        told: dict[str, Observation] = {}
        failed = [run_id for run_id, shown in seen.items() if shown.verdict is Verdict.FAILED]
        for run_id in failed[:MOST_REASONS]:
            run = runs[run_id]
            try:
                activities = self._activities(run, text_of(run.get("pipelineName")) or "", run_id)
            except BatonError:
                return told  # the next call would hardly fare better
            if activities := failed_activities(activities):
                reason = reason_of(activities[0], text_of(run.get("message")) or "")
                told[run_id] = replace(seen[run_id], error=Error("job_failed", reason))
        return told

    def _activities(self, run: Json, pipeline: str, run_id: str) -> list[Json]:
        """The first page of the run's failed activities, those that ended first in front."""
        now = self._clock()
        body = {
            "lastUpdatedAfter": wire_time((time_of(run.get("runStart")) or now - KEPT) - WIDE_MARGIN),
            "lastUpdatedBefore": wire_time(now + WIDE_MARGIN),
            "filters": [_equals("Status", "Failed")],
            "orderBy": [{"orderBy": "ActivityRunEnd", "order": "ASC"}],
        }
        told = self._calls.query_activities(pipeline, run_id, body, seconds=REASON_SECONDS).get("value")
        return [each for each in told if isinstance(each, dict)] if isinstance(told, list) else []

    def _seen_alone(self, missing: Sequence[WatchedJob], runs: dict[str, Json]) -> dict[str, Observation]:
        """Runs by their ids, one by one; `runs` gets what was read. Only what was looked for, and is not known
        there, is left out: a read that fails is no absence, and one that may pass ends the reading for now.
        """
        seen = {watched.job.id: unchanged(watched) for watched in missing}
        for watched in missing[:MOST_SINGLE_READS]:
            try:
                run = self._read(watched.job.id)
            except TryLaterError:
                break
            except RefusedError:
                continue
            if run is None:
                del seen[watched.job.id]
            else:
                runs[watched.job.id] = run
                seen[watched.job.id] = observation_of(run) or unchanged(watched)
        return seen

    def _read(self, run_id: str) -> Json | None:
        try:
            return self._calls.get_run(run_id)
        except RefusedError as error:
            if error.code == "not_found":
                return None
            raise

    def _query(self, since: datetime, filters: Sequence[Json]) -> Iterator[Json]:
        body = _query_body(since, self._clock() + WIDE_MARGIN, filters, "ASC")
        for _ in range(MOST_PAGES):
            runs, token = _runs_of(self._calls.query_runs(body))
            yield from runs
            if token is None:
                return
            body["continuationToken"] = token

    def _job(self, run_id: str, status: str) -> Job:
        return Job(id=run_id, status=status, link=self._calls.link(run_id))


def nonsense(told: str, *, starting: bool) -> BatonError:
    """The error for an answer that makes no sense: unclear for a start, no verdict for a look."""
    text = f"{told}: the answer is not what the service's documents promise"
    return UnclearError("no_clear_answer", text) if starting else TryLaterError("unexpected_answer", text)


def too_late() -> TryLaterError:
    return TryLaterError("too_late", "Getting ready to start took too long; nothing was sent.")


def _query_body(after: datetime, before: datetime, filters: Sequence[Json], order: str) -> dict[str, Any]:
    return {
        "lastUpdatedAfter": wire_time(after),
        "lastUpdatedBefore": wire_time(before),
        "filters": list(filters),
        "orderBy": [{"orderBy": "RunStart", "order": order}],
    }


def _runs_of(page: Json) -> tuple[list[Json], str | None]:
    """The runs of one page, and the token of the next."""
    runs = page.get("value")
    if not isinstance(runs, list):
        raise nonsense("querying pipeline runs", starting=False)
    return [run for run in runs if isinstance(run, dict) and text_of(run.get("runId"))], text_of(
        page.get("continuationToken")
    )


def _equals(operand: str, value: str) -> Json:
    return {"operand": operand, "operator": "Equals", "values": [value]}


def _place_in_page(cursor: str | None) -> tuple[int, str]:
    skip, _, token = (cursor or "0:").partition(":")
    return skip_of(skip), token
