"""Many starts at once: each is accepted whole, or refused before it has done anything."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import requests

from local.simulated_azure.pipelines import Pipeline
from local.simulated_azure.sample import FACTORY, GROUP, SUBSCRIPTION, sample_azure
from local.simulated_azure.server import Server
from local.simulated_azure.world import SimulatedAzure
from shared.app import QUEUE, TABLE, open_storage
from shared.core.run import Run, RunStatus
from shared.settings import Settings
from shared.storage.base import Storage
from shared.store.runs import RunStore
from tests.azurite import start_azurite
from tests.end_to_end.conftest import HostProcess
from tests.end_to_end.host_process import KEY
from tests.end_to_end.trouble.checks import Violation
from tests.end_to_end.trouble.fleet import Fleet
from tests.end_to_end.trouble.many_hosts import free_port
from tests.end_to_end.trouble.story import started_jobs

CHAIN = "small"
CALL_SECONDS = 120.0
_LONGEST_PAUSE_SECONDS = 2.0
_LOOK_SECONDS = 0.5
_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class BurstPlan:
    """`storage`: azurite or sqlite. `most_at_once`: maxOutstandingRequests of each host. `callers`: threads.
    `revive_seconds`: how late a message may be before it is sent again; the timer ticks three times as often."""

    storage: str
    starts: int
    hosts: int
    callers: int
    most_at_once: int = 200
    revive_seconds: float = 6
    end_seconds: float = 120


@dataclass(slots=True)
class Caller:
    """One start. `status`: of its first answer; None when there was none."""

    key: str
    status: int | None = None
    seconds: float = 0.0
    run_ids: set[str] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class BurstOutcome:
    """`seconds`: until every first call was answered; `all_seconds`: until every run had ended."""

    violations: Sequence[Violation]
    answers: Counter[int | None]
    waits: Sequence[float]
    seconds: float
    all_seconds: float
    peak_megabytes: float


def burst(plan: BurstPlan, folder: Path) -> BurstOutcome:
    """Every caller calls once; those that were refused call again, with the same key, until they have a run."""
    azure = sample_azure(lambda: datetime.now(UTC))
    factory = azure.data_factory.factory(SUBSCRIPTION, GROUP, FACTORY)
    factory.pipelines["Small"] = Pipeline("Small", seconds=1.0, parameters={"who": None})
    (folder / "chains.yaml").write_text(_chains_file())
    callers = [Caller(f"key {number}") for number in range(plan.starts)]
    with Server(azure) as server, _storage(plan.storage, folder) as storage_setting:
        settings = {
            **server.settings(),
            "SUBSCRIPTION_ID": SUBSCRIPTION,
            "AzureWebJobsStorage": storage_setting,
            "CHAINS_FILE": str(folder / "chains.yaml"),
            "REVIVE_SECONDS": str(plan.revive_seconds),
            "AzureFunctionsJobHost__extensions__http__maxOutstandingRequests": str(plan.most_at_once),
        }
        hosts = [HostProcess(settings, free_port(), folder / f"host-{number}.log") for number in range(plan.hosts)]
        with Fleet(hosts, plan.revive_seconds / 3) as fleet:
            begun = time.monotonic()
            _each(plan, callers, lambda caller, session: _call_once(caller, _url(fleet, caller), session))
            seconds = time.monotonic() - begun
            storage = open_storage(Settings.from_mapping(settings))
            store = RunStore(storage.table(TABLE))
            refused = [caller for caller in callers if not caller.run_ids]
            half_done = [caller.key for caller in refused if caller.status == 429 and _run_of(store, caller)]
            _each(plan, refused, lambda caller, session: _call_again(caller, _url(fleet, caller), session))
            _wait_for_the_end(store, plan.end_seconds)
            all_seconds = time.monotonic() - begun
            peak = max(host.peak_megabytes() for host in hosts)
        found = [Violation("half done", f"{key} was refused, and has a run") for key in half_done]
        found += _violations(storage, azure, callers)
    return BurstOutcome(
        violations=found,
        answers=Counter(caller.status for caller in callers),
        waits=sorted(caller.seconds for caller in callers),
        seconds=seconds,
        all_seconds=all_seconds,
        peak_megabytes=peak,
    )


def _chains_file() -> str:
    factory = {"type": "data_factory", "subscription": SUBSCRIPTION, "resource_group": GROUP, "factory": FACTORY}
    step = {"connection": "adf", "pipeline": "Small", "parameters": {"who": "{{ run.id }}"}}
    return json.dumps({"connections": {"adf": factory}, "chains": {CHAIN: {"steps": {"only": step}}}})


@contextmanager
def _storage(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:{folder}/baton.db"
        return
    with start_azurite() as azurite:
        yield azurite.connection_string


def _url(fleet: Fleet, caller: Caller) -> str:
    host = fleet.urls[int(caller.key.split()[1]) % len(fleet.urls)]
    return f"{host}/api/chains/{CHAIN}/runs"


def _each(plan: BurstPlan, callers: Sequence[Caller], call: Callable[[Caller, requests.Session], None]) -> None:
    """All callers, as many at once as the plan has threads, each thread on a connection of its own."""
    local = threading.local()
    sessions: list[requests.Session] = []

    def act(caller: Caller) -> None:
        if not hasattr(local, "session"):
            local.session = requests.Session()
            sessions.append(local.session)
        call(caller, local.session)

    with ThreadPoolExecutor(plan.callers) as pool:
        list(pool.map(act, callers))
    for session in sessions:
        session.close()


def _call_once(caller: Caller, url: str, session: requests.Session) -> None:
    begun = time.monotonic()
    answer = _called(caller, url, session)
    caller.seconds = time.monotonic() - begun
    if answer is None:
        caller.complaints.append("got no answer")
        return
    caller.status = answer.status_code
    _take_in(caller, answer)


def _call_again(caller: Caller, url: str, session: requests.Session) -> None:
    deadline = time.monotonic() + CALL_SECONDS
    while not caller.run_ids and time.monotonic() < deadline:
        answer = _called(caller, url, session)
        if answer is not None:
            _take_in(caller, answer)
            time.sleep(min(float(answer.headers.get("Retry-After", 0)), _LONGEST_PAUSE_SECONDS))


def _called(caller: Caller, url: str, session: requests.Session) -> requests.Response | None:
    headers = {"x-functions-key": KEY, "Idempotency-Key": caller.key}
    try:
        return session.post(url, headers=headers, timeout=CALL_SECONDS)
    except requests.RequestException:
        return None


def _take_in(caller: Caller, answer: requests.Response) -> None:
    if answer.status_code == 202:
        caller.run_ids.add(answer.json()["id"])
    elif answer.status_code not in (429, 503) or "Retry-After" not in answer.headers:
        caller.complaints.append(f"was answered {answer.status_code}: {answer.text[:200]}")


def _run_of(store: RunStore, caller: Caller) -> str | None:
    return store.run_of(CHAIN, f"key {caller.key}")


def _wait_for_the_end(store: RunStore, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while next(store.pointers(), None) is not None and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)


def _violations(storage: Storage, azure: SimulatedAzure, callers: Sequence[Caller]) -> Iterator[Violation]:
    runs = {run.id: run for run in _all_runs(RunStore(storage.table(TABLE)))}
    for caller in callers:
        yield from (Violation("answer", f"{caller.key} {complaint}") for complaint in caller.complaints)
        if len(caller.run_ids) != 1 or not caller.run_ids <= runs.keys():
            yield Violation("forgotten", f"{caller.key} has the runs {caller.run_ids}")
    if len(runs) != len(callers):
        yield Violation("doubled", f"{len(callers)} callers have {len(runs)} runs")
    for run in runs.values():
        if run.status is not RunStatus.SUCCEEDED:
            yield Violation("forgotten", f"run {run.id} is {run.status}: {run.steps[0]}")
    owned = Counter(step.job.id for run in runs.values() for step in run.steps if step.job)
    if owned != Counter(started_jobs(azure).keys()):
        yield Violation("doubled", f"{len(started_jobs(azure))} jobs for {len(runs)} runs")
    if poison := storage.queue(f"{QUEUE}-poison").length():
        yield Violation("poison", f"{poison} messages were set aside")


def _all_runs(store: RunStore) -> Iterator[Run]:
    cursor: str | None = None
    while True:
        page = store.newest_of(CHAIN, status=None, limit=_PAGE, cursor=cursor)
        yield from page.runs
        cursor = page.cursor
        if cursor is None:
            return
