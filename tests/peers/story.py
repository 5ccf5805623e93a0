"""A world to tell stories in: the real relay, store, services and clients, over the simulated Azure.

Nothing sleeps and no socket is opened: time stands still while Baton works, and jumps to the next message,
tick or hour that a story asks for.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import requests
from azure.core.credentials import AccessToken

from local.simulated_azure.adapter import SimulatedAdapter
from local.simulated_azure.faults import Fault
from local.simulated_azure.pipelines import Factory, Pipeline, PipelineRun
from local.simulated_azure.power_bi import Dataset
from local.simulated_azure.world import SimulatedAzure
from shared.core.definition import Chain, Connection, Credential, Refresh, StepDefinition
from shared.core.run import Error, Run, RunStatus, Step, Trigger
from shared.core.timing import Patience
from shared.identity import Identities, Identity
from shared.relay.advance import advance
from shared.relay.cancel import cancel
from shared.relay.messages import AdvanceMessage, WatchMessage, from_body
from shared.relay.start import start
from shared.relay.tick import tick
from shared.relay.watch import look
from shared.relay.world import World
from shared.services.reach import Reach
from shared.services.registry import Registry
from shared.services.web_hook import PostBack
from shared.settings import Settings
from shared.storage.sqlite import SqliteStorage
from shared.store.stores import stores_over

T0 = datetime(2026, 11, 21, 5, 30, tzinfo=UTC)
SUBSCRIPTION = "00000000-0000-0000-0000-00000000ba70"
WORKSPACE = "5f0f6c64-0000-0000-0000-000000000002"
MODEL = "22222222-0000-0000-0000-000000000002"
SECONDS_UNTIL_REDELIVERED = 90  # of a message whose handler died

HOUR = 3_600.0
CREATE, QUERY, GET_RUN, CANCEL_RUN = (
    f"data_factory.{name}" for name in ("create_run", "query_runs", "get_run", "cancel_run")
)
REFRESH, HISTORY, GET_REFRESH, CANCEL_REFRESH = (
    f"power_bi.{name}" for name in ("refresh", "history", "get_refresh", "cancel_refresh")
)


class DiedError(BaseException):
    """The worker is gone: no code of Baton runs after this."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it arrived at the simulated cloud."""

    at: datetime
    operation: str
    path: str
    status: int | None  # of the answer; None: there was none


class Wire(SimulatedAdapter):
    """Carries requests, writes each one down, and lets a worker die just after its request had its effect."""

    def __init__(self, story: Story) -> None:
        super().__init__(story.azure)
        self._story = story

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        story = self._story
        before = Counter(story.azure.calls)
        status = None
        try:
            answer = super().send(request, *args, **kwargs)
            status = answer.status_code
        finally:
            [operation] = story.azure.calls - before
            story.log.append(Call(story.now, operation, request.path_url.split("?")[0], status))
        if operation in story.deaths:
            story.deaths.remove(operation)
            raise DiedError(operation)
        return answer


@dataclass(slots=True)
class Login:
    """Caches a token until five minutes before its end, as azure-identity does."""

    story: Story
    life: timedelta = timedelta(hours=1)
    issued: list[datetime] = field(default_factory=list)
    cached: dict[str, tuple[str, datetime]] = field(default_factory=dict)

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        audience = scopes[0].removesuffix("/.default")
        token, ends = self.cached.get(audience, ("", T0 - self.life))
        if ends - timedelta(minutes=5) <= self.story.now:
            ends = self.story.now + self.life
            token = f"{audience}|{int(ends.timestamp())}"
            self.cached[audience] = (token, ends)
            self.issued.append(self.story.now)
        return AccessToken(token, 0)  # 0: the client asks each time, as its own clock is not the story's


class OneIdentity(Identities):
    """Everybody is the same."""

    def __init__(self, login: Login) -> None:
        super().__init__(Settings.from_mapping({"AzureWebJobsStorage": "sqlite::memory:"}))
        self._one = Identity(login, "the story's identity")

    def of(self, credential: Credential) -> Identity:
        return self._one


class Post:
    """Messages and ticks by the time at which they are due."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self._order = itertools.count()
        self._due: list[tuple[datetime, int, str]] = []

    def send(self, body: str, *, delay_seconds: float = 0) -> None:
        heapq.heappush(self._due, (self._story.now + timedelta(seconds=delay_seconds), next(self._order), body))

    def next_due(self) -> datetime:
        return self._due[0][0] if self._due else datetime.max.replace(tzinfo=UTC)

    def waiting(self) -> list[str]:
        return [body for _, _, body in self._due]

    def take(self) -> str:
        return heapq.heappop(self._due)[2]


class Story:
    """One Baton, one factory `adf` with pipeline P, one workspace `pbi` with a semantic model.

    A pipeline run takes 10 minutes and a refresh 5, unless a test says otherwise.
    """

    def __init__(self) -> None:
        self.now = T0
        self.azure = SimulatedAzure(clock=lambda: self.now, random=random.Random(1))
        self.factory = self.add_factory("adf")
        self.pipeline = self.factory.pipelines["P"]
        self.model = self.azure.power_bi.dataset(WORKSPACE, Dataset(MODEL, "Sales", seconds=300))
        self.login = Login(self)
        self.log: list[Call] = []
        self.deaths: list[str] = []
        self.post = Post(self)
        self.world = self._world()
        self._next_tick = T0 + timedelta(minutes=1)

    # What is there

    def add_factory(self, name: str) -> Factory:
        factory = self.azure.data_factory.factory(SUBSCRIPTION, "rg", name)
        factory.pipelines["P"] = Pipeline("P", seconds=600)
        return factory

    def goes_wrong(self, operation: str, **fault: Any) -> Fault:
        """Switches bad luck on (the fields of `Fault`); give the result to `mends` to switch it off."""
        made = Fault(operation, **fault)
        self.azure.faults.on.append(made)
        return made

    def mends(self, *faults: Fault) -> None:
        self.azure.faults.on = [fault for fault in self.azure.faults.on if all(fault is not f for f in faults)]

    def dies_after(self, operation: str) -> None:
        """The worker that makes the next such call dies as soon as the service has served it."""
        self.deaths.append(operation)

    # What is done

    def start(self, *steps: StepDefinition, cause: str | None = None, max_running: int | None = None) -> str:
        """Starts a run of these steps, each after the one before; the run's id. A death leaves it to the timer."""
        chain = chain_of(*steps, max_running=max_running)
        cause = cause or f"key {next(self._causes)}"
        try:
            run, _ = start(self.world, chain, Trigger(type="http", time=self.now), {}, cause=cause)
        except DiedError:
            run_id = self.world.runs.run_of(chain.name, cause)
            assert run_id is not None, "the run was accepted before anything was started"
            return run_id
        return run.id

    def cancel(self, run_id: str) -> None:
        self._worker(lambda: cancel(self.world, run_id))

    # How time passes

    def wait(self, seconds: float) -> None:
        self._pass_until(self.now + timedelta(seconds=seconds), lambda: False)

    def until_over(self, run_id: str, within: float = 24 * HOUR) -> Run:
        """The run when it has ended. It is a failure when it has not after `within` seconds."""
        self.until(lambda: self.run(run_id).status is not RunStatus.RUNNING, within)
        return self.run(run_id)

    def until(self, holds: Callable[[], bool], within: float = 24 * HOUR) -> None:
        self._pass_until(self.now + timedelta(seconds=within), holds)
        assert holds(), f"not within {within:g} seconds"

    def _pass_until(self, end: datetime, holds: Callable[[], bool]) -> None:
        while not holds():
            due = min(self.post.next_due(), self._next_tick)
            if due > end:
                self.now = end
                return
            self.now = max(self.now, due)
            if due == self._next_tick:
                self._next_tick += timedelta(minutes=1)
                self._worker(lambda: tick(self.world, ()))
            else:
                self._deliver(self.post.take())

    def _deliver(self, body: str) -> None:
        if not self._worker(lambda: self._handle(body)):
            self.post.send(body, delay_seconds=SECONDS_UNTIL_REDELIVERED)

    def _worker(self, work: Callable[[], object]) -> bool:
        """False when it died before it was done."""
        try:
            work()
        except DiedError:
            return False
        return True

    def _handle(self, body: str) -> None:
        match from_body(body):
            case WatchMessage(place, token):
                look(self.world, place, token)
            case AdvanceMessage(run_id, seen):
                advance(self.world, run_id, *([seen] if seen else []))

    # What can be seen

    def run(self, run_id: str) -> Run:
        held = self.world.runs.load(run_id)
        assert held is not None
        return held.run

    def step(self, run_id: str, name: str = "load") -> Step:
        return self.run(run_id).step(name)

    def job_id(self, run_id: str, name: str = "load") -> str:
        job = self.step(run_id, name).job
        assert job is not None
        return job.id

    def error(self, run_id: str, name: str = "load") -> Error:
        error = self.step(run_id, name).error
        assert error is not None
        return error

    def intents(self, run_id: str, name: str = "load") -> list[datetime]:
        """When Baton made up its mind to start the step's job."""
        told = self.world.runs.transitions(run_id)
        return [change.at for change in told if (change.step, change.event) == (name, "intend")]

    def calls(self, operation: str) -> list[datetime]:
        """When each such request arrived."""
        return [call.at for call in self.log if call.operation == operation]

    @property
    def pipeline_runs(self) -> list[PipelineRun]:
        """All runs that the factory ever made, whoever started them."""
        return list(self.factory.runs.values())

    def seconds(self) -> float:
        """Since the beginning."""
        return (self.now - T0).total_seconds()

    def _world(self) -> World:
        session = requests.Session()
        session.trust_env = False
        session.mount("https://", Wire(self))
        identities = OneIdentity(self.login)
        settings = Settings.from_mapping({"AzureWebJobsStorage": "sqlite::memory:"})
        reach = Reach(settings=settings, identities=identities, session=session, clock=lambda: self.now)
        table = SqliteStorage(None, clock=lambda: self.now).table("baton")
        bits = random.Random(2)
        self._causes = itertools.count(1)
        return World(
            **stores_over(table),
            post_back=PostBack((), loopback=False),
            queue=self.post,
            services=Registry(reach),
            clock=lambda: self.now,
            random_bits=lambda: bits.getrandbits(64),
            patience=Patience(),
        )


def load(*, factory: str = "adf", **changes: Any) -> StepDefinition:
    """A step that runs pipeline P."""
    connection = Connection(
        name=factory, type="data_factory", subscription=SUBSCRIPTION, resource_group="rg", factory=factory
    )
    return StepDefinition(**{"name": "load", "connection": connection, "pipeline": "P", **changes})


def refresh(*, standard: bool = False, **changes: Any) -> StepDefinition:
    """A step that refreshes the model: an enhanced refresh, unless it is to be a standard one."""
    connection = Connection(name="pbi", type="power_bi", workspace=WORKSPACE)
    how = Refresh() if standard else Refresh(type="full")
    return StepDefinition(
        **{"name": "refresh", "connection": connection, "dataset": MODEL, "refresh": how, **changes}
    )


def chain_of(*steps: StepDefinition, max_running: int | None = None) -> Chain:
    """Each step after the one before."""
    later = tuple(replace(step, after=(before.name,)) for before, step in pairwise(steps))
    return Chain(name="sales", steps=(*steps[:1], *later), max_running=max_running)
