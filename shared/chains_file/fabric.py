"""What a step at a Fabric connection must say: its job type in the service's own spelling."""

from __future__ import annotations

from typing import Any

from shared.chains_file.mistakes import Mistakes, Path
from shared.chains_file.shape import StepShape

# The usual ones. Fabric reads them with their case, and knows more: any word is taken.
JOB_TYPES = (
    "Pipeline",
    "RunNotebook",
    "sparkjob",
    "Execute",
    "CopyJob",
    "TableMaintenance",
    "RefreshMaterializedLakeViews",
    "ApplyChanges",
    "RefreshGraph",
)


def check_fabric_step(path: Path, step: StepShape, mistakes: Mistakes) -> None:
    """The job type is there and spelled well, and no template stands where none is rendered."""
    if step.job_type is None:
        usual = ", ".join(JOB_TYPES[:6])
        mistakes.add((*path, "job_type"), f"is required at a fabric connection; usual ones are {usual}")
    elif (meant := other_case(step.job_type)) is not None:
        mistakes.add((*path, "job_type"), f"Fabric reads it with its case; did you mean {meant!r}?")
    if "parameters" in step.execution_data and step.parameters:
        mistakes.add(
            (*path, "execution_data", "parameters"), "stands beside the step's parameters; use one of them"
        )
    for place in _templates((*path, "execution_data"), step.execution_data):
        mistakes.add(place, "is sent as it is; templates belong in parameters")


def other_case(job_type: str) -> str | None:
    """A usual job type that differs only by case."""
    meant = next((known for known in JOB_TYPES if known.lower() == job_type.lower()), None)
    return None if meant == job_type else meant


def _templates(path: Path, value: Any) -> list[Path]:
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in _templates((*path, key), item)]
    if isinstance(value, list):
        return [found for index, item in enumerate(value) for found in _templates((*path, index), item)]
    return [path] if isinstance(value, str) and ("{{" in value or "{%" in value) else []
