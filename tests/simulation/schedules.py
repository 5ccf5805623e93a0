"""Which scheduled times must have been run or reported, seen from what was declared and when."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from shared.core.definition import Chain, Schedule
from shared.core.due import due_times
from shared.core.run import Run
from shared.store.schedules import ScheduleStore

CLOCKS_DIFFER = timedelta(seconds=20)
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class Period:
    """A time in which every instance has declared the same schedule for a chain, and has begun to keep it."""

    chain: str
    schedule: Schedule
    begins: datetime
    ends: datetime | None = None


@dataclass(slots=True)
class Calendar:
    """What was promised. `agreed`: the chains that all instances have; None while a deploy is under way."""

    schedules: ScheduleStore
    agreed: list[Chain] | None
    periods: list[Period] = field(default_factory=list)

    def ticked(self) -> None:
        """After a tick: a schedule counts from when the store has it."""
        if self.agreed is None:
            return
        open_now = {period.chain for period in self.periods if period.ends is None}
        wanted = [chain for chain in self.agreed if chain.schedule and chain.name not in open_now]
        if not wanted:
            return
        progress = self.schedules.progress()
        for chain in wanted:
            told = progress.get(chain.name)
            if told is not None and told.schedule == chain.schedule:
                self.periods.append(Period(chain.name, told.schedule, told.done_until))

    def deploying(self, next_chains: list[Chain], now: datetime, ticked_at: datetime = NEVER) -> None:
        """A deploy begins: what is due until now is still promised, if the chain keeps a schedule.

        One that takes the schedule away takes with it what no tick has seen, also from before an earlier deploy.
        `ticked_at`: until when a tick has surely seen all that was due.
        """
        self.agreed = None
        keeps = {chain.name for chain in next_chains if chain.schedule}
        progress = self.schedules.progress()
        for period in self.periods:
            ends = now if period.ends is None else period.ends
            seen = max(progress[period.chain].done_until, ticked_at)
            period.ends = ends if period.chain in keeps else min(ends, seen)

    def forgotten(self, runs: list[Run], excused: Callable[[str, datetime], bool]) -> Iterator[str]:
        """Promised times that nobody ran or reported."""
        told = {
            (run.chain, time)
            for run in runs
            if run.trigger.type == "schedule"
            for time in (run.trigger.time, *run.trigger.missed)
        }
        for period in self.periods:
            assert period.ends is not None
            for time in due_times(period.schedule, period.begins, period.ends - CLOCKS_DIFFER):
                if (period.chain, time) not in told and not excused(period.chain, time):
                    yield f"{period.chain}: {time:%H:%M} of {period.schedule.cron!r} was neither run nor reported"
