"""What the first page shows: every chain's freshness, what runs, and what needs attention. No storage, no HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared.core.deadlines import Late
from shared.core.definition import Chain, ChainsFile, Connection
from shared.core.due import next_times
from shared.core.ids import chain_of, created_at
from shared.core.past import Pasts
from shared.core.run import Run, RunStatus, StepStatus
from shared.core.trouble import Trouble
from shared.web.pages.charts import Bars, bars
from shared.web.pages.freshness import Freshness, freshness
from shared.web.pages.words import (
    Moment,
    chain_link,
    connection_link,
    duration,
    first_sentence,
    moment,
    moment_or_none,
    run_link,
)

BARS = 16
LINKED_CHAINS = 12  # with more chains each chain's bars are one picture, else the page would get heavy
MOST_CARDS = 12
WORDS = {
    "fresh": "fresh",
    "succeeded": "succeeded",
    "late": "late",
    "failed": "failed",
    "never": "never succeeded",
    "none": "no runs yet",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainView:
    """A chain's line. `since`: when it began to fail or to be late. `deadline` and `paused` are told if known."""

    name: str
    link: str
    description: str | None
    word: str
    label: str
    since: Moment | None
    at_least: bool
    success: Moment | None
    next_run: Moment | None
    schedule: str | None
    deadline: str | None
    paused: bool
    bars: Bars | None
    usual: str | None
    running: int
    last_link: str | None
    why: str | None
    why_step: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningView:
    """A run under way. `value` and `most` are for its progress bar; `most` is 0 when no duration is usual."""

    id: str
    chain: str
    link: str
    began: Moment
    elapsed: str
    usual: str | None
    value: int
    most: int
    over: str | None
    steps: str
    queued: bool
    cancelling: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionView:
    """A place that runs jobs, and whether Baton can look at it."""

    name: str
    link: str
    type: str
    place: str
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The whole page. `troubles`: messages about runs that do not go on."""

    counts: tuple[tuple[str, int, str], ...]
    attention: tuple[ChainView, ...]
    more_attention: int
    running: tuple[RunningView, ...]
    more_running: str | None
    chains: tuple[ChainView, ...]
    linked_bars: bool
    connections: tuple[ConnectionView, ...]
    troubles: tuple[tuple[str, str, str], ...]
    anything: bool
    has_deadlines: bool
    first_chain: str | None
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What the page is made of. `loaded`: some of the runs `under_way`, the longest-running first."""

    pasts: Pasts
    under_way: Sequence[str]
    more_under_way: bool
    loaded: Sequence[Run]
    look_errors: Mapping[str, str]
    troubles: Sequence[Trouble]
    late: Mapping[str, Late] = field(default_factory=dict)
    paused: frozenset[str] = frozenset()


def overview(declared: ChainsFile, stored: Stored, now: datetime) -> Overview:
    """The page as it is now."""
    running: dict[str, int] = {}
    for run_id in stored.under_way:
        chain = chain_of(run_id) or ""
        running[chain] = running.get(chain, 0) + 1
    linked = len(declared.chains) <= LINKED_CHAINS
    chains = tuple(
        _chain(chain, stored, running.get(chain.name, 0), now, linked=linked) for chain in declared.chains.values()
    )
    attention = tuple(chain for word in ("failed", "never", "late") for chain in chains if chain.word == word)
    under_way = tuple(_running(run, stored, now) for run in stored.loaded)
    counts = _counts(chains, len(stored.under_way))
    hidden = len(stored.under_way) - len(under_way)
    plus = " or more" if stored.more_under_way else ""
    return Overview(
        counts=counts,
        attention=attention[:MOST_CARDS],
        more_attention=max(0, len(attention) - MOST_CARDS),
        running=under_way,
        more_running=f"and {hidden:,}{plus} more" if hidden > 0 else None,
        chains=chains,
        linked_bars=linked,
        connections=tuple(
            _connection(each, stored.look_errors.get(each.name)) for each in declared.connections.values()
        ),
        troubles=tuple(
            (each.run_id, run_link(each.run_id), each.why) for each in stored.troubles if each.run_id is not None
        ),
        anything=bool(stored.under_way) or any(chain.word != "none" for chain in chains),
        has_deadlines=any(chain.deadline for chain in chains),
        first_chain=chains[0].name if chains else None,
        summary=", ".join(f"{count} {label}" for _, count, label in counts) or "no chains",
    )


def _counts(chains: Sequence[ChainView], running: int) -> tuple[tuple[str, int, str], ...]:
    words = [chain.word for chain in chains]
    told = [
        ("failed", words.count("failed"), "failed"),
        ("late", words.count("late"), "late"),
        ("never", words.count("never"), "never succeeded"),
        ("running", running, "running"),
        ("fresh", words.count("fresh"), "fresh"),
        ("succeeded", words.count("succeeded"), "succeeded"),
        ("none", words.count("none"), "without runs"),
    ]
    return tuple(each for each in told if each[1] or each[0] in ("failed", "running", "fresh"))


def _chain(chain: Chain, stored: Stored, running: int, now: datetime, *, linked: bool) -> ChainView:
    past = stored.pasts.of(chain.name)
    state = freshness(chain, past, now, stored.late.get(chain.name))
    times = next_times(chain.schedule, now, 1) if chain.schedule else []
    usual = past.usual_seconds
    last = past.lines[0] if past.lines else None
    return ChainView(
        name=chain.name,
        link=chain_link(chain.name),
        description=chain.description,
        word=state.word,
        label=WORDS[state.word],
        since=moment_or_none(state.since, now),
        at_least=state.at_least,
        success=_success(state, now),
        next_run=moment_or_none(next(iter(times), None), now),
        schedule=schedule_words(chain),
        deadline=deadline_words(chain),
        paused=chain.name in stored.paused,
        bars=bars(past.lines, BARS, linked=linked),
        usual=None if usual is None else duration(usual),
        running=running,
        last_link=run_link(last.run_id) if last else None,
        why=first_sentence(past.why.message) if past.why and state.needs_attention else None,
        why_step=past.why.step if past.why else None,
    )


def _success(state: Freshness, now: datetime) -> Moment | None:
    line = state.last_success
    return None if line is None else moment(line.finished_at or line.created_at, now)


def schedule_words(chain: Chain) -> str | None:
    """Like `30 5 * * MON-FRI, Europe/Berlin`."""
    return f"{chain.schedule.cron}, {chain.schedule.time_zone}" if chain.schedule else None


def deadline_words(chain: Chain) -> str | None:
    """Like `07:00 MON-FRI, Europe/Berlin`."""
    deadline = chain.deadline
    if deadline is None:
        return None
    days = "" if deadline.days == "*" else f" {deadline.days}"
    return f"{deadline.by}{days}, {deadline.time_zone}"


def _running(run: Run, stored: Stored, now: datetime) -> RunningView:
    age = max(0.0, (now - created_at(run.id)).total_seconds())
    usual = stored.pasts.of(run.chain).usual_seconds
    over = age - usual if usual is not None else 0.0
    return RunningView(
        id=run.id,
        chain=run.chain,
        link=run_link(run.id),
        began=moment(run.created_at, now),
        elapsed=duration(age),
        usual=None if usual is None else duration(usual),
        value=round(min(age, usual or 0.0)),
        most=max(1, round(usual)) if usual is not None else 0,
        over=duration(over) if usual is not None and over > max(5.0, 0.1 * usual) else None,
        steps=_steps(run),
        queued=run.queued,
        cancelling=run.cancel_requested_at is not None,
    )


def _steps(run: Run) -> str:
    done = sum(step.status is StepStatus.SUCCEEDED for step in run.steps)
    names = [step.name for step in run.steps if step.status in (StepStatus.RUNNING, StepStatus.STARTING)]
    if run.status is not RunStatus.RUNNING or not names:
        return f"{done} of {len(run.steps)} steps done"
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return f"{done} of {len(run.steps)} steps done, {', '.join(names[:2])}{more} under way"


def _connection(connection: Connection, error: str | None) -> ConnectionView:
    return ConnectionView(
        name=connection.name,
        link=connection_link(connection.name),
        type=TYPES.get(connection.type, connection.type),
        place=connection.factory or connection.workspace or "",
        error=error,
    )


TYPES: Mapping[str, str] = {
    "data_factory": "Data Factory",
    "synapse": "Synapse",
    "fabric": "Fabric",
    "power_bi": "Power BI",
}
