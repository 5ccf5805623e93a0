"""What a step at a Power BI connection must say, and which ways to refresh the service refuses."""

from __future__ import annotations

from datetime import datetime

from shared.chains_file.mistakes import Mistakes, Path
from shared.chains_file.shape import RefreshShape, StepShape

MOST_HOURS = 24  # the service's limit for all attempts of one refresh


def check_power_bi_step(path: Path, step: StepShape, mistakes: Mistakes) -> None:
    """One of dataset and dataflow, and no options that only a semantic model has."""
    fields = step.model_fields_set
    if "dataset" in fields and "dataflow" in fields:
        mistakes.add((*path, "dataflow"), "cannot stand beside dataset: make it a step of its own")
    elif step.dataset is None and step.dataflow is None:
        mistakes.add((*path, "dataset"), "is required at a power_bi connection (or dataflow)")
    elif "dataflow" in fields and "refresh" in fields:
        mistakes.add((*path, "refresh"), "is for a dataset; a dataflow's refresh has no options: leave it out")


def check_refresh(path: Path, refresh: RefreshShape, mistakes: Mistakes) -> None:
    """Pairs of fields, and values, that the service refuses or would pass over."""
    if refresh.commit_mode == "partialBatch" and refresh.apply_refresh_policy is not False:
        text = "must be false with commit_mode partialBatch: the service refuses the pair"
        mistakes.add((*path, "apply_refresh_policy"), text)
    if refresh.effective_date is not None:
        if refresh.apply_refresh_policy is False:
            text = "has no effect with apply_refresh_policy: false; leave one of them out"
            mistakes.add((*path, "effective_date"), text)
        if not _is_time(refresh.effective_date):
            mistakes.add(
                (*path, "effective_date"), "must be a date, or a date and time, like 2026-11-21T00:00:00Z"
            )
    if refresh.timeout is not None and not 0 < _seconds(refresh.timeout) <= MOST_HOURS * 3_600:
        mistakes.add((*path, "timeout"), f"must be more than 0 and at most {MOST_HOURS}h, the service's own limit")


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _seconds(clock: str) -> int:
    if ":" not in clock:
        return int(clock[:-1]) * {"s": 1, "m": 60, "h": 3_600, "d": 86_400}[clock[-1]]
    hours, minutes, seconds = map(int, clock.split(":"))
    return hours * 3_600 + minutes * 60 + seconds
