"""Every app setting, read once from a mapping into a frozen object. Standard library only: for cold starts.

`SETTINGS` is the table that docs, tests and local.settings.sample.json are held against.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

STORAGE = "AzureWebJobsStorage"
_HOST = re.compile(r"(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)+")
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of the table. `default` None: nothing unless it is set."""

    name: str
    default: str | None
    meaning: str


SETTINGS = (
    Setting("CHAINS_FILE", "chains.yaml", "The file that declares the chains, seen from the app's root."),
    Setting(
        STORAGE, None, "Where Baton's tables and queue live: a connection string, or `sqlite:PATH` on one machine."
    ),
    Setting(
        f"{STORAGE}__accountName", None, "Instead: the account's name (public cloud), opened with the identity."
    ),
    Setting(f"{STORAGE}__tableServiceUri", None, "Instead: the account's table endpoint, with the next one."),
    Setting(f"{STORAGE}__queueServiceUri", None, "The account's queue endpoint."),
    Setting(f"{STORAGE}__credential", None, "`managedidentity` where an identity opens the account."),
    Setting(f"{STORAGE}__clientId", None, "The user-assigned identity that opens the account."),
    Setting("MANAGED_IDENTITY_CLIENT_ID", None, "The user-assigned identity that connections use by default."),
    Setting("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com", "The token authority of your cloud."),
    Setting("RESOURCE_MANAGER_ENDPOINT", "https://management.azure.com", "Azure Resource Manager of your cloud."),
    Setting("RESOURCE_MANAGER_SCOPE", None, "Its token scope, when it is not the endpoint with `/.default`."),
    Setting("POWER_BI_ENDPOINT", "https://api.powerbi.com", "The Power BI API of your cloud."),
    Setting("POWER_BI_SCOPE", "https://analysis.windows.net/powerbi/api/.default", "Its token scope."),
    Setting(
        "SYNAPSE_ENDPOINT",
        "https://{workspace}.dev.azuresynapse.net",
        "A Synapse workspace's development endpoint in your cloud; `{workspace}` stands for its name.",
    ),
    Setting("SYNAPSE_SCOPE", "https://dev.azuresynapse.net/.default", "Its token scope."),
    Setting("DATA_FACTORY_PORTAL", "https://adf.azure.com", "Where links to pipeline runs lead."),
    Setting("POWER_BI_PORTAL", "https://app.powerbi.com", "Where links to semantic models lead."),
    Setting("SYNAPSE_PORTAL", "https://web.azuresynapse.net", "Where links to Synapse's pipeline runs lead."),
    Setting("FABRIC_ENDPOINT", "https://api.fabric.microsoft.com", "The Fabric API of your cloud."),
    Setting("FABRIC_SCOPE", "https://api.fabric.microsoft.com/.default", "Its token scope."),
    Setting("FABRIC_PORTAL", "https://app.fabric.microsoft.com", "Where links to Fabric jobs lead."),
    Setting(
        "EVENT_GRID_TOPIC_ENDPOINT",
        None,
        "The Event Grid topic that events are sent to; without it none are.",
    ),
    Setting("EVENT_GRID_SCOPE", "https://eventgrid.azure.net/.default", "Its token scope."),
    Setting(
        "START_GRACE_SECONDS", "120", "How long a start of unknown outcome is looked for before it is repeated."
    ),
    Setting(
        "CALLBACK_HOSTS",
        None,
        "Further hosts that a pipeline's `callBackUri` may name, by commas; `*.` stands for one label.",
    ),
    Setting(
        "ALLOW_LOOPBACK_HTTP", "false", "`true` lets service endpoints be http on a loopback address: for tests."
    ),
    Setting("WEBSITE_SITE_NAME", None, "Set by Azure: the app's name, which is in the source of events."),
    Setting(
        "WEBHOOK_ORIGINS",
        "eventgrid.azure.net",
        "Who may deliver CloudEvents to `/api/events`: origins with commas between them; `*` for all.",
    ),
    Setting(
        "CALLERS",
        "keys",
        "How callers of the API show who they are: `keys` (function keys) or `entra` (app roles, by App Service).",
    ),
    Setting(
        "DASHBOARD_KEY",
        None,
        "With `CALLERS=keys`: what opens the dashboard, 24 characters or more. Without it there is none.",
    ),
    Setting("WEBSITE_HOSTNAME", None, "Set by Azure: the app's host name, where jobs call back (`callback_url`)."),
    Setting(
        "WEBSITE_AUTH_ENABLED",
        None,
        "Set by App Service: `True` where it authenticates callers. Never set it yourself.",
    ),
    Setting(
        "IDENTITY_ENDPOINT", None, "Set by Azure where there is a managed identity; without it, your own login."
    ),
)
_DEFAULTS = {setting.name: setting.default for setting in SETTINGS}


def is_loopback(address: str) -> bool:
    """Whether the address leads to this machine only."""
    return urlsplit(address).hostname in _LOOPBACK


class SettingsError(Exception):
    """App settings that cannot be used: all of them, each with what to do."""

    def __init__(self, mistakes: tuple[str, ...]) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes


class Secret:
    """A text that shows itself only to those who ask by name."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "***"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What one process runs with. `app_settings` is all that `%NAME%` may name; it is kept out of repr."""

    chains_file: str
    sqlite_path: str | None
    storage_connection: Secret | None
    storage_table_uri: str
    storage_queue_uri: str
    storage_client_id: str | None
    managed_identity_client_id: str | None
    has_managed_identity: bool
    authority_host: str
    resource_manager_endpoint: str
    resource_manager_scope: str
    power_bi_endpoint: str
    power_bi_scope: str
    synapse_endpoint: str  # `{workspace}` in it stands for the workspace's name
    synapse_scope: str
    data_factory_portal: str
    power_bi_portal: str
    synapse_portal: str
    fabric_endpoint: str
    fabric_scope: str
    fabric_portal: str
    event_grid_topic_endpoint: str | None  # None: no events are sent
    event_grid_scope: str
    site_name: str | None
    start_grace_seconds: float
    callback_hosts: tuple[str, ...]
    allow_loopback: bool
    webhook_origins: tuple[str, ...]  # lower case
    hostname: str  # of this app; "" where it is not known
    app_settings: Mapping[str, str] = field(repr=False)

    def secret(self, name: str) -> Secret | None:
        """The app setting of that name; None when it is missing or empty."""
        text = self.app_settings.get(name)
        return Secret(text) if text else None

    @staticmethod
    def from_mapping(mapping: Mapping[str, str]) -> Settings:
        """Raises SettingsError with everything that is wrong."""
        return _Reader(mapping).settings()


class _Reader:
    """Reads one mapping, and gathers what is wrong with it."""

    def __init__(self, mapping: Mapping[str, str]) -> None:
        self._mapping = mapping
        self._mistakes: list[str] = []

    def settings(self) -> Settings:
        resource_manager = self._endpoint("RESOURCE_MANAGER_ENDPOINT")
        storage = self._text(STORAGE)
        sqlite = storage.removeprefix("sqlite:") if storage and storage.startswith("sqlite:") else None
        table_uri, queue_uri = self._storage_uris(storage)
        settings = Settings(
            chains_file=self._text("CHAINS_FILE") or "",
            sqlite_path=sqlite,
            storage_connection=Secret(storage) if storage and sqlite is None else None,
            storage_table_uri=table_uri,
            storage_queue_uri=queue_uri,
            storage_client_id=self._text(f"{STORAGE}__clientId"),
            managed_identity_client_id=self._text("MANAGED_IDENTITY_CLIENT_ID"),
            has_managed_identity=self._text("IDENTITY_ENDPOINT") is not None,
            authority_host=self._endpoint("AZURE_AUTHORITY_HOST"),
            resource_manager_endpoint=resource_manager,
            resource_manager_scope=self._text("RESOURCE_MANAGER_SCOPE") or self._scope_of(resource_manager),
            power_bi_endpoint=self._endpoint("POWER_BI_ENDPOINT"),
            power_bi_scope=self._text("POWER_BI_SCOPE") or "",
            synapse_endpoint=self._endpoint("SYNAPSE_ENDPOINT", holding="{workspace}"),
            synapse_scope=self._text("SYNAPSE_SCOPE") or "",
            data_factory_portal=self._endpoint("DATA_FACTORY_PORTAL"),
            power_bi_portal=self._endpoint("POWER_BI_PORTAL"),
            synapse_portal=self._endpoint("SYNAPSE_PORTAL"),
            fabric_endpoint=self._endpoint("FABRIC_ENDPOINT"),
            fabric_scope=self._text("FABRIC_SCOPE") or "",
            fabric_portal=self._endpoint("FABRIC_PORTAL"),
            event_grid_topic_endpoint=self._topic("EVENT_GRID_TOPIC_ENDPOINT"),
            event_grid_scope=self._text("EVENT_GRID_SCOPE") or "",
            site_name=self._text("WEBSITE_SITE_NAME"),
            start_grace_seconds=self._seconds("START_GRACE_SECONDS"),
            webhook_origins=tuple(
                origin.strip().lower() for origin in (self._text("WEBHOOK_ORIGINS") or "").split(",")
            ),
            callback_hosts=self._hosts("CALLBACK_HOSTS"),
            allow_loopback=self._allows_http(),
            hostname=self._text("WEBSITE_HOSTNAME") or "",
            app_settings=dict(self._mapping),
        )
        if self._text("CALLERS") not in ("keys", "entra"):
            self._mistakes.append("CALLERS: must be keys or entra")
        if sqlite == "":
            self._mistakes.append(f"{STORAGE}: name a file after 'sqlite:'")
        if self._mistakes:
            raise SettingsError(tuple(self._mistakes))
        return settings

    def _text(self, name: str) -> str | None:
        return self._mapping.get(name, "").strip() or _DEFAULTS[name]

    def _topic(self, name: str) -> str | None:
        like = "https://TOPIC.REGION-1.eventgrid.azure.net/api/events"
        return self._endpoint(name, like=like) if self._text(name) else None

    def _endpoint(self, name: str, holding: str = "", like: str = "") -> str:
        """Without a slash at its end. https, or http on a loopback address where that is allowed."""
        text = (self._text(name) or "").rstrip("/")
        parts = urlsplit(text)
        if not parts.hostname or parts.scheme not in ("http", "https") or holding not in text:
            self._mistakes.append(f"{name}: must be an address like {like or _DEFAULTS[name]}")
        elif parts.scheme == "http" and not (self._allows_http() and is_loopback(text)):
            self._mistakes.append(
                f"{name}: must begin with https:// (http for loopback only, with ALLOW_LOOPBACK_HTTP=true)"
            )
        return text

    def _scope_of(self, endpoint: str) -> str:
        """A simulated Resource Manager on loopback takes the tokens of the public one."""
        base = _DEFAULTS["RESOURCE_MANAGER_ENDPOINT"] if is_loopback(endpoint) else endpoint
        return f"{base}/.default"

    def _allows_http(self) -> bool:
        text = (self._text("ALLOW_LOOPBACK_HTTP") or "").lower()
        if text not in ("true", "false") and "ALLOW_LOOPBACK_HTTP: must be true or false" not in self._mistakes:
            self._mistakes.append("ALLOW_LOOPBACK_HTTP: must be true or false")
        return text == "true"

    def _seconds(self, name: str) -> float:
        text = self._text(name) or ""
        if not text.isdecimal() or not 1 <= int(text) <= 3_600:
            self._mistakes.append(f"{name}: must be a whole number from 1 to 3600")
            return 0
        return float(text)

    def _hosts(self, name: str) -> tuple[str, ...]:
        hosts = tuple(host.strip().lower() for host in (self._text(name) or "").split(",") if host.strip())
        for host in hosts:
            if not _HOST.fullmatch(host):
                self._mistakes.append(f"{name}: {host[:100]!r} is no host like dp1.example.com or *.example.com")
        return hosts

    def _storage_uris(self, storage: str | None) -> tuple[str, str]:
        """The endpoints of an account that an identity opens; empty where a connection string or a file is set."""
        if storage:
            return "", ""
        account = self._text(f"{STORAGE}__accountName")
        if account:
            return f"https://{account}.table.core.windows.net", f"https://{account}.queue.core.windows.net"
        table = self._text(f"{STORAGE}__tableServiceUri") or ""
        queue = self._text(f"{STORAGE}__queueServiceUri") or ""
        if not (table and queue):
            self._mistakes.append(
                f"{STORAGE}: set a connection string, or {STORAGE}__accountName, or both"
                f" {STORAGE}__tableServiceUri and {STORAGE}__queueServiceUri"
            )
        return table.rstrip("/"), queue.rstrip("/")
