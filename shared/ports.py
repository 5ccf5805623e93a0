"""What the relay needs of the world, as protocols: services, messages, time and randomness."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from shared.core.definition import Connection, StepDefinition
from shared.core.facts import Observation
from shared.core.follows import SeenJob
from shared.core.run import Error, Job

if TYPE_CHECKING:
    from shared.core.alerts import Alert

Clock = Callable[[], datetime]
RandomBits = Callable[[], int]  # at least 64 fresh random bits a call


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One start of one job, and all that is needed to find it again.

    `intended_at` is when the intent was saved, by Baton's clock. `ready_at` is when what the job depends on
    was ready, by the services' clocks. `correlation` is the value that the correlation parameter carries.
    `continues` is the id of an earlier, failed job that this one goes on from where that one failed.
    """

    run_id: str
    definition: StepDefinition
    attempt: int
    parameters: Mapping[str, Any]
    intended_at: datetime
    ready_at: datetime | None
    correlation: str
    put_offs: int = 0  # how often in a row its start was put off
    clocks_differ: timedelta = timedelta(seconds=30)  # how much earlier than its intent its job may have begun
    latest_at: datetime | None = None  # a job that began later than this is not of its start call
    continues: str | None = None  # data_factory and synapse; other services begin anew


@dataclass(frozen=True, slots=True)
class Place:
    """What one look covers: all jobs of a factory, or of one semantic model. `scope` narrows the connection."""

    connection: Connection
    scope: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedJob:
    """A job under way at a place, and the step that it belongs to."""

    run_id: str
    step: str
    attempt: int
    job: Job
    began_at: datetime  # when its start was intended
    registered_at: datetime  # when it came to be watched
    past_seconds: tuple[float, ...] = ()  # what its step's last jobs took, oldest first
    deadline_at: datetime | None = None
    told_at: datetime | None = None  # when a message with its end, or that its time is up, was sent to its run
    missing_since: datetime | None = None  # when a look at everything first failed to show it; None: it was shown


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that keeps a connection from working: a stable word, and a sentence with the remedy."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What a connection's own job history can be asked for."""

    narrowed_by: str  # the query parameter that names one pipeline, semantic model or the like
    form: str  # a pattern for the whole of its value
    statuses: tuple[str, ...]  # the service's own words
    required: bool = False  # whether there is no history but that of one


@dataclass(frozen=True, slots=True, kw_only=True)
class JobQuery:
    """Jobs that last changed from `after` to `before`. `what`: the value of the history's `narrowed_by`."""

    after: datetime
    before: datetime
    limit: int
    what: str | None = None
    status: str | None = None
    cursor: str | None = None  # of the page before


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSummary:
    """A job as its service's history tells it, whoever started it. `what` is the pipeline, model or the like."""

    id: str
    status: str
    what: str
    started_at: datetime | None
    ended_at: datetime | None
    invoked_by: str | None
    parameters: Mapping[str, Any]
    error: Error | None
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage:
    """Jobs, the newest first; `cursor` leads to older ones, None ends the list."""

    jobs: tuple[JobSummary, ...]
    cursor: str | None


class Service(Protocol):
    """A connection's side of the world. One file in `services/` for each type.

    Every method raises RefusedError for a definite no and TryLaterError for trouble that may pass;
    `start` alone raises UnclearError. Nothing here sleeps or repeats by itself what changes something.
    """

    def place(self, definition: StepDefinition) -> Place:
        """Where the step's jobs are watched."""

    def start(self, order: Order, send_before: Callable[[], bool]) -> Job:
        """Start a job, once. `send_before` says, just before the request leaves, whether it still may."""

    def find_started(self, order: Order) -> Sequence[Job]:
        """Jobs that the order's start call may have made, the one nearest to the intent first; empty when none."""

    def observe(
        self, place: Place, jobs: Sequence[WatchedJob], since: datetime | None
    ) -> Mapping[str, Observation]:
        """What the service says of these jobs, by job id. `since`: only what changed after it; None: everything.

        A job that is not listed is left out: no verdict. One that the service knows, or that could not be
        read, but of which no status was learned, is told as `unchanged`.
        """

    def cancel(self, definition: StepDefinition, job: Job) -> None:
        """Ask for the job's end. A job that has ended already is no error."""

    def check(self, definitions: Sequence[StepDefinition]) -> Sequence[Problem]:
        """What would keep these steps from working; empty when all is well."""

    def jobs_since(self, place: Place, names: Sequence[str], since: datetime) -> Sequence[SeenJob]:
        """All jobs there of these pipelines, or job types, that changed after `since`, whoever started them."""

    @property
    def history(self) -> History:
        """What `list_jobs` can be asked for."""

    def list_jobs(self, query: JobQuery) -> JobPage:
        """A page of the place's own history."""


class Services(Protocol):
    """Finds the service for a connection."""

    def __call__(self, connection: Connection) -> Service: ...


class PostBack(Protocol):
    """Tells a pipeline's WebHook activity how a run ended."""

    def __call__(self, address: str, body: Mapping[str, Any]) -> None:
        """Once. Raises RefusedError when it is no use to repeat it, else TryLaterError."""


class Sender(Protocol):
    """Where work messages are put."""

    def send(self, body: str, *, delay_seconds: float = 0) -> None: ...


class AlertSink(Protocol):
    """Where events are sent: a topic."""

    def send(self, alerts: Sequence[Alert]) -> None:
        """All of them, in one request, in this order; some may arrive twice in the end.

        Raises RefusedError when the topic takes others, but not these; TryLaterError for everything else.
        """

    def rests(self) -> bool:
        """Whether it is better not to try just now, because the last try has failed."""
