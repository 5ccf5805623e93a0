"""Fabric: any item's jobs started, found, watched and cancelled through the job scheduler.

Facts: the service's REST documents (v1). Only the Location of a start names the new instance, and not always. The
list of an item's instances holds all active and the lately ended ones; what it leaves out is read one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from shared.core.definition import Connection, StepDefinition
from shared.core.errors import RefusedError, TryLaterError, UnclearError
from shared.core.facts import Observation
from shared.core.follows import SeenJob
from shared.core.run import Job
from shared.ports import History, JobPage, JobQuery, JobSummary, Order, Place, Problem, WatchedJob
from shared.services.answers import error_of, retry_after_seconds, skip_of, unchanged
from shared.services.fabric_calls import Calls, only_viewer, role_remedy
from shared.services.fabric_items import ITEM_TYPES, Item, Items, scope_of
from shared.services.fabric_jobs import (
    SKIPPED,
    VERDICTS,
    instance_id,
    is_complete,
    link_of,
    observation_of,
    run_body,
    same_job_type,
    seen_of,
)
from shared.services.reach import Reach
from shared.services.wire import text_of, time_of

MOST_SINGLE_READS = 25


class Fabric:
    """One workspace, as one identity sees it."""

    history = History(narrowed_by="item", form=r"[^\x00-\x1f]{1,256}", statuses=tuple(VERDICTS), required=True)

    def __init__(self, connection: Connection, reach: Reach) -> None:
        self._connection = connection
        self._reach = reach
        self._portal = reach.settings.fabric_portal
        self._calls = Calls(connection, reach)
        self._items = Items(self._calls)

    def place(self, definition: StepDefinition) -> Place:
        return Place(definition.connection, _scope(definition))

    def start(self, order: Order, send_before: Callable[[], bool]) -> Job:
        definition = order.definition
        body = run_body(definition, order.parameters)
        item = self._items.find(_scope(definition))
        what = f"running {definition.job_type} of item {definition.item!r}"
        answer = self._calls.send(
            "POST",
            f"/items/{item.id}/jobs/{quote(definition.job_type or '', safe='')}/instances",
            what,
            body=body,
            send_before=send_before,
            starting=True,
        )
        if not 200 <= answer.status_code < 300:
            if answer.status_code == 404 and self._items.moved(_scope(definition), item):
                raise TryLaterError("item_moved", f"{what}: its name now leads to another item than before.")
            raise self._calls.bad(what, answer, starting=True)
        instance = instance_id(answer.headers.get("Location", ""))
        if instance is None:
            raise UnclearError("no_clear_answer", f"{what}: accepted, but the answer names no job instance")
        return self._job(definition, item, instance, "NotStarted", retry_after_seconds(answer.headers))

    def find_started(self, order: Order) -> Sequence[Job]:
        definition = order.definition
        item = self._items.find(_scope(definition))
        earliest = order.intended_at - order.clocks_differ
        if order.ready_at is not None:  # one that began before the data was ready is never ours
            earliest = max(earliest, order.ready_at)
        entries = [entry for entry in self._entries(item) if _could_be(entry, order, earliest)]
        entries.sort(key=lambda entry: abs(_began(entry) - order.intended_at))
        return [
            self._job(definition, item, entry["id"].lower(), text_of(entry.get("status")) or "NotStarted")
            for entry in entries
        ]

    def observe(
        self, place: Place, jobs: Sequence[WatchedJob], since: datetime | None
    ) -> Mapping[str, Observation]:
        item = self._items.find(place.scope)
        wanted = {job.job.id: job for job in jobs}
        listed = self._listed(item, wanted)
        entries = {job_id: entry for job_id, entry in listed.items() if is_complete(entry)}
        unsure = sorted(wanted.keys() - entries.keys(), key=lambda job_id: (job_id not in listed, job_id))
        absent = set()
        for job_id in unsure[:MOST_SINGLE_READS]:  # the others come with the next look
            told, is_known = self._read(item, job_id, listed.get(job_id))
            if told is not None:
                entries[job_id] = told
            elif not is_known:
                absent.add(job_id)
        seen = {job_id: observation_of(entry) for job_id, entry in entries.items()}
        there = {job_id: job for job_id, job in wanted.items() if job_id not in absent}
        return {job_id: seen.get(job_id) or unchanged(job) for job_id, job in there.items()}

    def jobs_since(self, place: Place, names: Sequence[str], since: datetime) -> Sequence[SeenJob]:
        try:
            item = self._items.find(place.scope)
            entries = [entry for entry in self._entries(item) if text_of(entry.get("id"))]
        except RefusedError as error:
            if error.code == "not_found":
                self._items.forget(place.scope)  # its name may lead to another item by now
            raise
        workspace = self._connection.workspace or ""
        found = [
            seen_of(entry, name, link_of(self._portal, workspace, item, name, str(entry["id"]).lower()))
            for name in names
            for entry in entries
            if same_job_type(name, entry.get("jobType")) and entry.get("status") != SKIPPED
        ]
        return [job for job in found if job.updated_at >= since]

    def list_jobs(self, query: JobQuery) -> JobPage:
        """From an item's list, which holds all active and about a hundred ended jobs; it is read whole."""
        item = self._items.read(scope_of(query.what or "", ""))
        found = [entry for entry in self._entries(item) if _was_asked_for(entry, query)]
        found.sort(key=_began, reverse=True)
        skip = skip_of(query.cursor or "0")
        rest = skip + query.limit
        jobs = tuple(self._summary(item, entry) for entry in found[skip:rest])
        return JobPage(jobs=jobs, cursor=str(rest) if rest < len(found) else None)

    def _summary(self, item: Item, entry: Mapping[str, Any]) -> JobSummary:
        seen, job_id = observation_of(entry), str(entry.get("id")).lower()
        job_type = text_of(entry.get("jobType"))
        return JobSummary(
            id=job_id,
            status=text_of(entry.get("status")) or "",
            what=f"{item.name or item.id} ({job_type})" if job_type else item.name or item.id,
            started_at=time_of(entry.get("startTimeUtc")),
            ended_at=time_of(entry.get("endTimeUtc")),
            invoked_by=text_of(entry.get("invokeType")),
            parameters={},
            error=seen.error if seen else None,
            link=link_of(self._portal, self._connection.workspace or "", item, job_type, job_id),
        )

    def cancel(self, definition: StepDefinition, job: Job) -> None:
        item = self._items.find(_scope(definition))
        what = f"cancelling job {job.id}"
        answer = self._calls.send("POST", f"/items/{item.id}/jobs/instances/{job.id}/cancel", what)
        over = error_of(answer.text)[0] == "JobAlreadyCompleted"
        if not 200 <= answer.status_code < 300 and not over:
            raise self._calls.bad(what, answer)

    def check(self, definitions: Sequence[StepDefinition]) -> Sequence[Problem]:
        if not definitions:
            self._calls.bearer()
        problems: list[Problem] = []
        items: dict[str, Item] = {}
        for scope in sorted({_scope(definition) for definition in definitions}):
            try:
                items[scope] = self._items.read(scope)
            except (RefusedError, TryLaterError) as error:
                problems.append(Problem(error.code, error.message))
                if error.code not in ("not_found", "ambiguous_item"):  # the next read would fare no better
                    return problems
        kinds = sorted({(_scope(step), step.job_type or "") for step in definitions if _scope(step) in items})
        problems += [problem for scope, word in kinds if (problem := _misfit(items[scope], word)) is not None]
        if items and any(step.name for step in definitions) and only_viewer(self._connection, self._reach):
            text = "The identity may look into the workspace and run nothing there."
            problems.append(Problem("forbidden", f"{text} {role_remedy(self._connection)}"))
        return [*problems, *_named_twice(items)]

    def _entries(self, item: Item) -> Iterator[Mapping[str, Any]]:
        return self._calls.entries(f"/items/{item.id}/jobs/instances", f"listing jobs of item {item.id}")

    def _listed(self, item: Item, wanted: Collection[str]) -> Mapping[str, Mapping[str, Any]]:
        """The wanted instances by id. Pages after the last of them are left unread."""
        found: dict[str, Mapping[str, Any]] = {}
        for entry in self._entries(item):
            job_id = str(entry.get("id")).lower()
            if job_id in wanted:
                found[job_id] = entry
                if len(found) == len(wanted):
                    break
        return found

    def _read(
        self, item: Item, job_id: str, listed: Mapping[str, Any] | None
    ) -> tuple[Mapping[str, Any] | None, bool]:
        """An instance with all it says, or what the list says where reading is refused; and whether it is known.

        None: not to be had now.
        """
        told = listed
        what = f"reading job {job_id}"
        try:
            told = self._calls.get(f"/items/{item.id}/jobs/instances/{job_id}", what)
            by_new_word = told.get("jobType") == "Execute" and not is_complete(told)
            if by_new_word and self._items.type_of(item) == "Notebook":  # the generic read has no exit value then
                told = self._calls.get(f"/notebooks/{item.id}/jobs/execute/instances/{job_id}?beta=true", what)
        except TryLaterError:
            return None, True
        except RefusedError as error:
            return told, told is not None or error.code != "not_found"
        return told, True

    def _job(
        self, definition: StepDefinition, item: Item, instance: str, status: str, wait: float | None = None
    ) -> Job:
        workspace = self._connection.workspace or ""
        link = link_of(self._portal, workspace, item, definition.job_type, instance)
        return Job(id=instance, status=status, link=link, first_look_seconds=wait)


def _was_asked_for(entry: Mapping[str, Any], query: JobQuery) -> bool:
    changed_at = time_of(entry.get("endTimeUtc")) or time_of(entry.get("startTimeUtc"))
    in_time = changed_at is None or query.after <= changed_at <= query.before
    return in_time and query.status in (None, text_of(entry.get("status")))


def _scope(definition: StepDefinition) -> str:
    return scope_of(definition.item or "", definition.job_type or "")


def _could_be(entry: Mapping[str, Any], order: Order, earliest: datetime) -> bool:
    """Whether a start call may have made this instance. The list shows no parameters and no caller.

    One that has not begun has no beginning to compare; whoever asked for it, it will begin after the intent.
    """
    status = text_of(entry.get("status"))
    if not text_of(entry.get("id")) or entry.get("invokeType") == "Scheduled":
        return False
    began_at = time_of(entry.get("startTimeUtc"))
    if began_at is None and status not in ("NotStarted", None):  # without a status it is there all the same
        return False
    if not same_job_type(order.definition.job_type, entry.get("jobType")):
        return False
    return earliest <= _began(entry) and (began_at is None or began_at <= (order.latest_at or began_at))


def _began(entry: Mapping[str, Any]) -> datetime:
    return time_of(entry.get("startTimeUtc")) or datetime.max.replace(tzinfo=UTC)


def _misfit(item: Item, job_type: str) -> Problem | None:
    fitting = ITEM_TYPES.get(job_type)
    if fitting is None or item.type is None or item.type == fitting:
        return None
    text = f"Job type {job_type} is for a {fitting}, and item {item.name or item.id} is a {item.type}."
    return Problem("wrong_job_type", text)


def _named_twice(items: Mapping[str, Item]) -> list[Problem]:
    """One item under two names would be two places, whose jobs are told apart less well."""
    scopes: dict[str, list[str]] = {}
    for scope, item in items.items():
        scopes.setdefault(item.id.lower(), []).append(scope.partition(":")[2] or scope)
    text = "Steps name one item in different ways: {}. Use one of them everywhere."
    return [
        Problem("named_twice", text.format(" and ".join(sorted(spellings))))
        for spellings in scopes.values()
        if len(set(spellings)) > 1
    ]
