"""A connection's own job history, whoever started the jobs, and which of Baton's runs each belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from shared.app import Baton
from shared.core.definition import StepDefinition
from shared.ports import History, JobSummary
from shared.relay.claims import runs_of_jobs
from shared.web.answer import Mistake, ProblemError
from shared.web.jobs import connection_of, listed_jobs
from shared.web.pages.overview import TYPES
from shared.web.pages.words import (
    Moment,
    connection_link,
    duration,
    first_sentence,
    moment_or_none,
    run_link,
    safe_link,
)
from shared.web.views import time_view

ROWS = 25
SPANS: Mapping[str, int] = {"6": 6, "24": 24, "72": 72, "168": 168, "720": 720}  # hours
DEFAULT_SPAN = "24"
_SPAN_WORDS = {"6": "6 hours", "24": "day", "72": "3 days", "168": "week", "720": "30 days"}
_FIELDS = {"pipeline": "Pipeline", "dataset": "Semantic model", "item": "Item"}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """A job in the service's own words. `run`: the run of Baton's that started it, if one did."""

    id: str
    status: str
    letter: str
    what: str
    started: Moment | None
    took: str | None
    invoked_by: str | None
    run: str | None
    run_link: str | None
    error: str | None
    link: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A value of a filter."""

    value: str
    label: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionPage:
    """The whole page. `offers`: what chains name there, as links. `problem`: why the service told nothing."""

    name: str
    link: str
    type: str
    place: str
    chains: tuple[str, ...]
    field: str
    field_label: str
    what: str
    required: bool
    offers: tuple[tuple[str, str, bool], ...]
    statuses: tuple[Choice, ...]
    spans: tuple[Choice, ...]
    jobs: tuple[JobRow, ...]
    older: str | None
    problem: str | None
    mistakes: tuple[Mistake, ...]
    asked: bool


def load_connection(baton: Baton, name: str, query: dict[str, str]) -> ConnectionPage:
    """Asks the service; what it says instead of jobs becomes part of the page.

    Raises ProblemError when no such connection is declared.
    """
    connection = connection_of(baton, name)
    history = baton.world.services(connection).history
    chains = baton.chains_file.chains.values()
    definitions = [step for chain in chains for step in chain.steps if step.connection.name == name]
    named = sorted({what for step in definitions if (what := _what(step, history))})
    what = query.get(history.narrowed_by) or (named[0] if history.required and named else "")
    span = query.get("hours") if query.get("hours") in SPANS else DEFAULT_SPAN
    asked = bool(what) or not history.required
    now = baton.world.now()
    jobs: Sequence[JobSummary] = ()
    cursor: str | None = None
    problem: str | None = None
    mistakes: tuple[Mistake, ...] = ()
    if asked:
        try:
            listed = listed_jobs(baton, name, _call(history, query, what, SPANS[span or DEFAULT_SPAN], now))
            jobs, cursor = listed.jobs, listed.cursor
        except ProblemError as error:
            problem, mistakes = error.detail, error.errors
    there = [step for step in definitions if not history.required or _what(step, history) == what]
    runs = runs_of_jobs(baton.world, there, [job.id for job in jobs])
    keep = {history.narrowed_by: what, "status": query.get("status", ""), "hours": span or DEFAULT_SPAN}
    return ConnectionPage(
        name=name,
        link=connection_link(name),
        type=TYPES.get(connection.type, connection.type),
        place=connection.factory or connection.workspace or "",
        chains=tuple(chain.name for chain in chains if any(step.connection.name == name for step in chain.steps)),
        field=history.narrowed_by,
        field_label=_FIELDS.get(history.narrowed_by, history.narrowed_by),
        what=what,
        required=history.required,
        offers=tuple(
            (each, f"{connection_link(name)}?{urlencode({history.narrowed_by: each})}", each == what)
            for each in named
        ),
        statuses=_choices({"": "any", **{word: word for word in history.statuses}}, query.get("status", "")),
        spans=_choices(_SPAN_WORDS, span or DEFAULT_SPAN),
        jobs=tuple(_row(job, runs.get(job.id), now) for job in jobs),
        older=f"{connection_link(name)}?{urlencode({**keep, 'cursor': cursor})}" if cursor else None,
        problem=problem,
        mistakes=mistakes,
        asked=asked,
    )


def _what(step: StepDefinition, history: History) -> str | None:
    return {"pipeline": step.pipeline, "dataset": step.dataset, "item": step.item}.get(history.narrowed_by)


def _call(history: History, query: Mapping[str, str], what: str, hours: int, now: datetime) -> dict[str, str]:
    """The query of the jobs call that this page stands for."""
    call = {history.narrowed_by: what, "status": query.get("status", ""), "limit": str(ROWS)}
    if query.get("cursor"):
        call["cursor"] = query["cursor"]
    else:
        call["after"] = time_view(now - timedelta(hours=hours)) or ""
    return call


def _choices(labels: Mapping[str, str], chosen: str) -> tuple[Choice, ...]:
    return tuple(Choice(value=value, label=label, chosen=value == chosen) for value, label in labels.items())


def _row(job: JobSummary, run: str | None, now: datetime) -> JobRow:
    ended = job.ended_at
    seconds = ((ended or now) - job.started_at).total_seconds() if job.started_at else None
    return JobRow(
        id=job.id,
        status=job.status,
        letter=_letter(job.status, ended is not None),
        what=job.what,
        started=moment_or_none(job.started_at, now),
        took=None if seconds is None else duration(max(0.0, seconds)),
        invoked_by=job.invoked_by,
        run=run,
        run_link=run_link(run) if run else None,
        error=first_sentence(job.error.message) if job.error else None,
        link=safe_link(job.link),
    )


def _letter(status: str, ended: bool) -> str:
    """The colour and sign of a service's word; a word that is not known is shown as under way, or as neutral."""
    word = status.lower()
    if word in ("succeeded", "completed", "success"):
        return "succeeded"
    if word.startswith("fail"):
        return "failed"
    if word.startswith("cancel") or word in ("deduped", "disabled"):
        return "cancelled"
    return "skipped" if ended else "running"
