"""Which jobs at a place Baton has started itself.

A job is Baton's own from its claim on. Between the start call and the claim lies little time, or much: an answer
was lost, or a process died. As long as a run under way is starting a job like it, nobody can tell whose it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import cached_property

from shared.core.definition import Chain, StepDefinition
from shared.core.follows import SeenJob
from shared.core.ids import chain_of
from shared.core.run import StepStatus
from shared.relay.world import World
from shared.store.places import place_key

CLOCKS_DIFFER = timedelta(seconds=30)
LONGEST_DOUBT = timedelta(minutes=30)  # after its end; a start that is looked for that long has other troubles
FEW = 50  # runs under way that are all read; of more, only those whose chain can have started the job


class Whose(Enum):
    """Who has started a job."""

    BATON = "Baton"
    OTHERS = "others"
    UNCLEAR = "unclear"  # a start of Baton's is open that may have made it: ask again


@dataclass(frozen=True, slots=True)
class OpenStart:
    """A start that was intended, and of which no job is known yet."""

    what: str
    intended_at: datetime


@dataclass(frozen=True)
class Starts:
    """What Baton has started at a place, and is starting. Made after the jobs in question were read.

    The open starts are read before the claims: a start that is no longer open has its claim by then.
    """

    world: World
    chains: Sequence[Chain]
    key: str

    def whose(self, job: SeenJob, now: datetime) -> Whose:
        open_now = self._open if job.by_call else ()
        if self.world.places.owner(self.key, job.id) is not None:
            return Whose.BATON
        may_be = any(_may_have_made(one, job) for one in open_now)
        return Whose.UNCLEAR if may_be and now < job.end + LONGEST_DOUBT else Whose.OTHERS

    @cached_property
    def _open(self) -> tuple[OpenStart, ...]:
        return tuple(one for run_id in self._under_way() for one in self._starts_of(run_id))

    def _under_way(self) -> Iterator[str]:
        run_ids = [pointer.run_id for pointer in self.world.runs.pointers()]
        if len(run_ids) <= FEW:
            return iter(run_ids)
        by_name = {chain.name: chain for chain in self.chains}
        able = {name for name, chain in by_name.items() if any(map(self._is_here, chain.steps))}
        return (run_id for run_id in run_ids if (name := chain_of(run_id)) in able or name not in by_name)

    def _starts_of(self, run_id: str) -> Iterator[OpenStart]:
        held = self.world.runs.load(run_id)
        for step in held.run.steps if held is not None else ():
            if held is None or step.status is not StepStatus.STARTING or step.intent is None:
                continue
            definition = held.run.step_definition(step.name)
            if self._is_here(definition):
                yield OpenStart(definition.pipeline or definition.job_type or "", step.intent.at)

    def _is_here(self, definition: StepDefinition) -> bool:
        return place_key(self.world.service_of(definition).place(definition)) == self.key


def _may_have_made(start: OpenStart, job: SeenJob) -> bool:
    alike = start.what.casefold() == job.what.casefold()
    return alike and (job.started_at is None or job.started_at >= start.intended_at - CLOCKS_DIFFER)
