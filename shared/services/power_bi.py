"""Power BI: semantic models refreshed, and their refreshes watched through one history for each model.

Facts: the service's REST documents (v1.0). A body with any field makes an enhanced refresh, which has an id of
its own and can be cancelled; without one it is a standard refresh, which works on any capacity. One refresh of
a model runs at a time: a start that meets another is put off, and the next try first looks whether it is over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import requests

from shared.core.definition import Connection, Refresh, StepDefinition
from shared.core.errors import BatonError, RefusedError, TryLaterError, UnclearError
from shared.core.facts import Observation, Verdict
from shared.core.follows import SeenJob
from shared.core.run import Error, Job
from shared.ports import History, JobPage, JobQuery, JobSummary, Order, Place, Problem, WatchedJob
from shared.services.answers import bad_answer, error_of, skip_of, unchanged
from shared.services.power_bi_calls import Calls, object_of
from shared.services.power_bi_reasons import reason_of
from shared.services.reach import Reach
from shared.services.wire import text_of, time_of

VERDICTS = {
    "Unknown": Verdict.ACTIVE,  # the service's word for "in progress, or not known"
    "NotStarted": Verdict.ACTIVE,
    "InProgress": Verdict.ACTIVE,
    "Completed": Verdict.SUCCEEDED,
    "Failed": Verdict.FAILED,
    "TimedOut": Verdict.FAILED,
    "Disabled": Verdict.FAILED,
    "Cancelled": Verdict.CANCELLED,
}
HISTORY = 60  # entries: as many as the service keeps at the least busy
BUSY_SECONDS = 10.0
A_DAY = 8  # refreshes of a model on a shared capacity, the scheduled ones included

_ID = r"[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
_ROLE = "Add the identity to workspace {} as Contributor (`python -m local grant` does it)."
_UNSEEN = "There is no such semantic model in workspace {}, or the identity may not see it: check its id. "
_TENANT_SETTING = (
    "The token is good, and Power BI does not let its owner in: have a Fabric administrator switch on the tenant"
    " setting 'Service principals can use Fabric APIs' for it (once 'Allow service principals to use Power BI"
    " APIs'; Admin portal, Tenant settings), and see to it that the identity is Contributor in workspace {}."
)
_NEEDS_CAPACITY = (
    "An enhanced refresh (any field in `refresh`) needs Premium, Premium per user, Embedded or Fabric capacity:"
    " on a shared capacity leave `refresh` out."
)
_DAY = (
    "A shared capacity allows a model 8 in 24 hours, scheduled ones included; the next is"
    " possible {}. Schedule fewer, or move the workspace to Premium or Fabric capacity."
)


class PowerBi:
    """One workspace, as one identity sees it."""

    history = History(narrowed_by="dataset", required=True, form=_ID, statuses=tuple(VERDICTS))

    def __init__(self, connection: Connection, reach: Reach) -> None:
        self._connection = connection
        self._reach = reach
        self._calls = Calls(connection, reach)

    def place(self, definition: StepDefinition) -> Place:
        return Place(definition.connection, definition.dataset or "")

    def start(self, order: Order, send_before: Callable[[], bool]) -> Job:
        dataset = order.definition.dataset or ""
        if order.put_offs:
            self._wait_for_others(dataset)
        body = refresh_body(order.definition.refresh)
        answer = self._send(
            "POST", f"{dataset}/refreshes", f"refreshing {dataset}", body=body, send_before=send_before
        )
        if answer.status_code not in (200, 202):
            raise self._start_refused(dataset, answer, enhanced=body is not None)
        refresh_id = _refresh_id(answer, enhanced=body is not None)
        if refresh_id is None:
            raise UnclearError(
                "accepted_without_id", f"refreshing {dataset}: accepted, but the answer names no refresh"
            )
        return self._job(dataset, refresh_id, "Unknown")

    def find_started(self, order: Order) -> Sequence[Job]:
        dataset = order.definition.dataset or ""
        kind = "ViaApi" if refresh_body(order.definition.refresh) is None else "ViaEnhancedApi"
        earliest = order.intended_at - order.clocks_differ
        if order.ready_at is not None:  # one that began before the data was ready is never ours
            earliest = max(earliest, order.ready_at)
        entries = [
            (began, entry)
            for entry in self._history(dataset)
            if entry.get("refreshType") == kind
            and text_of(entry.get("requestId"))
            and (began := time_of(entry.get("startTime"))) is not None
            and earliest <= began <= (order.latest_at or began)
        ]
        entries.sort(key=lambda pair: abs(pair[0] - order.intended_at))
        return [self._job(dataset, entry["requestId"], _status(entry) or "Unknown") for _, entry in entries]

    def observe(
        self, place: Place, jobs: Sequence[WatchedJob], since: datetime | None
    ) -> Mapping[str, Observation]:
        listed = {entry.get("requestId"): entry for entry in self._history(place.scope)}
        told = {job.job.id: self._observed(place.scope, job, listed.get(job.job.id)) for job in jobs}
        return {job_id: seen for job_id, seen in told.items() if seen is not None}

    def _observed(self, dataset: str, watched: WatchedJob, entry: Mapping[str, Any] | None) -> Observation | None:
        """The history's word; the refresh's own where that is missing, or where it failed: for the reason."""
        known = observation_of(entry) if entry is not None else None
        if known is not None and known.verdict is not Verdict.FAILED:
            return known
        told = self._details(dataset, watched)
        if known is not None:
            return told if told is not None and told.verdict is Verdict.FAILED else known
        return unchanged(watched) if told is None and entry is not None else told

    def cancel(self, definition: StepDefinition, job: Job) -> None:
        if refresh_body(definition.refresh) is None:
            text = "A standard refresh cannot be cancelled; it goes on at the service."
            raise RefusedError("not_cancellable", text)
        what = f"cancelling refresh {job.id}"
        answer = self._send("DELETE", f"{definition.dataset}/refreshes/{job.id}", what)
        if answer.status_code not in (200, 202, 204, 400, 404, 409):  # the last three: it is over already
            raise self._bad(what, answer)

    def check(self, definitions: Sequence[StepDefinition]) -> Sequence[Problem]:
        datasets = sorted({definition.dataset or "" for definition in definitions})
        if not datasets:
            self._reach.identities.of(self._connection.credential).bearer(self._reach.settings.power_bi_scope)
        return [problem for dataset in datasets if (problem := self._check_dataset(dataset))]

    def jobs_since(self, place: Place, names: Sequence[str], since: datetime) -> Sequence[SeenJob]:
        raise RefusedError("not_followed", "Refreshes of semantic models cannot be followed.")

    def list_jobs(self, query: JobQuery) -> JobPage:
        """From the last 60 refreshes, which is what the service tells of; it cuts no pages."""
        dataset = query.what or ""
        found = [entry for entry in self._history(dataset) if _was_asked_for(entry, query)]
        skip = skip_of(query.cursor or "0")
        rest = skip + query.limit
        jobs = tuple(self._summary(dataset, entry) for entry in found[skip:rest])
        return JobPage(jobs=jobs, cursor=str(rest) if rest < len(found) else None)

    def _summary(self, dataset: str, entry: Mapping[str, Any]) -> JobSummary:
        seen, refresh_id = observation_of(entry), text_of(entry.get("requestId")) or ""
        return JobSummary(
            id=refresh_id,
            status=_status(entry) or "",
            what=dataset,
            started_at=time_of(entry.get("startTime")),
            ended_at=time_of(entry.get("endTime")),
            invoked_by=text_of(entry.get("refreshType")),
            parameters={},
            error=seen.error if seen else None,
            link=self._job(dataset, refresh_id, "").link,
        )

    def _check_dataset(self, dataset: str) -> Problem | None:
        what = f"reading semantic model {dataset}"
        try:
            answer = self._send("GET", dataset, what)
        except (RefusedError, TryLaterError) as error:
            return Problem(error.code, error.message)
        if answer.status_code != 200:
            refused = self._bad(what, answer)
            return Problem(refused.code, refused.message)
        if object_of(answer).get("isRefreshable") is False:
            return Problem("not_refreshable", f"Semantic model {dataset} cannot be refreshed (no imported data).")
        return None

    def _wait_for_others(self, dataset: str) -> None:
        """Posting again while another refresh runs may queue a second one, or lose ours: look first."""
        for entry in self._history(dataset, top=5):
            if _status(entry) in ("Unknown", "InProgress", "NotStarted") and not entry.get("endTime"):
                raise TryLaterError("busy", f"Another refresh of {dataset} is executing.", BUSY_SECONDS)

    def _start_refused(self, dataset: str, answer: requests.Response, *, enhanced: bool) -> BatonError:
        what = f"refreshing {dataset}"
        _, message = error_of(answer.text)
        if answer.status_code in (400, 409) and "already executing" in message.lower():
            return TryLaterError("busy", f"{what}: {message}", BUSY_SECONDS)
        if "exceeded limit" in message.lower():
            return self._day_used_up(dataset, f"{what}: {message}.")
        if answer.status_code == 400 and enhanced:
            refused = self._bad(what, answer, starting=True)
            return RefusedError(refused.code, f"{refused.message} {_NEEDS_CAPACITY}")
        return self._bad(what, answer, starting=True)

    def _day_used_up(self, dataset: str, told: str) -> RefusedError:
        """Says when it passes, which the history tells if it can be read."""
        try:
            began = sorted(time for e in self._history(dataset) if (time := time_of(e.get("startTime"))))
        except BatonError:
            began = []
        passes = "once the oldest of them is 24 hours old"
        if len(began) >= A_DAY:
            passes = f"about {began[-A_DAY] + timedelta(days=1):%Y-%m-%d %H:%M} UTC, {passes}"
        return RefusedError("daily_limit", f"{told} {_DAY.format(passes)}")

    def _history(self, dataset: str, top: int = HISTORY) -> Sequence[Mapping[str, Any]]:
        what = f"reading refreshes of {dataset}"
        answer = self._send("GET", f"{dataset}/refreshes?$top={top}", what)
        if answer.status_code != 200:
            raise self._bad(what, answer)
        value = object_of(answer).get("value")
        if not isinstance(value, list):
            raise TryLaterError("unexpected_answer", f"{what}: the answer holds no list")
        return [entry for entry in value if isinstance(entry, dict)]

    def _details(self, dataset: str, watched: WatchedJob) -> Observation | None:
        """What the service tells of an enhanced refresh by its id. None: it knows no such refresh by its id."""
        refresh_id = watched.job.id
        try:
            answer = self._send("GET", f"{dataset}/refreshes/{refresh_id}", f"reading refresh {refresh_id}")
        except TryLaterError:
            return unchanged(watched)
        if answer.status_code in (400, 404):
            return None
        told = observation_of(object_of(answer)) if answer.status_code in (200, 202) else None
        return told or unchanged(watched)

    def _send(self, method: str, path: str, what: str, **more: Any) -> requests.Response:
        return self._calls.send(method, f"datasets/{path}", what, **more)

    def _bad(self, what: str, answer: requests.Response, *, starting: bool = False) -> BatonError:
        by_status = {401: _TENANT_SETTING, 403: _ROLE, 404: _UNSEEN + _ROLE}
        remedy = by_status.get(answer.status_code, "").replace("{}", self._connection.workspace or "")
        told = f"{what} at {self._connection.name}"
        return bad_answer(told, answer.status_code, answer.headers, answer.text, starting=starting, remedy=remedy)

    def _job(self, dataset: str, refresh_id: str, status: str) -> Job:
        portal = self._reach.settings.power_bi_portal
        link = f"{portal}/groups/{self._connection.workspace}/datasets/{dataset}/details?experience=power-bi"
        return Job(id=refresh_id, status=status, link=link)


def refresh_body(refresh: Refresh) -> dict[str, Any] | None:
    """The body of an enhanced refresh; None for a standard one, which has none."""
    fields = {
        "type": refresh.type,
        "commitMode": refresh.commit_mode,
        "maxParallelism": refresh.max_parallelism,
        "retryCount": refresh.retry_count,
        "objects": [dict(item) for item in refresh.objects] if refresh.objects else None,
        "applyRefreshPolicy": refresh.apply_refresh_policy,
        "effectiveDate": refresh.effective_date,
        "timeout": refresh.timeout,
    }
    return {name: value for name, value in fields.items() if value is not None} or None


def observation_of(entry: Mapping[str, Any]) -> Observation | None:
    """What a history entry, or a refresh's details, says. None when it says no status at all."""
    status = _status(entry)
    if status is None:
        return None
    verdict = VERDICTS.get(status, Verdict.ACTIVE)
    return Observation(
        verdict=verdict,
        status=status,
        started_at=time_of(entry.get("startTime")),
        ended_at=time_of(entry.get("endTime")) if verdict is not Verdict.ACTIVE else None,
        error=Error("job_failed", reason_of(entry, status)) if verdict is Verdict.FAILED else None,
    )


def _was_asked_for(entry: Mapping[str, Any], query: JobQuery) -> bool:
    changed_at = time_of(entry.get("endTime")) or time_of(entry.get("startTime"))
    within = changed_at is not None and query.after <= changed_at <= query.before
    return within and query.status in (None, _status(entry))


def _status(entry: Mapping[str, Any]) -> str | None:
    return text_of(entry.get("extendedStatus")) or text_of(entry.get("status"))


def _refresh_id(answer: requests.Response, *, enhanced: bool) -> str | None:
    """Only an enhanced refresh promises Location and x-ms-request-id; a standard one is known by RequestId."""
    location = answer.headers.get("Location", "").split("?")[0].rstrip("/").rsplit("/", 1)[-1]
    names = ("x-ms-request-id", "RequestId") if enhanced else ("RequestId", "x-ms-request-id")
    return location or next((answer.headers[name] for name in names if answer.headers.get(name)), None)
