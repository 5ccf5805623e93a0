"""What was learned from the world since a run was saved: by a call that Baton made, by a look, from a caller."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from shared.core.run import Error, Job


class Verdict(StrEnum):
    """What a service's status word comes down to."""

    ACTIVE = "active"  # also: a word that nobody documented
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"  # its service has not listed it for far too long


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """A job as its service tells it. Times are the service's own. `learned`: whether it said how the job is."""

    verdict: Verdict
    status: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    output: Any = None
    error: Error | None = None
    learned: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The start call gave a job, or a look-up found the one that it had made."""

    step: str
    intent: str
    job: Job


@dataclass(frozen=True, slots=True, kw_only=True)
class PutOff:
    """The start surely did not happen, and may be tried later."""

    step: str
    intent: str
    error: Error
    after_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The start surely did not happen, and never will like this."""

    step: str
    intent: str
    error: Error


@dataclass(frozen=True, slots=True, kw_only=True)
class Unclear:
    """The start call ended, and whether there is a job is not known."""

    step: str
    intent: str
    error: Error


@dataclass(frozen=True, slots=True, kw_only=True)
class NotFound:
    """A look-up worked, and showed no job that could be this intent's. `looked_at`: when it began."""

    step: str
    intent: str
    looked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LookFailed:
    """A look-up for a started job did not work: no verdict."""

    step: str
    intent: str
    error: Error
    after_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What a look at the service showed of a job. `attempt` tells which of the step's tries it was for."""

    step: str
    attempt: int
    job: Job
    observation: Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class StopSent:
    """The service took the request to cancel. An error says that it cannot cancel this kind of job at all."""

    step: str
    job_id: str
    error: Error | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StopFailed:
    """The request to cancel did not get through. It is repeated: cancelling twice is harmless."""

    step: str
    job_id: str
    error: Error
    after_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequested:
    """A caller wants the run to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Superseded:
    """A later run takes the place of this one (`overlap: cancel_running`). `by`: its id, where it is known."""

    by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotGranted:
    """The run may begin: fewer than max_running runs of its chain are under way."""


Fact = (
    Started
    | PutOff
    | Refused
    | Unclear
    | NotFound
    | LookFailed
    | Observed
    | StopSent
    | StopFailed
    | CancelRequested
    | Superseded
    | SlotGranted
)
