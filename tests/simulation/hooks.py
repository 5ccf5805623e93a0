"""Pipelines that wait for a run of Baton's, and what they were told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from shared.core.errors import TryLaterError
from shared.core.run import Run, RunStatus
from shared.store.web_hooks import WebHookStore

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation


class Hooks:
    """Each address stands for one WebHook activity. `owed`: by address, the run that it is promised to hear of."""

    def __init__(self, simulation: Simulation) -> None:
        self.owed: dict[str, str] = {}
        self._heard: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
        self._simulation = simulation

    def hear(self, address: str, body: Mapping[str, Any]) -> None:
        """The call itself: it may not arrive, or its answer may be lost."""
        simulation = self._simulation
        simulation.scheduler.effect("a callback")
        self._perhaps("a callback does not arrive")
        simulation.scheduler.note(f"{address} hears of {body['Output']['status']}")
        self._heard[address].append(body)
        run_id = body["Output"]["run"]
        if simulation.witness.runs[run_id].status is RunStatus.RUNNING:
            simulation.witness.wrong(f"{address} was called back, though {run_id} goes on")
        simulation.scheduler.effect("the end of a callback")
        self._perhaps("a callback's answer is lost")

    def is_quiet(self) -> bool:
        """Whether nobody waits for a call any more."""
        return next(WebHookStore(self._simulation.table).all(), None) is None

    def missed(self, runs: Sequence[Run]) -> Iterator[str]:
        """Who was not told, or told something else."""
        by_id = {run.id: run for run in runs}
        for address, run_id in self.owed.items():
            if not self._heard[address]:
                yield f"{address} waits for {run_id}, and was never called back"
            for body in self._heard[address]:
                told = (body["Output"]["run"], body["Output"]["status"])
                if told != (run_id, by_id[run_id].status):
                    yield f"{address} waits for {run_id}, which {by_id[run_id].status}, and was told {told}"

    def _perhaps(self, what: str) -> None:
        if self._simulation.luck.strikes(what, self._simulation.bad(0.3)):
            self._simulation.scheduler.note(what)
            raise TryLaterError("callback_failed", what)
