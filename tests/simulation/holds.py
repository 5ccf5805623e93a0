"""People who pause chains and let them go on, and who have scheduled times run; and what they may expect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from shared.core.backfill import BackfillStatus, OnFailure, TimeStatus
from shared.core.due import scheduled_cause
from shared.core.run import Run
from shared.relay.backfill import begin_backfill, cancel_backfill
from shared.relay.cancel import FinishedError
from shared.relay.pause import pause, resume
from shared.relay.start import BusyError
from shared.relay.world import World
from shared.store.backfills import BackfillStore
from shared.store.runs import RunStore
from tests.simulation.scheduler import START

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

ASK_AGAIN_SECONDS = 5.0
CLOCKS_DIFFER = timedelta(seconds=5)
STEP = timedelta(minutes=30)  # between the times of a backfill


@dataclass(slots=True)
class Held:
    """A chain's pause, as who asked for it knows it. `taken_care_of`: up to when its schedule was kept before."""

    chain: str
    taken_care_of: datetime
    asked: datetime
    begins: datetime | None = None  # the call was answered
    ending: datetime | None = None  # the call to resume was made first
    ends: datetime | None = None  # and answered


@dataclass(slots=True)
class Wanted:
    """A backfill that somebody wants. `id`: it has been accepted."""

    chain: str
    key: str
    times: tuple[datetime, ...]
    parallelism: int
    on_failure: OnFailure
    id: str | None = None
    stopped: datetime | None = None  # the call to cancel it was answered


class Holds:
    """`waiting`: calls that have had no answer yet, or are still to come."""

    def __init__(self, simulation: Simulation) -> None:
        self.pauses: list[Held] = []
        self.backfills: list[Wanted] = []
        self.waiting = 0
        self._simulation = simulation

    def plan(self) -> None:
        """Nobody begins anything after the faults have stopped."""
        luck, scheduler = self._simulation.luck, self._simulation.scheduler
        end = self._simulation.bad_until
        for _ in range(2):
            if luck.strikes("a pause", 0.15):
                self.waiting += 1
                scheduler.at(luck.between("a pause", 5, end), self._pause_any)
        for number in range(2):
            if luck.strikes("a backfill", 0.15):
                self.waiting += 1
                scheduler.at(
                    luck.between("a backfill", 5, end),
                    lambda key=f"backfill {number}": self._backfill_any(key),  # type: ignore[misc]
                )

    def is_quiet(self) -> bool:
        """Whether nothing of it goes on."""
        return not self.waiting and not list(BackfillStore(self._simulation.table).under_way())

    def excuses(self, chain: str, time: datetime) -> bool:
        """Whether a scheduled time need not be run: the chain was, or may have been, paused."""
        return any(
            one.chain == chain
            and one.taken_care_of < time
            and (one.ends is None or time <= one.ends + CLOCKS_DIFFER)
            for one in self.pauses
        )

    def may_hold(self, chain: str, since: datetime, until: datetime | None = None) -> bool:
        """Whether the chain may have been paused at some time from `since` to `until`."""
        return any(
            one.chain == chain
            and (until is None or one.asked <= until + CLOCKS_DIFFER)
            and (one.ends is None or since <= one.ends + CLOCKS_DIFFER)
            for one in self.pauses
        )

    def wrong(self, runs: list[Run]) -> Iterator[str]:
        """What did not come as whoever paused or backfilled may expect."""
        for held in self.pauses:
            yield from _ran_though_paused(held, runs)
        for wanted in self.backfills:
            if wanted.id is not None:
                yield from self._backfill_wrong(wanted, wanted.id, runs)

    def _pause_any(self) -> None:
        simulation = self._simulation
        chains = simulation.declared[0]
        chain = chains[simulation.luck.one_of("a pause", len(chains))].name if chains else ""
        if not chain or any(held.chain == chain for held in self.pauses):
            self.waiting -= 1
            return
        progress = simulation.calendar.schedules.progress().get(chain)
        held = Held(chain, progress.done_until if progress else START, simulation.scheduler.now())
        self.pauses.append(held)
        lasts = simulation.luck.between("a pause", 30, 400)
        self._ask("pause", lambda world: pause(world, chain), lambda: self._paused(held, lasts))

    def _paused(self, held: Held, lasts: float) -> None:
        simulation = self._simulation
        held.begins = simulation.scheduler.now()
        self.waiting += 1
        simulation.scheduler.after(lasts, lambda: self._resume(held))

    def _resume(self, held: Held) -> None:
        held.ending = self._simulation.scheduler.now()

        def resumed() -> None:
            held.ends = self._simulation.scheduler.now()

        self._ask("resume", lambda world: resume(world, held.chain), resumed)

    def _backfill_any(self, key: str) -> None:
        simulation, luck = self._simulation, self._simulation.luck
        chains = simulation.declared[0]
        if not chains:
            self.waiting -= 1
            return
        chain = chains[luck.one_of("a backfill", len(chains))]
        times = tuple(START - STEP * number for number in range(1 + luck.one_of("a backfill", 4), 0, -1))
        on_failure: OnFailure = "stop" if luck.one_of("a backfill", 2) else "continue"
        wanted = Wanted(chain.name, key, times, 1 + luck.one_of("a backfill", 2), on_failure)
        self.backfills.append(wanted)

        def work(world: World) -> None:
            backfill = begin_backfill(
                world, chain, times, {}, parallelism=wanted.parallelism, on_failure=on_failure, key=key
            )
            wanted.id = backfill.id

        self._ask(key, work, lambda: self._perhaps_cancel(wanted))

    def _perhaps_cancel(self, wanted: Wanted) -> None:
        simulation = self._simulation
        if wanted.id is None or not simulation.luck.strikes("a backfill is cancelled", 0.3):
            return
        backfill_id, runs = wanted.id, bool(simulation.luck.one_of("a backfill is cancelled", 2))

        def work(world: World) -> None:
            try:
                cancel_backfill(world, backfill_id, runs=runs)
            except FinishedError:
                return

        def stopped() -> None:
            wanted.stopped = simulation.scheduler.now()

        self.waiting += 1
        when = simulation.luck.between("a backfill is cancelled", 0, 120)
        simulation.scheduler.after(when, lambda: self._ask("cancel backfill", work, stopped))

    def _ask(self, name: str, work: Callable[[World], object], answered: Callable[[], None]) -> None:
        """Asks until there is an answer; a refusal is one."""
        simulation = self._simulation

        def ended(error: BaseException | None) -> None:
            if error is None or isinstance(error, BusyError):
                self.waiting -= 1
                if error is None:
                    answered()
                return
            simulation.scheduler.note(f"{name} has no answer, and is asked again: {error!r}")
            simulation.scheduler.after(ASK_AGAIN_SECONDS, lambda: self._ask(name, work, answered))

        simulation.call(name, lambda world, _number: work(world), ended)

    def _backfill_wrong(self, wanted: Wanted, backfill_id: str, runs: list[Run]) -> Iterator[str]:
        held = BackfillStore(self._simulation.table).load(backfill_id)
        if held is None or held.backfill.status is BackfillStatus.RUNNING:
            yield f"backfill {backfill_id} has not ended: {held}"
            return
        backfill, store = held.backfill, RunStore(self._simulation.table)
        whole = backfill.cancel_requested_at is None and (
            wanted.on_failure == "continue" or backfill.status is BackfillStatus.SUCCEEDED
        )
        by_id = {run.id: run for run in runs}
        for each in backfill.times:
            there = store.run_of(wanted.chain, scheduled_cause(each.time))
            if each.status is TimeStatus.WAITING:
                if whole:
                    yield f"backfill {backfill_id} has ended without {each.time:%H:%M}"
            elif each.run is None or each.run != there:
                yield f"backfill {backfill_id}: {each.time:%H:%M} is {each.status} with {each.run}, not {there}"
            elif each.status is not TimeStatus.SKIPPED and each.status.value != by_id[each.run].status.value:
                yield f"backfill {backfill_id}: {each.time:%H:%M} is {each.status}, its run is not"
        last = wanted.stopped and wanted.stopped + CLOCKS_DIFFER
        for run in runs:
            if run.backfill == backfill_id and last and run.created_at > last:
                yield f"backfill {backfill_id} was cancelled, and began {run.id}"


def _ran_though_paused(held: Held, runs: list[Run]) -> Iterator[str]:
    if held.begins is None or held.ending is None:
        return
    for run in runs:
        planned = run.trigger.type == "schedule" and run.backfill is None and run.chain == held.chain
        if planned and held.begins + CLOCKS_DIFFER < run.trigger.time < held.ending - CLOCKS_DIFFER:
            yield f"{run.id} was started by its schedule for {run.trigger.time:%H:%M}, though the chain was paused"
