"""What overviews need of runs that have ended: a line for each, and a chain's past as a handful of lines."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from statistics import median

from shared.core.ids import chain_of, created_at, newest_first
from shared.core.run import Error, Run, RunStatus, StepStatus

KEPT_LINES = 24
MOST_WHY_CHARACTERS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """Why a run failed: the step that did, if one did, and its error."""

    step: str | None
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """A run in short. `finished_at` is None while it runs, and of lines that an older version wrote."""

    run_id: str
    status: RunStatus
    finished_at: datetime | None = None

    @property
    def created_at(self) -> datetime:
        return created_at(self.run_id)

    @property
    def seconds(self) -> float | None:
        """How long it took; None when that is not known."""
        return None if self.finished_at is None else max(0.0, (self.finished_at - self.created_at).total_seconds())


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A chain's ended runs: the last ones, newest first, and what of earlier ones still matters.

    `why` is of the newest line, when that run failed. `success` may be older than all the lines.
    """

    chain: str
    lines: tuple[RunLine, ...] = ()
    success: RunLine | None = None
    why: Why | None = None

    @property
    def usual_seconds(self) -> float | None:
        """How long a run that succeeds takes: the median of those that are known."""
        known = [each.seconds for each in self.lines if each.status is RunStatus.SUCCEEDED]
        seconds = [each for each in known if each is not None]
        return median(seconds) if seconds else None

    def with_line(self, line: RunLine, why: Why | None = None) -> Past:
        """With one more run, or with more known of one. Runs may come in any order, and more than once."""
        others = [each for each in self.lines if each.run_id != line.run_id]
        lines = tuple(sorted([line, *others], key=lambda each: newest_first(each.run_id))[:KEPT_LINES])
        changed = replace(self, lines=lines)
        if lines[0].run_id == line.run_id:
            changed = replace(changed, why=why)
        if line.status is RunStatus.SUCCEEDED and not _newer(self.success, line):
            changed = replace(changed, success=line)
        return changed


def line_of(run: Run) -> RunLine:
    """The run in short."""
    return RunLine(run_id=run.id, status=run.status, finished_at=run.finished_at)


def why_of(run: Run) -> Why | None:
    """Why the run failed; None when it did not."""
    if run.status is not RunStatus.FAILED:
        return None
    failed = next((step for step in run.steps if step.status is StepStatus.FAILED), None)
    error = (failed.error if failed else None) or run.error or Error("failed", "No reason was given.")
    return Why(step=failed.name if failed else None, code=error.code, message=_short(error.message))


def empty_past(chain: str) -> Past:
    """Of a chain that has never run."""
    return Past(chain=chain)


@dataclass(slots=True)
class Pasts:
    """The pasts of all chains, as they are gathered from lines that may overlap."""

    by_chain: dict[str, Past] = field(default_factory=dict)

    def add(self, line: RunLine) -> None:
        """Takes a run that has ended, unless more is known of it already."""
        chain = chain_of(line.run_id)
        if chain is None or line.status is RunStatus.RUNNING:
            return
        past = self.by_chain.get(chain) or empty_past(chain)
        if all(each.run_id != line.run_id for each in past.lines):
            self.by_chain[chain] = past.with_line(line)

    def of(self, chain: str) -> Past:
        return self.by_chain.get(chain) or empty_past(chain)


def _newer(known: RunLine | None, line: RunLine) -> bool:
    return known is not None and newest_first(known.run_id) < newest_first(line.run_id)


def _short(message: str) -> str:
    return message if len(message) <= MOST_WHY_CHARACTERS else f"{message[: MOST_WHY_CHARACTERS - 1]}…"
