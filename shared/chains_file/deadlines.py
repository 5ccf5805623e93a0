"""By when a chain is to have succeeded, as the file says it."""

from __future__ import annotations

from shared.chains_file.checks import cron_problem, duration_seconds, zone_of
from shared.chains_file.mistakes import Mistakes, Path
from shared.chains_file.shape import DeadlineShape
from shared.core.definition import Deadline

MOST_DAYS = 31


def check_deadline(path: Path, told: DeadlineShape, mistakes: Mistakes) -> None:
    """Zone, days, and a window that reaches back to something."""
    zone = zone_of(path, told.time_zone, mistakes)
    problem = cron_problem(f"0 0 * * {told.days}", zone) if " " not in told.days else "has a blank in it"
    if problem:
        mistakes.add((*path, "days"), f"must be days as in cron, like MON-FRI or MON,WED: {problem}")
    if told.window is not None and not 60 <= duration_seconds(told.window) <= MOST_DAYS * 86_400:
        mistakes.add((*path, "window"), f"must be at least 1m and at most {MOST_DAYS}d")


def deadline_of(told: DeadlineShape) -> Deadline:
    return Deadline(
        by=told.by.zfill(5),
        time_zone=told.time_zone,
        days=told.days,
        window_seconds=None if told.window is None else duration_seconds(told.window),
    )
