"""What users declare, checked and resolved: connections, credentials, chains and their steps.

A run carries the definition that it started with, so these values are stored as JSON with every run.
They hold no secret: a secret stays the name of the app setting, or the address in Key Vault, that holds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

CredentialType = Literal[
    "managed_identity", "client_secret", "client_certificate", "workload_identity", "refresh_token", "developer"
]
ConnectionType = Literal["data_factory", "synapse", "fabric", "power_bi"]
Overlap = Literal["wait", "skip", "cancel_running"]
FollowOn = Literal["succeeded", "failed", "completed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """An identity that connections use. Which fields are set depends on `type`.

    `…_setting` names an app setting and `…_url` a Key Vault secret; no field holds a secret itself.
    `name` is what the chains file calls it: for messages only.
    """

    type: CredentialType = "managed_identity"
    name: str | None = field(default=None, compare=False)
    tenant: str | None = None
    client_id: str | None = None
    client_secret_setting: str | None = None
    client_secret_url: str | None = None
    certificate_setting: str | None = None
    certificate_url: str | None = None
    certificate_password_setting: str | None = None
    refresh_token_url: str | None = None
    managed_identity: str | None = None  # client id of the identity that vouches for a workload_identity
    token_file: str | None = None  # a file whose token vouches for a workload_identity instead


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A place that runs jobs. Which of the place fields are set depends on `type`.

    A synapse workspace is known by its name; its subscription and resource group are for links only.
    """

    name: str
    type: ConnectionType
    credential: Credential = Credential()
    subscription: str | None = None
    resource_group: str | None = None
    factory: str | None = None
    workspace: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """How a semantic model is refreshed. All fields None: a standard refresh, else an enhanced one."""

    type: str | None = None
    commit_mode: str | None = None
    max_parallelism: int | None = None
    retry_count: int | None = None
    objects: tuple[Mapping[str, str], ...] | None = None  # each {"table": …, "partition": …?}
    apply_refresh_policy: bool | None = None
    effective_date: str | None = None
    timeout: str | None = None  # hh:mm:ss, the service's own limit for one of its attempts


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDefinition:
    """One job to run at one connection, after other steps. Without a name it is not run, only followed."""

    name: str
    connection: Connection
    after: tuple[str, ...] = ()
    pipeline: str | None = None  # data_factory, synapse
    dataset: str | None = None  # power_bi
    refresh: Refresh = Refresh()  # power_bi, with a dataset
    dataflow: str | None = None  # power_bi: in place of a dataset
    item: str | None = None  # fabric: an id or a display name
    job_type: str | None = None  # fabric, in its own spelling
    execution_data: Mapping[str, Any] = field(default_factory=dict)  # fabric: sent as it is
    parameters: Mapping[str, Any] = field(default_factory=dict)  # strings in it may be templates
    correlation: str | None = None  # a pipeline parameter that carries Baton's run and step
    timeout_seconds: float = 86_400
    retries: int = 0
    retry_delay_seconds: float = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When runs start by themselves: five cron fields, in an IANA time zone."""

    cron: str
    time_zone: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPattern:
    """Which events start a run. `data`: by place in the event's data, a text (`*` is any text), a number, true,
    false, null, or a list of these. `parameters`: the run's, as templates over `event`.
    """

    type: str
    source: str | None = None
    subject: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """By when a run has to have succeeded: a local time (HH:MM) on some days (as in cron) in an IANA time zone.

    `window_seconds`: for how far back a run counts; None: since the same local time one day before.
    """

    by: str
    time_zone: str = "UTC"
    days: str = "*"
    window_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Follow:
    """Starts runs when jobs of a pipeline (data_factory, synapse) or an item (fabric) end, whoever started them.

    `on`: with which outcome; "completed" is any. `own`: jobs that Baton itself has started count too.
    `catch_up_seconds`: how long ago, after downtime, a job may have ended to count still. Strings in `parameters`
    may be templates over `job`.
    """

    connection: Connection
    pipeline: str | None = None
    item: str | None = None
    job_type: str | None = None
    on: FollowOn = "succeeded"
    own: bool = False
    catch_up_seconds: float = 3_600
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def what(self) -> str:
        """What is followed at its place: a pipeline's name, or the type of an item's jobs."""
        return self.pipeline or self.job_type or ""

    def as_step(self) -> StepDefinition:
        """The same pipeline or item as a definition without a name: nothing is started by it."""
        return StepDefinition(
            name="", connection=self.connection, pipeline=self.pipeline, item=self.item, job_type=self.job_type
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """What whoever starts a run may say. Without a default it must be said."""

    required: bool = True
    default: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """Named steps with dependencies, and what starts them."""

    name: str
    steps: tuple[StepDefinition, ...]
    description: str | None = None
    schedule: Schedule | None = None
    events: tuple[EventPattern, ...] = ()
    deadline: Deadline | None = None
    follows: tuple[Follow, ...] = ()
    max_running: int | None = None  # None: no limit
    overlap: Overlap = "wait"
    parameters: Mapping[str, Parameter] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainsFile:
    """Everything that one chains.yaml declares."""

    connections: Mapping[str, Connection]
    chains: Mapping[str, Chain]
    credentials: Mapping[str, Credential] = field(default_factory=dict)
