"""Everybody else: callers who repeat themselves, people who cancel, refresh by hand, and deploy."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.core.ids import chain_of
from shared.core.rerun import NothingToRunError
from shared.core.run import RunStatus, Trigger
from shared.relay.cancel import FinishedError, cancel
from shared.relay.rerun import rerun
from shared.relay.start import BusyError, start
from shared.relay.web_hooks import owe
from shared.relay.world import World
from tests.simulation.chains import NIGHTLY
from tests.simulation.followed import run_by_somebody

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

ASK_AGAIN_SECONDS = 5.0


@dataclass(slots=True)
class Caller:
    """Somebody who wants a run, and asks again with the same key until it is accepted or there is no chain."""

    chain: str
    key: str
    run_ids: set[str] = field(default_factory=set)
    waits_at: str | None = None  # a pipeline that is to be called back there


class People:
    """What they do is planned at the beginning; `waiting` callers have not had an answer yet."""

    def __init__(self, simulation: Simulation, chance: random.Random) -> None:
        self.callers: list[Caller] = []
        self.waiting = 0
        self.cancelled: set[str] = set()
        self._simulation = simulation
        self._chance = chance

    def plan(self) -> None:
        """Nobody comes after the faults have stopped."""
        luck, scheduler = self._simulation.luck, self._simulation.scheduler
        end = self._simulation.bad_until
        if luck.strikes("a caller", 1.0):
            self._calls("key 0", end)
        for number in range(1, 5):
            if luck.strikes("a further caller", 0.35):
                self._calls(f"key {number}", end)
        for what, most, share, earliest, act in (
            ("others refresh", 4, 0.25, 0, self._others_refresh),
            ("others run", 6, 0.5, 0, self._others_run),
            ("a cancel", 2, 0.25, 5, self._cancel_any),
            ("a deploy", 2, 0.15, 5, self._deploy),
            ("a rerun", 2, 0.2, 5, self._rerun_any),
        ):
            for _ in range(most):
                if luck.strikes(what, share):
                    scheduler.at(luck.between(what, earliest, end), act)

    def _calls(self, key: str, end: float) -> None:
        luck = self._simulation.luck
        caller = Caller(self._chance.choice(self._simulation.declared[0]).name, key)
        if luck.strikes("a pipeline waits", 0.2):
            caller.waits_at = f"https://{key.replace(' ', '-')}"
        self.callers.append(caller)
        when = luck.between("caller", 0, end * 0.8)
        times = 1 + sum(luck.strikes("the same call again", 0.3) for _ in range(2))
        for _ in range(times):
            self.waiting += 1
            self._simulation.scheduler.at(when + luck.between("caller", 0, 5), lambda: self._call(caller))

    def _call(self, caller: Caller) -> None:
        simulation = self._simulation

        def work(world: World, number: int) -> None:
            chain = next((one for one in simulation.declared[number] if one.name == caller.chain), None)
            if chain is None:
                return  # 404: a deploy has dropped it
            run, _ = start(world, chain, Trigger(type="http", time=world.now()), {}, cause=caller.key)
            if caller.waits_at is not None:
                owe(world, run.id, caller.waits_at)
                simulation.hooks.owed[caller.waits_at] = run.id
            caller.run_ids.add(run.id)

        self._ask(caller, work)

    def _ask(self, caller: Caller, work: Callable[[World, int], None]) -> None:
        """Asks until there is an answer; a refusal is one."""
        simulation = self._simulation

        def ended(error: BaseException | None) -> None:
            if error is None or isinstance(error, BusyError | NothingToRunError):
                self.waiting -= 1
                return
            simulation.scheduler.note(f"{caller.key} has no answer, and will ask again: {error!r}")
            simulation.scheduler.after(ASK_AGAIN_SECONDS, lambda: self._ask(caller, work))

        simulation.call(caller.key, work, ended)

    def _cancel_any(self) -> None:
        found = sorted(run_id for caller in self.callers for run_id in caller.run_ids)
        if not found:
            return
        run_id = found[self._simulation.luck.one_of("a cancel", len(found))]

        def work(world: World, _number: int) -> None:
            try:
                run = cancel(world, run_id)
            except FinishedError:
                return
            if run is not None:
                self.cancelled.add(run_id)
                self._simulation.witness.cancelled(run_id)

        self._simulation.call("cancel", work)

    def _rerun_any(self) -> None:
        """Somebody wants a run that has ended done again, and asks until it is accepted."""
        simulation, luck = self._simulation, self._simulation.luck
        known = (run_id for caller in self.callers for run_id in caller.run_ids)
        ended = sorted(one for one in known if simulation.witness.runs[one].status is not RunStatus.RUNNING)
        if not ended:
            if simulation.scheduler.seconds < simulation.bad_until:
                simulation.scheduler.after(ASK_AGAIN_SECONDS, self._rerun_any)
            return
        run_id = ended[luck.one_of("a rerun", len(ended))]
        begin = ("failed", "start")[luck.one_of("a rerun", 2)]
        caller = Caller(chain_of(run_id) or "", f"rerun {len(self.callers)}")
        self.callers.append(caller)
        for _ in range(1 + luck.one_of("a rerun", 2)):
            self.waiting += 1
            simulation.scheduler.after(luck.between("a rerun", 0, 5), lambda: self._rerun(caller, run_id, begin))

    def _rerun(self, caller: Caller, run_id: str, begin: str) -> None:
        simulation = self._simulation

        def work(world: World, number: int) -> None:
            declared = next((one for one in simulation.declared[number] if one.name == caller.chain), None)
            run = rerun(world, run_id, begin, declared, key=caller.key)
            assert run is not None
            caller.run_ids.add(run.id)

        self._ask(caller, work)

    def _others_refresh(self) -> None:
        """Somebody else refreshes a model, when it is not busy."""
        simulation, luck = self._simulation, self._simulation.luck
        models = simulation.azure.power_bi.workspaces["w"]
        model = models[sorted(models)[luck.one_of("others refresh", len(models))]]
        if all(refresh.status(simulation.scheduler.now()) != "Unknown" for refresh in model.refreshes):
            kind = ("Scheduled", "ViaApi", "ViaEnhancedApi", "ViaEnhancedApi")[luck.one_of("others refresh", 4)]
            body = {"type": "full"} if kind == "ViaEnhancedApi" else None
            refresh = simulation.azure.power_bi.begin(model, kind, body)
            simulation.witness.others.add(refresh.id)
            simulation.scheduler.note(f"somebody else refreshes {model.id} ({kind}, {refresh.id[:8]})")

    def _others_run(self) -> None:
        """Somebody else, or a trigger, runs what chains follow. What Baton may run too is left to triggers."""
        simulation, luck = self._simulation, self._simulation.luck
        followed = [follow for chain in simulation.declared[0] for follow in chain.follows]
        if followed:
            follow = followed[luck.one_of("others run", len(followed))]
            by_hand = follow.pipeline == NIGHTLY and luck.one_of("others run", 2) == 0
            job_id = run_by_somebody(simulation.azure, follow, by_hand=by_hand)
            simulation.witness.others.add(job_id)
            simulation.scheduler.note(f"somebody else runs {follow.what} ({job_id[:8]}, by hand: {by_hand})")

    def _deploy(self) -> None:
        """One instance after the other restarts with the new file; meanwhile two versions are at work."""
        simulation, luck = self._simulation, self._simulation.luck
        if simulation.calendar.agreed is None:
            return
        chains = simulation.maker.redeployed(simulation.calendar.agreed)
        simulation.scheduler.note(f"a deploy begins: {', '.join(chain.name for chain in chains)}")
        simulation.calendar.deploying(chains, simulation.scheduler.now())
        simulation.followed.deploying(chains, simulation.scheduler.now())
        when = 0.0
        for number in range(len(simulation.declared)):
            when += luck.between("a deploy", 0, 40)
            simulation.scheduler.after(when, lambda one=number: self._restart(one, chains))  # type: ignore[misc]

    def _restart(self, number: int, chains: list) -> None:  # type: ignore[type-arg]
        simulation = self._simulation
        simulation.scheduler.note(f"instance {'ABCDEFGH'[number]} restarts with the new chains")
        simulation.scheduler.kill(number)
        simulation.declared = [
            chains if other == number else before for other, before in enumerate(simulation.declared)
        ]
        if all(one is chains for one in simulation.declared):
            simulation.calendar.agreed = simulation.followed.agreed = chains
