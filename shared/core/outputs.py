"""How much of what jobs return a run can carry."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from shared.core.run import Error
from shared.core.values import value_problem

MAX_OUTPUT_CHARACTERS = 32_768  # one step's output, as JSON
MAX_OUTPUTS_CHARACTERS = 131_072  # all of a run's


def checked_output(output: Any, others: Iterable[Any]) -> Error | None:
    """None when a run can carry the output beside the others, else the error that its step fails with."""
    problem = value_problem(output)
    if problem is not None:
        return Error("output_unusable", f"The job succeeded, but what it returned {problem}.")
    size = _size(output)
    if size > MAX_OUTPUT_CHARACTERS:
        return Error(
            "output_too_large",
            f"The job succeeded, but returned {size:,} characters of output; a step may return"
            f" {MAX_OUTPUT_CHARACTERS:,}. Return a reference to the data (a path, a row count), not the data.",
        )
    if size + sum(map(_size, others)) > MAX_OUTPUTS_CHARACTERS:
        return Error(
            "output_too_large",
            f"The job succeeded, but with its output the run's steps return more than"
            f" {MAX_OUTPUTS_CHARACTERS:,} characters together. Return references to data, not the data.",
        )
    return None


def _size(output: Any) -> int:
    return 0 if output is None else len(json.dumps(output))
