"""Power BI's dataflows (Gen1): refreshed, and watched through the transactions of each dataflow.

Facts: the service's REST documents (v1.0). A refresh is answered without an id, so no start is clear at once:
its transaction is found by the look-up, among those that began since the intent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import requests

from shared.core.definition import Connection, StepDefinition
from shared.core.errors import BatonError, RefusedError, TryLaterError, UnclearError
from shared.core.facts import Observation, Verdict
from shared.core.run import Error, Job
from shared.ports import Order, Place, Problem, WatchedJob
from shared.services.answers import bad_answer, error_of, unchanged
from shared.services.power_bi_calls import Calls, object_of
from shared.services.reach import Reach
from shared.services.wire import text_of, time_of

SCOPE = "dataflow/"  # begins the scope of a dataflow's place; a semantic model's is its bare id
VERDICTS = {  # the documents name no words; these have been met
    "inprogress": Verdict.ACTIVE,
    "success": Verdict.SUCCEEDED,
    "failed": Verdict.FAILED,
    "cancelled": Verdict.CANCELLED,
}
BUSY_SECONDS = 10.0

_CONCLUDED = ("successfullymarked", "alreadyconcluded", "notfound")
_NO_CAUSE = "Power BI's API tells no cause; the dataflow's refresh history in the portal does."
_REMEDY = (
    "Add the identity to the workspace as Contributor, and have a Fabric administrator allow service principals"
    " to use the Power BI APIs."
)


class Dataflows:
    """The dataflows of one workspace, as one identity sees them."""

    def __init__(self, connection: Connection, reach: Reach) -> None:
        self._connection = connection
        self._portal = reach.settings.power_bi_portal
        self._calls = Calls(connection, reach)

    def place(self, definition: StepDefinition) -> Place:
        return Place(definition.connection, f"{SCOPE}{definition.dataflow}")

    def start(self, order: Order, send_before: Callable[[], bool]) -> Job:
        """Never gives a job: raises UnclearError where the refresh was accepted, as the answer holds no id.

        What runs already is waited for: a second refresh beside it could not be told apart from it.
        """
        dataflow = order.definition.dataflow or ""
        if any(_verdict(entry) is Verdict.ACTIVE and _runs(entry) for entry in self._transactions(dataflow)):
            raise TryLaterError("busy", f"Another refresh of dataflow {dataflow} is executing.", BUSY_SECONDS)
        what = f"refreshing dataflow {dataflow}"
        body = {"notifyOption": "NoNotification"}
        answer = self._calls.send(
            "POST", f"dataflows/{dataflow}/refreshes", what, body=body, send_before=send_before
        )
        if answer.status_code not in (200, 202):
            raise self._start_refused(what, answer)
        raise UnclearError("accepted_without_id", f"{what}: accepted; the answer names no transaction")

    def find_started(self, order: Order) -> Sequence[Job]:
        """Transactions that began since the intent, by anything but a schedule; one without a time is nobody's."""
        dataflow = order.definition.dataflow or ""
        earliest = order.intended_at - order.clocks_differ
        if order.ready_at is not None:
            earliest = max(earliest, order.ready_at)
        found = [
            (began, entry)
            for entry in self._transactions(dataflow)
            if (text_of(entry.get("refreshType")) or "").lower() != "scheduled"
            and (began := time_of(entry.get("startTime"))) is not None
            and earliest <= began <= (order.latest_at or began)
        ]
        found.sort(key=lambda pair: abs(pair[0] - order.intended_at))
        return [self._job(dataflow, entry) for _, entry in found]

    def observe(self, place: Place, jobs: Sequence[WatchedJob]) -> Mapping[str, Observation]:
        listed = {entry["id"]: entry for entry in self._transactions(place.scope.removeprefix(SCOPE))}
        return {
            watched.job.id: observation_of(listed[watched.job.id]) or unchanged(watched)
            for watched in jobs
            if watched.job.id in listed
        }

    def cancel(self, job: Job) -> None:
        what = f"cancelling dataflow transaction {job.id}"
        answer = self._calls.send("POST", f"dataflows/transactions/{quote(job.id, safe='')}/cancel", what)
        if answer.status_code == 404:  # it is over, and forgotten
            return
        if answer.status_code != 200:
            raise self._bad(what, answer)
        told = text_of(object_of(answer).get("status")) or ""
        if told.lower() == "invalid":
            raise RefusedError("not_cancellable", f"{what}: the service says that it cannot be cancelled.")
        if told.lower() not in _CONCLUDED:
            raise TryLaterError("unexpected_answer", f"{what}: the answer says {told[:100]!r}")

    def check(self, definitions: Sequence[StepDefinition]) -> Sequence[Problem]:
        """One list tells of them all."""
        wanted = sorted({definition.dataflow for definition in definitions if definition.dataflow})
        if not wanted:
            return []
        try:
            listed = self._list("dataflows", "reading the workspace's dataflows")
        except (RefusedError, TryLaterError) as error:
            return [Problem(error.code, error.message)]
        known = {str(entry.get("objectId")).lower() for entry in listed}
        text = "is not in workspace {}, or the identity may not see it. Only dataflows of the first generation are"
        text = f"{text} refreshed here; a Gen2 one is a step at a fabric connection. {_REMEDY}"
        return [
            Problem("not_found", f"Dataflow {dataflow} {text.format(self._connection.workspace)}")
            for dataflow in wanted
            if dataflow.lower() not in known
        ]

    def _transactions(self, dataflow: str) -> Sequence[Mapping[str, Any]]:
        listed = self._list(f"dataflows/{dataflow}/transactions", f"reading transactions of dataflow {dataflow}")
        return [entry for entry in listed if text_of(entry.get("id"))]

    def _list(self, path: str, what: str) -> Sequence[Mapping[str, Any]]:
        answer = self._calls.send("GET", path, what)
        if answer.status_code != 200:
            raise self._bad(what, answer)
        value = object_of(answer).get("value")
        if not isinstance(value, list):
            raise TryLaterError("unexpected_answer", f"{what}: the answer holds no list")
        return [entry for entry in value if isinstance(entry, dict)]

    def _start_refused(self, what: str, answer: requests.Response) -> BatonError:
        _, message = error_of(answer.text)
        if answer.status_code in (400, 409) and "already" in message.lower():
            return TryLaterError("busy", f"{what}: {message}", BUSY_SECONDS)
        return self._bad(what, answer, starting=True)

    def _bad(self, what: str, answer: requests.Response, *, starting: bool = False) -> BatonError:
        remedy = _REMEDY if answer.status_code in (401, 403, 404) else ""
        told = f"{what} at {self._connection.name}"
        return bad_answer(told, answer.status_code, answer.headers, answer.text, starting=starting, remedy=remedy)

    def _job(self, dataflow: str, entry: Mapping[str, Any]) -> Job:
        link = f"{self._portal}/groups/{self._connection.workspace}/dataflows/{dataflow}"
        return Job(id=entry["id"], status=text_of(entry.get("status")) or "Unknown", link=link)


def observation_of(entry: Mapping[str, Any]) -> Observation | None:
    """What a transaction says. None when it says no status at all."""
    verdict, status = _verdict(entry), text_of(entry.get("status"))
    if verdict is None or status is None:
        return None
    failed = Error("job_failed", f"The dataflow's refresh ended as {status}. {_NO_CAUSE}")
    return Observation(
        verdict=verdict,
        status=status,
        started_at=time_of(entry.get("startTime")),
        ended_at=time_of(entry.get("endTime")) if verdict is not Verdict.ACTIVE else None,
        error=failed if verdict is Verdict.FAILED else None,
    )


def _verdict(entry: Mapping[str, Any]) -> Verdict | None:
    """An unknown word is no end: the step's own timeout bounds it."""
    status = text_of(entry.get("status"))
    return None if status is None else VERDICTS.get(status.lower(), Verdict.ACTIVE)


def _runs(entry: Mapping[str, Any]) -> bool:
    return time_of(entry.get("endTime")) is None
