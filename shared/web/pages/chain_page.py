"""What a chain's page shows: how it stands, its history with durations over time, and a form that starts a run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlencode

from shared.core.deadlines import Late
from shared.core.definition import Chain, Parameter
from shared.core.due import next_times
from shared.core.past import Past, line_of, why_of
from shared.core.run import Run, RunStatus
from shared.web.answer import Mistake
from shared.web.pages.charts import Plot, plot
from shared.web.pages.freshness import freshness
from shared.web.pages.overview import WORDS, deadline_words, schedule_words
from shared.web.pages.run_page import TRIGGERS
from shared.web.pages.words import Moment, chain_link, duration, first_sentence, moment, moment_or_none, run_link

Kind = Literal["text", "number", "boolean", "json"]
NEXT_TIMES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldView:
    """A parameter in the form. `value` is what stands in it; `mistake`: what was wrong with it."""

    name: str
    kind: Kind
    required: bool
    value: str
    mistake: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowView:
    """A run in the history."""

    id: str
    link: str
    status: str
    queued: bool
    began: Moment
    took: str | None
    trigger: str
    why: str | None
    why_step: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainPage:
    """The whole page. `declared` is False for a chain that only stored runs know."""

    name: str
    link: str
    declared: bool
    description: str | None
    word: str
    label: str
    since: Moment | None
    at_least: bool
    success: Moment | None
    schedule: str | None
    next_runs: tuple[Moment, ...]
    max_running: str | None
    deadline: str | None
    paused: bool
    usual: str | None
    steps: tuple[tuple[str, str, str], ...]
    fields: tuple[FieldView, ...]
    mistakes: tuple[Mistake, ...]
    plot: Plot | None
    rows: tuple[RowView, ...]
    filters: tuple[tuple[str, str, bool], ...]
    older: str | None
    newest: str | None
    running: bool


def chain_page(
    name: str,
    chain: Chain | None,
    past: Past,
    runs: Sequence[Run],
    *,
    status: RunStatus | None,
    cursor: str | None,
    older: str | None,
    said: Mapping[str, str],
    mistakes: Sequence[Mistake],
    now: datetime,
    late: Late | None = None,
    paused: bool = False,
) -> ChainPage:
    """`older`: the cursor of the next page. `said`: what stood in the form that was refused."""
    state = freshness(chain or Chain(name=name, steps=()), past, now, late)
    success = state.last_success
    usual = past.usual_seconds
    schedule = chain.schedule if chain else None
    return ChainPage(
        name=name,
        link=chain_link(name),
        declared=chain is not None,
        description=chain.description if chain else None,
        word=state.word,
        label=WORDS[state.word],
        since=moment_or_none(state.since, now),
        at_least=state.at_least,
        success=None if success is None else moment(success.finished_at or success.created_at, now),
        schedule=schedule_words(chain) if chain else None,
        next_runs=tuple(moment(time, now) for time in next_times(schedule, now, NEXT_TIMES)) if schedule else (),
        max_running=_limit(chain) if chain else None,
        deadline=deadline_words(chain) if chain else None,
        paused=paused,
        usual=None if usual is None else duration(usual),
        steps=tuple((s.name, s.connection.name, ", ".join(s.after)) for s in chain.steps) if chain else (),
        fields=_fields(chain, said, mistakes) if chain else (),
        mistakes=tuple(mistakes),
        plot=plot([line_of(run) for run in runs], usual),
        rows=tuple(_row(run, now) for run in runs),
        filters=_filters(name, status),
        older=_address(name, status, older) if older else None,
        newest=_address(name, status, None) if cursor else None,
        running=any(run.status is RunStatus.RUNNING for run in runs),
    )


def kind_of(parameter: Parameter) -> Kind:
    """How a parameter is filled in: by what its default is. One without a default takes text."""
    default = parameter.default
    if parameter.required or default is None or isinstance(default, str):
        return "text"
    if isinstance(default, bool):
        return "boolean"
    return "number" if isinstance(default, int | float) else "json"


def field_text(parameter: Parameter) -> str:
    """The default as it stands in the form."""
    if parameter.required or parameter.default is None:
        return ""
    default: Any = parameter.default
    return default if isinstance(default, str) else json.dumps(default, ensure_ascii=False)


def _fields(chain: Chain, said: Mapping[str, str], mistakes: Sequence[Mistake]) -> tuple[FieldView, ...]:
    wrong = {mistake.path: mistake.detail for mistake in mistakes}
    return tuple(
        FieldView(
            name=name,
            kind=kind_of(parameter),
            required=parameter.required,
            value=said.get(name, field_text(parameter)),
            mistake=wrong.get(f"parameters.{name}"),
        )
        for name, parameter in chain.parameters.items()
    )


def _row(run: Run, now: datetime) -> RowView:
    why = why_of(run)
    ended = run.finished_at or now
    return RowView(
        id=run.id,
        link=run_link(run.id),
        status=run.status,
        queued=run.queued and run.status is RunStatus.RUNNING,
        began=moment(run.created_at, now),
        took=duration(max(0.0, (ended - run.created_at).total_seconds())),
        trigger=TRIGGERS.get(run.trigger.type, run.trigger.type),
        why=first_sentence(why.message) if why else None,
        why_step=why.step if why else None,
    )


def _limit(chain: Chain) -> str | None:
    if chain.max_running is None:
        return None
    runs = "one run" if chain.max_running == 1 else f"{chain.max_running} runs"
    further = "further ones wait" if chain.overlap == "wait" else "further ones are not started"
    return f"{runs} at a time; {further}"


def _filters(name: str, status: RunStatus | None) -> tuple[tuple[str, str, bool], ...]:
    """Label, address, and whether it is the one in use."""
    every = [("all", None), *((str(each), each) for each in RunStatus)]
    return tuple((label, _address(name, each, None), each == status) for label, each in every)


def _address(name: str, status: RunStatus | None, cursor: str | None) -> str:
    query = {key: str(value) for key, value in (("status", status), ("cursor", cursor)) if value is not None}
    return f"{chain_link(name)}?{urlencode(query)}" if query else chain_link(name)
