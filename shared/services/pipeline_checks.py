"""What would keep steps from working at a factory or workspace: pipelines and parameters that do not fit."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Protocol

from shared.core.definition import StepDefinition
from shared.core.errors import RefusedError, TryLaterError
from shared.ports import Problem
from shared.services.nearest import nearest

Json = Mapping[str, Any]

PARAMETER_CODES = ("unknown_parameter", "missing_parameter")


class Pipelines(Protocol):
    """What can be read of a place's pipelines. Both calls raise RefusedError and TryLaterError."""

    where: str  # in words, for messages

    def get_pipeline(self, pipeline: str) -> Json: ...
    def pipeline_names(self) -> Sequence[str]: ...


def pipeline_problems(pipelines: Pipelines, definitions: Sequence[StepDefinition]) -> tuple[list[Problem], bool]:
    """The problems, and whether the place answers at all. Trouble that every call would meet is told once."""
    problems: list[Problem] = []
    names: Collection[str] | None = None
    for pipeline in sorted({step.pipeline or "" for step in definitions}):
        try:
            resource = pipelines.get_pipeline(pipeline)
        except (RefusedError, TryLaterError) as error:
            if error.code != "not_found":
                return [*problems, Problem(error.code, error.message)], False
            try:
                names = pipelines.pipeline_names() if names is None else names
            except (RefusedError, TryLaterError) as without:
                text = _unlisted(pipelines, pipeline, error.message, without)
                return [*problems, Problem("not_found", text)], False
            problems.append(Problem("not_found", _unknown(pipelines, pipeline, names)))
            continue
        steps = [step for step in definitions if step.pipeline == pipeline and step.name]
        problems += [problem for step in steps for problem in _parameter_problems(step, resource)]
    return list(dict.fromkeys(problems)), True


def explained(pipelines: Pipelines, pipeline: str, refused: RefusedError) -> RefusedError:
    """A start's refusal with what else can be said of it: the nearest names, or where parameters are compared."""
    if refused.code == "bad_request" and "InvalidTemplate" in refused.message:
        compared = "GET /api/health compares the step's parameters with those that the pipeline declares."
        return RefusedError(refused.code, f"{refused.message} {compared}")
    if refused.code != "not_found":
        return refused
    try:
        names = pipelines.pipeline_names()
    except (RefusedError, TryLaterError) as without:
        return RefusedError(refused.code, _unlisted(pipelines, pipeline, refused.message, without))
    if pipeline in names:  # it is there: something else is missing
        return refused
    return RefusedError(
        refused.code, f"{_unknown(pipelines, pipeline, names)} The service says: {refused.message}"
    )


def _unknown(pipelines: Pipelines, pipeline: str, names: Collection[str]) -> str:
    near = nearest(pipeline, names) or ", and no other one either: it may not have been published yet."
    return f"There is no pipeline {pipeline!r} in {pipelines.where}{near}"


def _unlisted(pipelines: Pipelines, pipeline: str, told: str, why: RefusedError | TryLaterError) -> str:
    """The pipelines' list is not to be had; a 404 there means that the place itself is missing."""
    if why.code == "not_found":
        return f"There is no {pipelines.where}: check the connection's fields in the chains file. {told}"
    return f"There is no pipeline {pipeline!r} in {pipelines.where}. {told}"


def _parameter_problems(step: StepDefinition, resource: Json) -> Iterator[Problem]:
    properties = resource.get("properties")
    if not isinstance(properties, dict):
        return
    told = properties.get("parameters")
    declared: Mapping[str, Any] = told if isinstance(told, dict) else {}
    given = set(step.parameters)
    for name in sorted(given - declared.keys()):
        yield Problem("unknown_parameter", _undeclared(step, f"gives parameter {name!r}", name, declared))
    if step.correlation is not None and step.correlation not in declared | step.parameters.keys():
        text = _undeclared(step, f"says correlation: {step.correlation}", step.correlation, declared)
        yield Problem("unknown_parameter", text)
    for name, told in sorted(declared.items()):
        has_default = not isinstance(told, dict) or "defaultValue" in told
        if not has_default and name not in given | {step.correlation}:
            yield Problem(
                "missing_parameter",
                f"Pipeline {step.pipeline!r} needs parameter {name!r} ({told.get('type')}, without a default), and"
                f" step {step.name!r} does not give it: add it under the step's parameters.",
            )


def _undeclared(step: StepDefinition, gives: str, name: str, declared: Collection[str]) -> str:
    near = nearest(name, declared) or "; it declares none."
    return (
        f"Step {step.name!r} {gives}, which pipeline {step.pipeline!r} does not declare{near}"
        " Declare it there and publish, or correct the step."
    )
