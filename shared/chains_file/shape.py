"""The shape of chains.yaml as types: what pydantic checks, and what the published JSON Schema is made of.

Annotations are not postponed here: pydantic would evaluate each from its text, and a cold start waits for that.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictInt, StrictStr, TypeAdapter

from shared.chains_file.events import EventShape
from shared.chains_file.texts import (
    CLOCK,
    FACTORY,
    GROUP,
    HOUR,
    PIPELINE,
    SETTING,
    SYNAPSE,
    VAULT_ADDRESS,
    Duration,
    Guid,
    SecretPlace,
    Text,
)
from shared.core.definition import FollowOn


def _canonical(*names: str) -> BeforeValidator:
    """The service takes these words in any case; the file may too."""
    known = {name.lower(): name for name in names}
    return BeforeValidator(lambda value: known.get(value.lower(), value) if isinstance(value, str) else value)


RefreshType = Annotated[
    Literal["full", "clearValues", "calculate", "dataOnly", "automatic", "defragment"],
    _canonical("full", "clearValues", "calculate", "dataOnly", "automatic", "defragment"),
]
CommitMode = Annotated[Literal["transactional", "partialBatch"], _canonical("transactional", "partialBatch")]


class Shape(BaseModel):
    """Unknown fields are mistakes everywhere. Deferred: what no file is checked with by itself is never built."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class DataFactoryShape(Shape):
    """A data factory."""

    type: Literal["data_factory"]
    subscription: Annotated[Guid, Field(description="The subscription's id.")]
    resource_group: Annotated[StrictStr, Field(min_length=1, max_length=90, pattern=GROUP)]
    factory: Annotated[StrictStr, Field(min_length=3, max_length=63, pattern=FACTORY)]
    credential: Annotated[Text | None, Field(description="A name of `credentials`. Without: the app's own.")] = (
        None
    )


class PowerBiShape(Shape):
    """A Power BI workspace."""

    type: Literal["power_bi"]
    workspace: Annotated[Guid, Field(description="The workspace's id.")]
    credential: Annotated[Text | None, Field(description="A name of `credentials`. Without: the app's own.")] = (
        None
    )


class SynapseShape(Shape):
    """A Synapse workspace."""

    type: Literal["synapse"]
    workspace: Annotated[StrictStr, Field(max_length=50, pattern=SYNAPSE, description="The workspace's name.")]
    subscription: Annotated[Guid | None, Field(description="With resource_group: links to runs are exact.")] = None
    resource_group: Annotated[StrictStr, Field(min_length=1, max_length=90, pattern=GROUP)] | None = None
    credential: Annotated[Text | None, Field(description="A name of `credentials`. Without: the app's own.")] = (
        None
    )


class FabricShape(Shape):
    """A Fabric workspace."""

    type: Literal["fabric"]
    workspace: Annotated[Guid, Field(description="The workspace's id.")]
    credential: Annotated[Text | None, Field(description="A name of `credentials`. Without: the app's own.")] = (
        None
    )


class ManagedIdentityShape(Shape):
    """A managed identity: the app's own, or a user-assigned one by its client_id."""

    type: Literal["managed_identity"]
    client_id: Guid | None = None


class ClientSecretShape(Shape):
    """A service principal with a secret."""

    type: Literal["client_secret"]
    tenant: Text
    client_id: Guid
    client_secret: SecretPlace


class ClientCertificateShape(Shape):
    """A service principal with a certificate: PEM text, or PKCS#12 in base64, with its private key."""

    type: Literal["client_certificate"]
    tenant: Text
    client_id: Guid
    certificate: SecretPlace
    password: Annotated[StrictStr, Field(pattern=SETTING, examples=["%CI_PASSWORD%"])] | None = None


class WorkloadIdentityShape(Shape):
    """A service principal without a secret: a managed identity, or a token in a file, vouches for the app."""

    type: Literal["workload_identity"]
    tenant: Text
    client_id: Guid
    managed_identity: Annotated[
        Guid | None, Field(description="The client_id of the identity that vouches. Without: the app's own.")
    ] = None
    token_file: Annotated[
        Text | None, Field(description="Instead: a file with a token.", examples=["%AZURE_FEDERATED_TOKEN_FILE%"])
    ] = None


class RefreshTokenShape(Shape):
    """A person who signed in once: `python -m local login NAME` puts the refresh token into Key Vault."""

    type: Literal["refresh_token"]
    tenant: Text
    client_id: Guid
    secret: Annotated[
        StrictStr,
        Field(
            pattern=VAULT_ADDRESS,
            description="The Key Vault secret that holds the refresh token; Baton renews it.",
            examples=["https://kv-baton.vault.azure.net/secrets/analyst"],
        ),
    ]
    client_secret: Annotated[SecretPlace | None, Field(description="For a web application only.")] = None


class DeveloperShape(Shape):
    """The login of whoever sits at the machine (az, azd or PowerShell)."""

    type: Literal["developer"]


class ScheduleShape(Shape):
    """When runs start by themselves."""

    cron: Annotated[Text, Field(description="Five fields, as in cron.", examples=["30 5 * * MON-FRI"])]
    time_zone: Annotated[Text, Field(description="IANA name.", examples=["Europe/Berlin"])] = "UTC"


class FollowShape(Shape):
    """Starts a run when a job of a pipeline, or of a Fabric item, ends, whoever started it."""

    connection: Annotated[Text, Field(description="A name of `connections`; not of type power_bi.")]
    pipeline: Annotated[StrictStr, Field(min_length=1, max_length=260, pattern=PIPELINE)] | None = None
    item: Annotated[Text, Field(max_length=256, description="The item's id, or its display name.")] | None = None
    job_type: (
        Annotated[Text, Field(max_length=256, description="As Fabric spells it.", examples=["Pipeline"])] | None
    ) = None
    on: Annotated[FollowOn, Field(description="How the job must have ended; completed: in any way.")] = "succeeded"
    own: Annotated[StrictBool, Field(description="Whether jobs that Baton has started count too.")] = False
    catch_up: Annotated[Duration, Field(description="After downtime: how long ago a job may have ended.")] = "1h"
    parameters: Annotated[
        dict[str, Any], Field(description="For the run. Texts may be templates over `job`.")
    ] = {}


class ParameterShape(Shape):
    """What whoever starts a run may say."""

    default: Annotated[Any, Field(description="Without a default it is required.")] = None


class RefreshObjectShape(Shape):
    """A table, or a partition of it."""

    table: Text
    partition: Text | None = None


class RefreshShape(Shape):
    """How a semantic model is refreshed. Any field makes it an enhanced refresh, which shared capacity has not."""

    type: RefreshType | None = None
    commit_mode: CommitMode | None = None
    max_parallelism: Annotated[StrictInt, Field(ge=1)] | None = None
    retry_count: Annotated[StrictInt, Field(ge=0)] | None = None
    objects: Annotated[tuple[RefreshObjectShape, ...], Field(min_length=1)] | None = None
    apply_refresh_policy: StrictBool | None = None
    effective_date: Text | None = None
    timeout: Annotated[StrictStr, Field(pattern=CLOCK)] | None = None


class StepShape(Shape):
    """One job to run at one connection."""

    connection: Annotated[Text, Field(description="A name of `connections`.")]
    after: Annotated[tuple[Text, ...], Field(description="Steps that must have succeeded before.")] = ()
    pipeline: Annotated[StrictStr, Field(min_length=1, max_length=260, pattern=PIPELINE)] | None = None
    dataset: Annotated[Guid, Field(description="The semantic model's id.")] | None = None
    refresh: RefreshShape | None = None
    dataflow: Annotated[Guid, Field(description="A dataflow's id (Gen1), in place of dataset.")] | None = None
    item: Annotated[Text, Field(max_length=256, description="The item's id, or its display name.")] | None = None
    job_type: (
        Annotated[Text, Field(max_length=256, description="As Fabric spells it.", examples=["RunNotebook"])] | None
    ) = None
    execution_data: Annotated[dict[str, Any], Field(description="For Fabric, sent as it is: no templates.")] = {}
    parameters: Annotated[dict[str, Any], Field(description="For the job. Texts may be templates.")] = {}
    correlation: Text | None = Field(None, description="A pipeline parameter that carries Baton's run and step.")
    timeout: Annotated[Duration, Field(description="Then the job is cancelled and the attempt fails.")] = "1d"
    retries: Annotated[StrictInt, Field(ge=0, le=100)] = 0
    retry_delay: Duration = "60s"


class DeadlineShape(Shape):
    """An alert goes out when no run has succeeded by then."""

    by: Annotated[StrictStr, Field(pattern=HOUR, description="HH:MM, in quotes.", examples=["07:00"])]
    time_zone: Annotated[Text, Field(description="An IANA time zone.", examples=["Europe/Berlin"])] = "UTC"
    days: Annotated[Text, Field(description="Days as in cron.", examples=["MON-FRI"])] = "*"
    window: Annotated[Duration, Field(description="How far back a run counts; one day by default.")] | None = None


class ChainShape(Shape):
    """Named steps with dependencies, and what starts them."""

    description: Text | None = None
    schedule: ScheduleShape | None = None
    events: Annotated[tuple[EventShape, ...], Field(description="Events that start a run.")] = ()
    deadline: DeadlineShape | None = None
    follows: Annotated[tuple[FollowShape, ...], Field(max_length=50)] = ()
    max_running: Annotated[StrictInt, Field(ge=1, le=1_000, description="Further runs wait.")] | None = None
    overlap: Annotated[
        Literal["wait", "skip", "cancel_running"],
        Field(description="What further runs do: wait, be dropped, or take the place of the oldest."),
    ] = "wait"
    parameters: dict[str, ParameterShape | None] = {}
    steps: Annotated[dict[str, StepShape], Field(min_length=1, max_length=80)]


ConnectionShape = Annotated[
    DataFactoryShape | SynapseShape | FabricShape | PowerBiShape, Field(discriminator="type")
]
AnyCredentialShape = (
    ManagedIdentityShape
    | ClientSecretShape
    | ClientCertificateShape
    | WorkloadIdentityShape
    | RefreshTokenShape
    | DeveloperShape
)
CredentialShape = Annotated[AnyCredentialShape, Field(discriminator="type")]


class FileShape(Shape):
    """Chains for Baton: connections, credentials and chains."""

    connections: dict[str, ConnectionShape]
    credentials: dict[str, CredentialShape] = {}
    chains: dict[str, ChainShape]


class ChainHeadShape(ChainShape):
    """A chain whose steps are checked one by one, so that one mistake does not hide the others."""

    steps: Any


CONNECTION: TypeAdapter[DataFactoryShape | SynapseShape | FabricShape | PowerBiShape] = TypeAdapter(
    ConnectionShape
)
CREDENTIAL: TypeAdapter[AnyCredentialShape] = TypeAdapter(CredentialShape, config=ConfigDict(defer_build=True))
CHAIN_HEAD: TypeAdapter[ChainHeadShape] = TypeAdapter(ChainHeadShape)
STEP: TypeAdapter[StepShape] = TypeAdapter(StepShape)

# Which fields there are, by what is declared and by where in it.
BY_KIND: dict[str, type[Shape]] = {
    "chain": ChainShape,
    "step": StepShape,
    "data_factory": DataFactoryShape,
    "power_bi": PowerBiShape,
    "synapse": SynapseShape,
    "fabric": FabricShape,
    "managed_identity": ManagedIdentityShape,
    "client_secret": ClientSecretShape,
    "client_certificate": ClientCertificateShape,
    "workload_identity": WorkloadIdentityShape,
    "refresh_token": RefreshTokenShape,
    "developer": DeveloperShape,
}
INNER: dict[str, type[BaseModel]] = {
    "events": EventShape,
    "follows": FollowShape,
    "schedule": ScheduleShape,
    "deadline": DeadlineShape,
    "refresh": RefreshShape,
    "objects": RefreshObjectShape,
    "parameters": ParameterShape,
}
