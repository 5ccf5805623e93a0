"""Event Grid, as far as Baton sees it: each event at least once, until it is taken, in no order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from shared.core.definition import EventPattern
from shared.core.events import Event
from shared.core.run import Run
from shared.relay.on_event import on_event
from shared.relay.world import World

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

FILE = "file"
MOST_EVENTS = 3


def pattern_of(chain: str) -> EventPattern:
    """Every chain of a simulation waits for events about itself."""
    return EventPattern(type=FILE, subject=f"/{chain}", data={"api": ["Put", "Flush"]})


@dataclass(slots=True)
class Sent:
    """An event, and what its deliveries were told. `unknown`: once there was no such chain any more.

    `skipped_at`: a delivery was taken without a run.
    """

    event: Event
    chain: str
    runs: set[str] = field(default_factory=set)
    taken: bool = False
    unknown: bool = False
    skipped_at: datetime | None = None


class Events:
    """`waiting` deliveries have not been taken yet."""

    def __init__(self, simulation: Simulation) -> None:
        self.sent: list[Sent] = []
        self.waiting = 0
        self._simulation = simulation

    def plan(self) -> None:
        """Some events, some of them several times at once."""
        luck, end = self._simulation.luck, self._simulation.bad_until
        chains = [chain.name for chain in self._simulation.declared[0]]
        for number in range(MOST_EVENTS):
            if not luck.strikes("an event", 0.25):
                continue
            chain = chains[luck.one_of("an event", len(chains))]
            event = Event(id=f"e-{number}", type=FILE, source="st", subject=chain, data={"api": "Put"})
            sent = Sent(event, chain)
            self.sent.append(sent)
            when = luck.between("an event", 0, end)
            for _ in range(1 + sum(luck.strikes("an event comes twice", 0.4) for _ in range(2))):
                self.waiting += 1
                self._simulation.scheduler.at(when + luck.between("an event", 0, 3), partial(self._deliver, sent))

    def _deliver(self, sent: Sent, tries: int = 0) -> None:
        simulation = self._simulation

        def work(world: World, number: int) -> None:
            told = on_event(world, simulation.declared[number], sent.event)
            sent.runs |= set(told.runs)
            sent.taken = True
            if told.skipped:
                sent.skipped_at = simulation.scheduler.now()
            sent.unknown = sent.unknown or not told.matched

        def ended(error: BaseException | None) -> None:
            if error is None:
                self.waiting -= 1
                return
            simulation.scheduler.note(f"event {sent.event.id} is delivered again: {error!r}")
            seconds = (10.0, 30.0, 60.0, 300.0)[min(tries, 3)]
            simulation.scheduler.after(seconds, lambda: self._deliver(sent, tries + 1))

        simulation.call(f"event {sent.event.id}", work, ended)

    def violations(self, runs: Sequence[Run]) -> Iterator[str]:
        """One run of a chain for each event that was taken; none is lost."""
        known = {run.id for run in runs}
        made = Counter((run.chain, run.trigger.event.id) for run in runs if run.trigger.event)
        yield from (
            f"event {event} has {count} runs of {chain}" for (chain, event), count in made.items() if count > 1
        )
        for sent in self.sent:
            if not sent.runs <= known:
                yield f"event {sent.event.id} was promised {sent.runs}, which is not listed"
            at = sent.skipped_at
            if at is not None and self._simulation.holds.may_hold(sent.chain, at, at):
                continue
            if sent.taken and not sent.unknown and not sent.runs:
                yield f"event {sent.event.id} was taken, and {sent.chain} has no run of it"
