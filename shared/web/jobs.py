"""`GET /api/connections/{name}/jobs`: what ran there, whoever started it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.app import Baton
from shared.core.definition import Connection
from shared.core.errors import RefusedError, TryLaterError
from shared.ports import History, JobQuery, JobSummary
from shared.web.answer import Answer, Mistake, ProblemError, json_answer
from shared.web.limits import PLATFORM_QUERY
from shared.web.views import job_view, time_view

DEFAULT_SPAN = timedelta(days=1)
OPEN_END = timedelta(minutes=10)  # jobs change while they are asked for, and clocks differ
DEFAULT_LIMIT = 50
MOST_LISTED = 100
MOST_CURSOR = 8_000  # characters
_STATUS_OF = {"bad_request": 400, "not_found": 404}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A page of jobs, and what was asked for; `cursor` is for the next call."""

    asked: JobQuery
    jobs: tuple[JobSummary, ...]
    cursor: str | None


def list_jobs(baton: Baton, name: str, query: Mapping[str, str]) -> Answer:
    """Jobs that changed from `after` to `before`, newest first, as the service itself tells of them."""
    listed = listed_jobs(baton, name, query)
    return json_answer(
        200,
        {
            "connection": name,
            "after": time_view(listed.asked.after),
            "before": time_view(listed.asked.before),
            "jobs": [job_view(job) for job in listed.jobs],
            "cursor": listed.cursor,
        },
    )


def listed_jobs(baton: Baton, name: str, query: Mapping[str, str]) -> Listed:
    """The jobs. Raises ProblemError for a query that does not fit, and for what the service says instead."""
    service = baton.world.services(connection_of(baton, name))
    asked = _Asked(service.history, query, baton.world.now()).job_query()
    try:
        page = service.list_jobs(asked)
    except RefusedError as error:
        raise ProblemError(_STATUS_OF.get(error.code, 502), error.message, code=error.code) from error
    except TryLaterError as error:
        seconds = max(1, round(error.after_seconds or 10))
        headers = {"Retry-After": str(seconds)}
        raise ProblemError(503, error.message, headers=headers, code=error.code) from error
    cursor = None if page.cursor is None else _cursor(asked, page.cursor)
    return Listed(asked=asked, jobs=page.jobs, cursor=cursor)


def connection_of(baton: Baton, name: str) -> Connection:
    """Raises ProblemError when none of that name is declared."""
    connection = baton.chains_file.connections.get(name)
    if connection is None:
        declared = ", ".join(sorted(baton.chains_file.connections)) or "none"
        raise ProblemError(404, f"There is no connection {name[:200]!r}. Declared are: {declared}.")
    return connection


class _Asked:
    """Reads one query, and gathers what is wrong with it."""

    def __init__(self, history: History, query: Mapping[str, str], now: datetime) -> None:
        self._history = history
        self._query = query
        self._now = now
        self._mistakes: list[Mistake] = []

    def job_query(self) -> JobQuery:
        """Raises ProblemError with every mistake."""
        self._unknown()
        after, before, cursor = self._from_cursor() or self._span()
        asked = JobQuery(
            after=after,
            before=before,
            limit=self._limit(),
            what=self._what(),
            status=self._status(),
            cursor=cursor,
        )
        if self._mistakes:
            raise ProblemError(400, "The query does not fit.", errors=self._mistakes)
        return asked

    def _unknown(self) -> None:
        known = ["after", "before", "status", self._history.narrowed_by, "limit", "cursor"]
        for name in self._query:
            if name not in known and name not in PLATFORM_QUERY:
                self._mistakes.append(Mistake(name, f"unknown; there are {', '.join(known)}"))

    def _span(self) -> tuple[datetime, datetime, None]:
        given = self._time("before")
        before = given or self._now + OPEN_END
        after = self._time("after") or (given or self._now) - DEFAULT_SPAN
        if after >= before:
            self._mistakes.append(
                Mistake("after", "must be earlier than before, which is now where it is not given")
            )
        return after, before, None

    def _time(self, name: str) -> datetime | None:
        text = self._query.get(name)
        if not text:
            return None
        time = _moment(text)
        if time is None:
            self._mistakes.append(Mistake(name, "must be a time with its zone, like 2026-11-21T05:30:00Z"))
        return time

    def _from_cursor(self) -> tuple[datetime, datetime, str] | None:
        """The span and the place in it that the page before ended with."""
        text = self._query.get("cursor")
        if not text:
            return None
        try:
            after, before, token = json.loads(base64.urlsafe_b64decode(text[:MOST_CURSOR]))
            span = _moment(after), _moment(before)
        except (ValueError, TypeError, RecursionError):
            span, token = (None, None), None
        if span[0] is None or span[1] is None or not isinstance(token, str):
            self._mistakes.append(Mistake("cursor", "is not one that an earlier answer gave"))
            return None
        return span[0], span[1], token

    def _limit(self) -> int:
        text = self._query.get("limit") or str(DEFAULT_LIMIT)
        if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= MOST_LISTED:
            self._mistakes.append(Mistake("limit", f"must be a number from 1 to {MOST_LISTED}"))
            return DEFAULT_LIMIT
        return int(text)

    def _what(self) -> str | None:
        name = self._history.narrowed_by
        text = self._query.get(name) or None
        if text is None and self._history.required:
            self._mistakes.append(Mistake(name, "is required: the service has a history for each only"))
        if text is not None and not re.fullmatch(self._history.form, text):
            self._mistakes.append(Mistake(name, "has the wrong form"))
        return text

    def _status(self) -> str | None:
        text = self._query.get("status") or None
        if text is not None and text not in self._history.statuses:
            words = ", ".join(self._history.statuses)
            self._mistakes.append(Mistake("status", f"{text[:100]!r} is none of the service's words: {words}"))
        return text


def _moment(text: str) -> datetime | None:
    """A time with a zone, of a year that time arithmetic cannot leave the calendar from; else None."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time.astimezone(UTC) if time.tzinfo is not None and 2000 <= time.year < 3000 else None


def _cursor(asked: JobQuery, token: str) -> str:
    told = [asked.after.isoformat(), asked.before.isoformat(), token]
    return base64.urlsafe_b64encode(json.dumps(told).encode()).decode()
