"""Which jobs must have started a run of which chain, by what was declared when and by the services' books."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from local.simulated_azure.fabric_items import Instance
from local.simulated_azure.pipelines import Factory, PipelineRun
from local.simulated_azure.world import SimulatedAzure
from shared.core.definition import Chain, Connection, Follow
from shared.core.run import Run
from shared.store.follows import FollowStore
from tests.simulation.books import all_jobs
from tests.simulation.witness import Witness

HIDDEN = timedelta(seconds=100)  # a job may not be listed for so long
CLOCKS_DIFFER = timedelta(seconds=20)
OUTCOMES = {"Succeeded": "succeeded", "Completed": "succeeded", "Failed": "failed", "Cancelled": "cancelled"}

FollowedJob = PipelineRun | Instance


@dataclass(slots=True)
class Promise:
    """A time in which every instance has followed the same, and has begun to keep it."""

    chain: str
    follow: Follow
    begins: datetime
    ends: datetime | None = None


@dataclass(slots=True)
class FollowBook:
    """What was promised. `agreed`: the chains that all instances have; None while a deploy is under way."""

    store: FollowStore
    azure: SimulatedAzure
    agreed: list[Chain] | None
    promises: list[Promise] = field(default_factory=list)

    def ticked(self) -> None:
        """After a tick: a follow counts from when the store has it and all agree on it.

        One whose `on` has changed in a deploy may have passed over, as it was before, what counts for it now.
        """
        missing = self._missing()
        since = self._since() if missing else {}
        for chain, follow in missing:
            if (chain, follow.what) in since:
                begins = max(since[chain, follow.what], self.azure.data_factory.clock())
                self.promises.append(Promise(chain, follow, begins))

    def deploying(self, next_chains: list[Chain], now: datetime) -> None:
        """A deploy begins: what it drops or changes is promised only as far as it had come."""
        self.agreed = None
        stays = [(chain.name, follow) for chain in next_chains for follow in chain.follows]
        for one in self.promises:
            if one.ends is None and (one.chain, one.follow) not in stays:
                one.ends = min(now, self._done_until(one)) - HIDDEN

    def settled(self, now: datetime) -> bool:
        """Whether every job is over, and every follow has been noted, and has come so far that it has seen all."""
        jobs = [job for job in all_jobs(self.azure) if isinstance(job, FollowedJob)]
        last = max((job.ended_at() for job in jobs), default=datetime.min.replace(tzinfo=now.tzinfo))
        progress = [p for held in self.store.all() for p in held.followed.progress.values() if not p.absent_since]
        return not self._missing() and all(one.done_until > last + HIDDEN for one in progress)

    def broken(
        self, runs: Iterable[Run], witness: Witness, now: datetime, excused: Callable[[str, datetime], bool]
    ) -> Iterator[str]:
        """Jobs that started no run, or two, or one that they should not have started.

        `excused`: whether the chain may have been paused when a job that ended then was seen.
        """
        started = [run for run in runs if run.trigger.job is not None]
        found = Counter((run.chain, run.trigger.job.id) for run in started if run.trigger.job)
        yield from (f"{chain} ran {n} times for job {job_id}" for (chain, job_id), n in found.items() if n > 1)
        for run in started:
            yield from self._wrongly_started(run, witness, now)
        for promise in self.promises:
            for job in self._promised(promise, witness, now):
                if (promise.chain, job.id) not in found and not excused(promise.chain, job.ended_at()):
                    yield f"{promise.chain} follows {promise.follow.what}, and no run knows of its job {job.id}"

    def _missing(self) -> list[tuple[str, Follow]]:
        """What all agree to follow, by chain, and what is not promised yet."""
        kept = [(one.chain, one.follow) for one in self.promises if one.ends is None]
        wanted = [(chain.name, one) for chain in self.agreed or () for one in chain.follows]
        return [each for each in wanted if each not in kept]

    def _wrongly_started(self, run: Run, witness: Witness, now: datetime) -> Iterator[str]:
        told = run.trigger.job
        assert told is not None
        what = told.pipeline or told.job_type
        follow = next(one for one in run.definition.follows if one.what == what)
        job = witness.job(told.id)
        if job is None or OUTCOMES.get(job.status(now)) != told.outcome:
            yield f"{run.id} was started for job {told.id}, which did not end as {told.outcome}"
        if told.id in witness.owners and not follow.own:
            yield f"{run.id} was started for job {told.id}, which was Baton's own"
        if follow.on not in ("completed", told.outcome):
            yield f"{run.id} was started for a job that {told.outcome}, and follows what {follow.on}"

    def _promised(self, promise: Promise, witness: Witness, now: datetime) -> Iterator[FollowedJob]:
        ends = promise.ends or now - HIDDEN
        for job in jobs_of(self.azure, promise.follow):
            outcome = OUTCOMES.get(job.status(now))
            own = job.id in witness.owners or job.id in witness.claims
            meant = promise.follow.on in ("completed", outcome) and (promise.follow.own or not own)
            if outcome and meant and promise.begins + CLOCKS_DIFFER < job.ended_at() < ends - CLOCKS_DIFFER:
                yield job

    def _since(self) -> dict[tuple[str, str], datetime]:
        return {
            (chain, what): one.since
            for held in self.store.all()
            for key, one in held.followed.progress.items()
            for chain, _, what in [key.partition(" ")]
            if one.absent_since is None
        }

    def _done_until(self, promise: Promise) -> datetime:
        key = f"{promise.chain} {promise.follow.what}"
        found = [held.followed.progress.get(key) for held in self.store.all()]
        return min((one.done_until for one in found if one is not None), default=promise.begins)


def jobs_of(azure: SimulatedAzure, follow: Follow) -> list[FollowedJob]:
    """All jobs of what is followed, whoever started them."""
    if follow.item is not None:
        workspace = azure.fabric.workspaces[follow.connection.workspace or ""]
        return list(workspace.items[follow.item].instances)
    factory = factory_of(azure, follow.connection)
    return [run for run in factory.runs.values() if run.pipeline == follow.pipeline]


def factory_of(azure: SimulatedAzure, connection: Connection) -> Factory:
    """Where a connection leads."""
    if connection.type == "synapse":
        return azure.synapse.workspace(connection.workspace or "")
    return azure.data_factory.factory("s", "g", connection.factory or "")


def run_by_somebody(azure: SimulatedAzure, follow: Follow, *, by_hand: bool) -> str:
    """Somebody else starts a job of what is followed. Its id."""
    if follow.item is not None:
        item = azure.fabric.workspaces[follow.connection.workspace or ""].items[follow.item]
        return azure.fabric.begin(item, follow.job_type or "", "Scheduled").id
    factory = factory_of(azure, follow.connection)
    api = azure.synapse if follow.connection.type == "synapse" else azure.data_factory
    return api.start(factory, factory.pipelines[follow.what], {}, by="Manual" if by_hand else "Nightly").id
