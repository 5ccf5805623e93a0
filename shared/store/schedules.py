"""Up to which time each chain's schedule has been taken care of."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from shared.core.definition import Schedule
from shared.storage.base import Insert, Replace, Row, Table
from shared.store.runs import scan_all

SCHEDULES = "schedules"


@dataclass(frozen=True, slots=True)
class Progress:
    """All times up to `done_until` have had their run, or were reported as missed or skipped.

    `absent_since`: from when on no chain of that name has declared a schedule.
    """

    chain: str
    schedule: Schedule
    done_until: datetime
    etag: str = ""  # "" when there is no row yet
    absent_since: datetime | None = None


class ScheduleStore:
    """One row for each chain that has, or had, a schedule."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def progress(self) -> dict[str, Progress]:
        """By chain."""
        return {row.key: _progress(row) for row in scan_all(self._table, SCHEDULES, "", "~")}

    def save(self, progress: Progress) -> bool:
        """False when somebody else was faster."""
        stored = {
            "cron": progress.schedule.cron,
            "time_zone": progress.schedule.time_zone,
            "done_until": progress.done_until.isoformat(),
        }
        if progress.absent_since is not None:
            stored["absent_since"] = progress.absent_since.isoformat()
        row = Row(SCHEDULES, progress.chain, json.dumps(stored), progress.etag)
        return self._table.write([Replace(row) if progress.etag else Insert(row)]) is not None


def _progress(row: Row) -> Progress:
    stored = json.loads(row.data)
    schedule = Schedule(cron=stored["cron"], time_zone=stored["time_zone"])
    absent = stored.get("absent_since")
    return Progress(
        chain=row.key,
        schedule=schedule,
        done_until=datetime.fromisoformat(stored["done_until"]),
        etag=row.etag,
        absent_since=absent and datetime.fromisoformat(absent),
    )
