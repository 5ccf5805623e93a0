"""What a rerun of an ended run does again, what it keeps, and which jobs it continues."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches

from shared.core.definition import Chain, StepDefinition
from shared.core.run import Run, Step, StepStatus

FROM_FAILED = "failed"
FROM_START = "start"
CONTINUING = frozenset({"data_factory", "synapse"})  # types of connections whose failed jobs can be gone on with
MOST_NAMED = 3


class UnknownStepError(Exception):
    """There is no step of that name to rerun from."""


class NothingToRunError(Exception):
    """Every step has succeeded, so nothing is left to run."""


def definition_of_rerun(old: Run, declared: Chain | None) -> Chain:
    """The chain as it is declared now, so that what was repaired there counts; the old run's own where that one
    has other steps, another order of them or other parameters, as then the old results would not fit it.
    """
    return declared if declared is not None and _shape(declared) == _shape(old.definition) else old.definition


def steps_of_rerun(old: Run, definition: Chain, begin: str) -> tuple[Step, ...]:
    """The steps that the new run begins with. `begin`: "failed", "start" or a step's name, in this order.

    A step that succeeded is kept with its job, times and output, unless it is to run again or comes after one
    that is. Raises UnknownStepError, NothingToRunError.
    """
    again = _again(old, definition, begin)
    if not again:
        raise NothingToRunError(f"Every step of run {old.id} has succeeded. Rerun it from 'start' or from a step.")
    return tuple(
        _anew(old, step, from_failed=begin == FROM_FAILED) if step.name in again else _kept(old.step(step.name))
        for step in definition.steps
    )


def _again(old: Run, definition: Chain, begin: str) -> frozenset[str]:
    """The names of the steps that run in the new run."""
    names = {step.name for step in definition.steps}
    if begin == FROM_START:
        return frozenset(names)
    if begin != FROM_FAILED and begin not in names:
        raise UnknownStepError(_unknown(begin, [step.name for step in definition.steps]))
    again = {step.name for step in old.steps if step.status is not StepStatus.SUCCEEDED}
    return _with_all_after(again if begin == FROM_FAILED else again | {begin}, definition)


def _with_all_after(again: set[str], definition: Chain) -> frozenset[str]:
    found = set(again)
    while more := {step.name for step in definition.steps if found & set(step.after)} - found:
        found |= more
    return frozenset(found)


def _kept(step: Step) -> Step:
    """Without what only its own run needed: an intent, deadlines, what it continued."""
    return Step(
        name=step.name,
        status=step.status,
        attempt=step.attempt,
        job=step.job,
        started_at=step.started_at,
        finished_at=step.finished_at,
        output=step.output,
    )


def _anew(old: Run, definition: StepDefinition, *, from_failed: bool) -> Step:
    fresh = Step(name=definition.name)
    if not from_failed or not _same_job(old.step_definition(definition.name), definition):
        return fresh
    return replace(fresh, continues=_failed_job(old.step(definition.name)))


def _failed_job(step: Step) -> str | None:
    """The job to go on with: one that its service told as failed.

    One that was cancelled, timed out or got lost begins anew, as no failed activity is known of it. A step that
    was to continue a job, and never came to start its own, still is, unless the service would not have it.
    """
    if step.job is not None:
        failed = step.status is StepStatus.FAILED and step.error is not None and step.error.code == "job_failed"
        return step.job.id if failed else None
    refused = step.error is not None and step.error.code in ("bad_request", "unclear_start")
    return None if refused else step.continues


def _same_job(before: StepDefinition, now: StepDefinition) -> bool:
    """Whether a job goes on as the step now says: it keeps its own pipeline and parameters whatever is said."""
    if now.connection.type not in CONTINUING:
        return False
    place = replace(now.connection, credential=before.connection.credential, name=before.connection.name)
    return (before.connection, before.pipeline, before.parameters, before.correlation) == (
        place,
        now.pipeline,
        now.parameters,
        now.correlation,
    )


def _shape(chain: Chain) -> object:
    """What results and parameters of an earlier run must fit. A new default changes nothing about them."""
    return [(step.name, frozenset(step.after)) for step in chain.steps], frozenset(chain.parameters)


def _unknown(name: str, names: list[str]) -> str:
    close = get_close_matches(name, names, MOST_NAMED, 0.5)
    hint = f"; did you mean {' or '.join(repr(near) for near in close)}?" if close else ""
    return f"no step {name[:200]!r}{hint} There are {', '.join(names)}; and 'failed' and 'start'"
