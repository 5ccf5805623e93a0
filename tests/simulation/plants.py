"""Bugs planted on purpose. Each is one that a careless change would make; the seeds must find it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from shared.core.alerts import Alert
from shared.core.errors import TryLaterError, UnclearError
from shared.core.follows import LATE
from shared.core.follows import Progress as FollowProgress
from shared.core.pause import Pause
from shared.core.run import Job, Run
from shared.core.slots import Slots
from shared.core.timing import Patience
from shared.core.web_hook import Debt
from shared.ports import AlertSink, Order, Service, WatchedJob
from shared.relay.world import Alerts, World
from shared.storage.base import Delete, Replace, Upsert, Write
from shared.store.alerts import AlertMarks, Due, Unsent
from shared.store.backfills import BackfillStore, HeldBackfill
from shared.store.follows import FollowedPlace, FollowStore, HeldPlace
from shared.store.pauses import PauseStore
from shared.store.places import PlaceStore
from shared.store.runs import Held, Pointer, RunStore
from shared.store.schedules import Progress, ScheduleStore
from shared.store.web_hooks import WebHookStore
from tests.simulation.simulation import Simulation
from tests.simulation.wire import Overheard


def drop_the_intent(simulation: Simulation) -> None:
    """Calls start first and saves afterwards."""

    class Hasty(RunStore):
        def save(self, held: Held, run: Run, slots: Slots | None = None) -> Held | None:
            if any(change.event == "intend" for change in run.unsaved):
                return Held(run, held.etag)
            return super().save(held, run, slots)

    _in_every_world(simulation, lambda world: replace(world, runs=Hasty(world.runs._table)))


def retry_a_start(simulation: Simulation) -> None:
    """Sends a start again when its answer was lost, as client libraries do."""

    class Retrying(_Wrapped):
        def start(self, order: Order, send_before: Callable[[], bool]) -> Job:
            try:
                return super().start(order, send_before)
            except UnclearError:
                return super().start(order, send_before)

    _services(simulation, Retrying)


def trust_the_error(simulation: Simulation) -> None:
    """Takes a start without a clear answer for one that did not happen."""

    class Trusting(_Wrapped):
        def start(self, order: Order, send_before: Callable[[], bool]) -> Job:
            try:
                return super().start(order, send_before)
            except UnclearError as error:
                raise TryLaterError(error.code, error.message) from error

    _services(simulation, Trusting)


def skip_the_etag(simulation: Simulation) -> None:
    """Writes whatever it has, whoever wrote meanwhile."""

    @dataclass(frozen=True)
    class Careless:
        inner: Any

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

        def write(self, writes: Sequence[Write]) -> Any:
            if not any(isinstance(one, Replace) for one in writes):
                return self.inner.write(writes)
            return self.inner.write([one if isinstance(one, Delete) else Upsert(one.row) for one in writes])

    _in_every_world(simulation, lambda world: replace(world, runs=RunStore(Careless(world.runs._table))))


def adopt_an_old_refresh(simulation: Simulation) -> None:
    """Takes any refresh of the last hour for its own."""

    class Adopting(_Wrapped):
        def find_started(self, order: Order) -> Sequence[Job]:
            early = replace(order, ready_at=None, clocks_differ=timedelta(hours=1))
            return super().find_started(early)

    _services(simulation, Adopting)


def forget_the_revival(simulation: Simulation) -> None:
    """Leaves a run alone whose message was lost."""

    class Forgetful(RunStore):
        def pointers(self) -> Iterator[Pointer]:
            return iter(())

    _in_every_world(simulation, lambda world: replace(world, runs=Forgetful(world.runs._table)))


def no_grace(simulation: Simulation) -> None:
    """Starts again at once when a look shows no job."""
    _in_every_world(simulation, lambda world: replace(world, patience=Patience(grace_seconds=0)))


def no_claims(simulation: Simulation) -> None:
    """Lets a job belong to whoever asks."""

    class Generous(PlaceStore):
        def claim(self, key: str, watched: WatchedJob, owner: str) -> bool:
            super().claim(key, watched, owner)
            return True

    _in_every_world(simulation, lambda world: replace(world, places=Generous(world.places._table)))


def a_failed_look_is_a_verdict(simulation: Simulation) -> None:
    """Lets a failed look at a place drop its jobs from the watch."""

    class Dropping(PlaceStore):
        def save(self, held: Any, watch: Any) -> Any:
            if watch.error is not None:
                for job in self.watched(held.key):
                    self.unwatch(held.key, job.job.id)
            return super().save(held, watch)

    _in_every_world(simulation, lambda world: replace(world, places=Dropping(world.places._table)))


def believe_in_messages(simulation: Simulation) -> None:
    """Tells a run of its job's end once, and never asks whether it has heard."""

    class Believing(PlaceStore):
        def update(self, key: str, watched: WatchedJob) -> None:
            if watched.told_at is not None:
                watched = replace(watched, told_at=watched.told_at + timedelta(days=365))
            super().update(key, watched)

    _in_every_world(simulation, lambda world: replace(world, places=Believing(world.places._table)))


def schedules_begin_anew(simulation: Simulation) -> None:
    """Lets a schedule count from now on whenever a tick finds nothing to run."""

    class Anew(ScheduleStore):
        def progress(self) -> dict[str, Progress]:
            now = simulation.scheduler.now()
            late = timedelta(seconds=70)
            return {
                name: replace(one, done_until=now) if now - one.done_until > late else one
                for name, one in super().progress().items()
            }

    _in_every_world(simulation, lambda world: replace(world, schedules=Anew(world.schedules._table)))


def move_the_window_first(simulation: Simulation) -> None:
    """Notes what ended as taken care of when a look begins, before its runs are there."""

    class Early(FollowStore):
        def save(self, held: HeldPlace, followed: FollowedPlace) -> HeldPlace | None:
            if followed.token != held.followed.token:
                done = {key: self._done(one) for key, one in followed.progress.items()}
                followed = replace(followed, progress=done)
            return super().save(held, followed)

        def _done(self, progress: FollowProgress) -> FollowProgress:
            done_until = max(progress.done_until, simulation.scheduler.now() + LATE)
            return replace(progress, done_until=done_until)

    _in_every_world(simulation, lambda world: replace(world, follows=Early(world.follows._table)))


def lose_a_transition(simulation: Simulation) -> None:
    """Saves the end of a step without its row."""

    @dataclass(frozen=True)
    class Leaky:
        inner: Any

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

        def write(self, writes: Sequence[Write]) -> Any:
            kept = [one for one in writes if isinstance(one, Delete) or '"event":"succeed"' not in one.row.data]
            return self.inner.write(kept)

    _in_every_world(simulation, lambda world: replace(world, runs=RunStore(Leaky(world.runs._table))))


def forget_events(simulation: Simulation) -> None:
    """Takes each delivery of an event for a new one."""

    class Forgetful(RunStore):
        def run_of(self, chain: str, cause: str) -> str | None:
            return None if cause.startswith("event ") else super().run_of(chain, cause)

        def create(self, run: Run, cause: str, slots: Slots | None) -> Held | None:
            return super().create(run, f"run {run.id}" if cause.startswith("event ") else cause, slots)

    _in_every_world(simulation, lambda world: replace(world, runs=Forgetful(world.runs._table)))


def mark_before_the_send(simulation: Simulation) -> None:
    """Takes events for sent as soon as it has read them."""

    class Eager(AlertMarks):
        def of(self, run_id: str) -> Unsent | None:
            unsent = super().of(run_id)
            if unsent is not None:
                self.forget(unsent)
            return unsent

    _alerts(simulation, lambda alerts: replace(alerts, marks=Eager(alerts.marks._table)))


def leave_the_last_event_to_its_message(simulation: Simulation) -> None:
    """Closes a run without a pointer at what has not been sent."""

    class Hasty(RunStore):
        def close(self, run: Run, unsent: Due | None = None) -> None:
            super().close(run)

    _in_every_world(simulation, lambda world: replace(world, runs=Hasty(world.runs._table)))


def forget_unsent_events(simulation: Simulation) -> None:
    """Never looks again for events whose message was lost, or which the topic refused."""

    class Forgetful(AlertMarks):
        def all(self) -> Iterator[Due]:
            return iter(())

    _alerts(simulation, lambda alerts: replace(alerts, marks=Forgetful(alerts.marks._table)))


def newest_event_first(simulation: Simulation) -> None:
    """Sends the events of a run in the wrong order."""

    @dataclass(frozen=True)
    class Backwards:
        inner: AlertSink

        def send(self, alerts: Sequence[Alert]) -> None:
            self.inner.send(alerts[::-1])

        def rests(self) -> bool:
            return self.inner.rests()

    _alerts(simulation, lambda alerts: replace(alerts, sink=Backwards(alerts.sink)))


def begin_before_the_other_has_ended(simulation: Simulation) -> None:
    """Gives a new run the slot of the one whose place it takes, though that one's jobs go on."""

    class Hasty(RunStore):
        def create(self, run: Run, cause: str, slots: Slots | None) -> Held | None:
            if slots is not None and slots.superseded and run.id in slots.waiting:
                holders = tuple(other for other in slots.holders if other not in slots.superseded)
                run, slots = replace(run, queued=False), replace(slots, holders=(*holders, run.id), waiting=())
            return super().create(run, cause, slots)

    _in_every_world(simulation, lambda world: replace(world, runs=Hasty(world.runs._table)))


def never_ask_the_other_to_stop(simulation: Simulation) -> None:
    """Forgets those who waited and whose place was taken."""

    class Forgetful(RunStore):
        def slots(self, chain: str) -> Slots:
            slots = super().slots(chain)
            return replace(slots, waiting=(*slots.waiting, *slots.superseded), superseded={})

    _in_every_world(simulation, lambda world: replace(world, runs=Forgetful(world.runs._table)))


def overlook_the_pause(simulation: Simulation) -> None:
    """Lets schedules start runs whether or not their chain is paused."""

    class Blind(PauseStore):
        def of(self, chain: str) -> Pause | None:
            pause = super().of(chain)
            return pause and replace(pause, until=pause.since)

    _in_every_world(simulation, lambda world: replace(world, pauses=Blind(world.pauses._table)))


def forget_the_backfill(simulation: Simulation) -> None:
    """Leaves a backfill alone whose message was lost."""

    class Forgetful(BackfillStore):
        def under_way(self) -> Iterator[str]:
            return iter(())

    _in_every_world(simulation, lambda world: replace(world, backfills=Forgetful(world.backfills._table)))


def forget_who_waits(simulation: Simulation) -> None:
    """Calls a pipeline back by message only, however that ends."""

    class Forgetful(WebHookStore):
        def all(self) -> Iterator[Debt]:
            return iter(())

    _in_every_world(simulation, lambda world: replace(world, web_hooks=Forgetful(world.web_hooks._table)))


def rerun_twice(simulation: Simulation) -> None:
    """Pays no heed to the key of a rerun."""

    class Forgetful(RunStore):
        def run_of(self, chain: str, cause: str) -> str | None:
            return None if cause.startswith("rerun ") else super().run_of(chain, cause)

        def create(self, run: Run, cause: str, slots: Slots | None) -> Held | None:
            return super().create(run, f"run {run.id}" if cause.startswith("rerun ") else cause, slots)

    _in_every_world(simulation, lambda world: replace(world, runs=Forgetful(world.runs._table)))


def begin_all_times_at_once(simulation: Simulation) -> None:
    """Pays no heed to how many runs a backfill may have at once."""

    class Greedy(BackfillStore):
        def load(self, backfill_id: str) -> HeldBackfill | None:
            held = super().load(backfill_id)
            return held and replace(held, backfill=replace(held.backfill, parallelism=50))

    _in_every_world(simulation, lambda world: replace(world, backfills=Greedy(world.backfills._table)))


PLANTS = (
    drop_the_intent,
    retry_a_start,
    trust_the_error,
    skip_the_etag,
    adopt_an_old_refresh,
    forget_the_revival,
    no_grace,
    no_claims,
    a_failed_look_is_a_verdict,
    believe_in_messages,
    schedules_begin_anew,
    move_the_window_first,
    lose_a_transition,
    forget_events,
    mark_before_the_send,
    leave_the_last_event_to_its_message,
    forget_unsent_events,
    newest_event_first,
    begin_before_the_other_has_ended,
    never_ask_the_other_to_stop,
    overlook_the_pause,
    forget_the_backfill,
    forget_who_waits,
    rerun_twice,
    begin_all_times_at_once,
)


class _Wrapped(Overheard):
    """A service with one method changed."""

    def __init__(self, inner: Service) -> None:
        assert isinstance(inner, Overheard)
        super().__init__(inner.inner, inner.wire)


def _services(simulation: Simulation, wrap: Callable[[Service], Any]) -> None:
    _in_every_world(
        simulation, lambda world: replace(world, services=lambda connection: wrap(world.services(connection)))
    )


def _alerts(simulation: Simulation, change: Callable[[Alerts], Alerts]) -> None:
    _in_every_world(
        simulation, lambda world: replace(world, alerts=change(world.alerts)) if world.alerts else world
    )


def _in_every_world(simulation: Simulation, change: Callable[[World], World]) -> None:
    simulation.worlds = [change(world) for world in simulation.worlds]
