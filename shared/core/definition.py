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
    """One job to run at one connection, after other steps."""

    name: str
    connection: Connection
    after: tuple[str, ...] = ()
    pipeline: str | None = None  # data_factory, synapse
    dataset: str | None = None  # power_bi
    refresh: Refresh = Refresh()  # power_bi
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
    max_running: int | None = None  # None: no limit
    overlap: Overlap = "wait"
    parameters: Mapping[str, Parameter] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainsFile:
    """Everything that one chains.yaml declares."""

    connections: Mapping[str, Connection]
    chains: Mapping[str, Chain]
    credentials: Mapping[str, Credential] = field(default_factory=dict)
