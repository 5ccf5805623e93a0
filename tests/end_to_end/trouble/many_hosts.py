"""Plays one plan of trouble from its beginning until everything has ended, and tells what came of it."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from local.simulated_azure.sample import SUBSCRIPTION
from local.simulated_azure.server import Server
from local.simulated_azure.world import SimulatedAzure
from shared.app import open_storage
from shared.settings import Settings
from shared.storage.base import Storage, StorageError
from tests.azurite import start_azurite
from tests.end_to_end.conftest import HostProcess
from tests.end_to_end.trouble.callers import Caller, RefusedError
from tests.end_to_end.trouble.checks import Violation, violations
from tests.end_to_end.trouble.fleet import Fleet, Troublemaker
from tests.end_to_end.trouble.flows import bad_luck, chains_file, flow_name, flows_azure
from tests.end_to_end.trouble.story import Story, actions, leftovers, told, unfinished

_CALLING_THREADS = 16
_LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`seconds`: how long callers call and things break; `end_seconds`: by when all must have ended after that.
    `revive_seconds`: how late a message may be before it is sent again; more runs need more of it."""

    seed: int
    hosts: int = 3
    chains: int = 30
    flows: int = 12
    seconds: float = 12
    kills: int = 4
    freezes: int = 1
    restarts: int = 1
    bad_luck: float = 0.04
    end_seconds: float = 120
    revive_seconds: float = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`actions`: how often the hosts' logs name each; `trouble`: what was broken how often; `leftovers`:
    jobs still watched when the last run had ended."""

    violations: Sequence[Violation]
    trouble: Counter[str]
    actions: Counter[str]
    jobs: int
    calls: int
    disowned: int
    leftovers: int
    seconds: float

    def count(self, *kinds: str) -> int:
        return sum(violation.kind in kinds for violation in self.violations)


def play(plan: Plan, folder: Path) -> Outcome:
    """Leaves the hosts' logs in `folder`."""
    azure = flows_azure(lambda: datetime.now(UTC), plan.flows, plan.seed)
    azure.faults.on += bad_luck(plan.bad_luck)
    chains = folder / "chains.yaml"
    chains.write_text(chains_file(plan.flows))
    with Server(azure) as server, start_azurite(data_dir=folder / "azurite") as azurite:
        settings = {
            **server.settings(),
            "SUBSCRIPTION_ID": SUBSCRIPTION,
            "AzureWebJobsStorage": azurite.connection_string,
            "CHAINS_FILE": str(chains),
            "REVIVE_SECONDS": str(plan.revive_seconds),
        }
        hosts = [HostProcess(settings, free_port(), folder / f"host-{number}.log") for number in range(plan.hosts)]
        callers = _callers(plan)
        with Fleet(hosts) as fleet:
            begun = time.monotonic()
            troublemaker = Troublemaker(fleet, azurite, plan.seed, plan.seconds)
            troublemaker.begin(kills=plan.kills, freezes=plan.freezes, restarts=plan.restarts)
            refused = _call(plan, callers, fleet.urls)
            troublemaker.join()
            azure.faults.on.clear()
            storage = open_storage(Settings.from_mapping(settings))
            _wait_for_the_end(storage, plan.end_seconds)
            seconds = time.monotonic() - begun
            still_watched = leftovers(storage)
        counted, disowned = actions([host.log for host in hosts if host.log])
        story = _story(storage, azure, callers, disowned)
    found = [*(Violation("forgotten", text) for text in refused), *violations(story)]
    if counted["disown_failed"] or (disowned and not plan.freezes):  # only a freeze can make a second job
        found.append(Violation("doubled", f"second jobs: {sorted(disowned)}"))
    return Outcome(
        violations=found,
        trouble=troublemaker.done,
        actions=counted,
        jobs=len(story.jobs),
        calls=sum(caller.calls for caller in callers),
        disowned=len(disowned),
        leftovers=still_watched,
        seconds=seconds,
    )


def _callers(plan: Plan) -> list[Caller]:
    luck = random.Random(f"{plan.seed} callers")
    return [
        Caller(
            key=f"key {number}",
            chain=flow_name(number % plan.flows),
            starts_after_seconds=luck.uniform(0, 0.8) * plan.seconds,
            again=luck.choice([0, 0, 0, 1, 2]),
        )
        for number in range(plan.chains)
    ]


def _call(plan: Plan, callers: Sequence[Caller], urls: Sequence[str]) -> list[str]:
    """Every caller in its time; returns what they complain about."""
    begun = time.monotonic()
    deadline = begun + plan.seconds + plan.end_seconds
    complaints: list[str] = []

    def call(caller: Caller) -> None:
        time.sleep(max(0.0, begun + caller.starts_after_seconds - time.monotonic()))
        try:
            caller.call(urls, random.Random(f"{plan.seed} {caller.key}"), deadline)
        except RefusedError as error:
            complaints.append(str(error))

    with ThreadPoolExecutor(_CALLING_THREADS) as pool:
        list(pool.map(call, sorted(callers, key=lambda caller: caller.starts_after_seconds)))
    return complaints


def _wait_for_the_end(storage: Storage, seconds: float) -> None:
    """Until every run has ended; the checks tell which have not after that time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if next(unfinished(storage), None) is None:
                return
        except StorageError:
            continue
        threading.Event().wait(_LOOK_SECONDS)


def _story(storage: Storage, azure: SimulatedAzure, callers: Sequence[Caller], disowned: frozenset[str]) -> Story:
    promised = {caller.key: frozenset(caller.run_ids) for caller in callers}
    return told(storage, azure, promised, disowned, datetime.now(UTC))


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
