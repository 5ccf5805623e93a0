"""Secrets in Key Vault, through its own library, and what its refusals mean.

A token goes to hosts of Key Vault only: addresses are checked here, and the library checks that the vault asks for
a token of its own cloud (that is also how sovereign clouds get the right scope).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from shared.core.errors import BatonError, RefusedError, TryLaterError
from shared.identity.identity import Identity
from shared.settings import Secret

if TYPE_CHECKING:
    import requests
    from azure.core.exceptions import HttpResponseError
    from azure.keyvault.secrets import KeyVaultSecret, SecretClient

_ADDRESS = re.compile(
    r"https://(?P<host>[0-9A-Za-z-]+\.vault\.(?:azure\.net|azure\.cn|usgovcloudapi\.net))"
    r"/secrets/(?P<name>[0-9A-Za-z-]{1,127})(?:/(?P<version>[0-9A-Fa-f]{32}))?"
)
_CONNECT_SECONDS = 5.0
_READ_SECONDS = 30.0
_READER = "Key Vault Secrets User"
_WRITER = "Key Vault Secrets Officer"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldSecret:
    """One version of a secret. An app setting has neither version nor times."""

    value: Secret
    version: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    created_at: datetime | None = None
    expires_at: datetime | None = None


class KeyVault:
    """Reads and writes secrets by their addresses, like https://kv-baton.vault.azure.net/secrets/analyst.

    Raises RefusedError and TryLaterError, with the vault, the secret and the remedy in their words.
    """

    def __init__(self, identity: Callable[[], Identity], session: requests.Session | None) -> None:
        self._identity = identity
        self._session = session
        self._clients: dict[str, SecretClient] = {}
        self._lock = threading.Lock()

    def read(self, address: str) -> HeldSecret:
        """The version that the address names, or the latest."""
        parts = _parsed(address)
        return self._done(
            address, _READER, lambda client: client.get_secret(parts["name"], parts["version"], **_LIMITS)
        )

    def write(
        self, address: str, value: Secret, *, tags: Mapping[str, str], expires_at: datetime | None
    ) -> HeldSecret:
        """A new version of the secret, which is then the latest."""
        name = _parsed(address)["name"]
        return self._done(
            address,
            _WRITER,
            lambda client: client.set_secret(
                name, value.reveal(), tags=dict(tags), expires_on=expires_at, **_LIMITS
            ),
        )

    def _done(self, address: str, role: str, act: Callable[[SecretClient], KeyVaultSecret]) -> HeldSecret:
        from azure.core.exceptions import AzureError, HttpResponseError

        try:
            return _held(act(self._client(_parsed(address)["host"])))
        except HttpResponseError as error:
            raise _answered(error, address, role) from error
        except AzureError as error:
            raise _unanswered(error, address) from error

    def _client(self, host: str) -> SecretClient:
        from azure.core.pipeline.transport import RequestsTransport
        from azure.keyvault.secrets import SecretClient

        with self._lock:
            client = self._clients.get(host)
            if client is None:
                options: dict[str, Any] = {"retry_total": 0}
                if self._session is not None:
                    options["transport"] = RequestsTransport(session=self._session, session_owner=False)
                client = self._clients[host] = SecretClient(f"https://{host}", self._identity(), **options)
            return client


_LIMITS: dict[str, Any] = {"connection_timeout": _CONNECT_SECONDS, "read_timeout": _READ_SECONDS}


def _parsed(address: str) -> dict[str, Any]:
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise RefusedError("bad_request", f"{address} is no address of a Key Vault secret.")
    return match.groupdict()


def _held(secret: KeyVaultSecret) -> HeldSecret:
    properties = secret.properties
    return HeldSecret(
        value=Secret(secret.value or ""),
        version=properties.version or "",
        tags=properties.tags or {},
        created_at=properties.created_on,
        expires_at=properties.expires_on,
    )


def _answered(error: HttpResponseError, address: str, role: str) -> BatonError:
    parts = _parsed(address)
    where, text = f"the Key Vault secret {address}", " ".join(str(error.message).split())[:600]
    status = error.status_code or 0
    inner = str(getattr(error.error, "innererror", None) or "")
    if status == 429 or status >= 500:
        told = f"Key Vault {parts['host']} is busy or in trouble (HTTP {status}): {text}"
        return TryLaterError("key_vault_unavailable", told, _retry_after_seconds(error))
    if status == 404:
        return RefusedError("not_found", f"There is no {where.removeprefix('the ')}: put the secret there.")
    if "SecretDisabled" in inner or "disabled secret" in text:
        return RefusedError("forbidden", f"{where} is disabled: enable it, or put a new one there.")
    if "ForbiddenByFirewall" in inner or "not a trusted service" in text:
        remedy = "let the app's network in (Key Vault, Networking)"
        return RefusedError("forbidden", f"The firewall of Key Vault {parts['host']} keeps Baton out: {remedy}.")
    if status == 401 and "expired" in text:
        return TryLaterError("token_expired", f"Key Vault {parts['host']} found the token expired: {text}")
    if status in (401, 403):
        verb = "write" if role == _WRITER else "read"
        remedy = f"Give it the role '{role}' at that vault; it may take some minutes to work."
        return RefusedError("forbidden", f"Baton's own identity may not {verb} {where}. {remedy} It says: {text}")
    return RefusedError("refused", f"Key Vault refused {where}: HTTP {status}, {text}")


def _retry_after_seconds(error: HttpResponseError) -> float | None:
    headers: Mapping[str, str] = getattr(error.response, "headers", {})
    after = headers.get("Retry-After", "")
    return float(after) if after.isdecimal() else None


def _unanswered(error: Exception, address: str) -> BatonError:
    own = next((cause for cause in (error.__cause__, error.__context__) if isinstance(cause, BatonError)), None)
    if own is not None:
        return own
    text = " ".join(str(error).split())[:300]
    told = (
        f"No answer from Key Vault {_parsed(address)['host']} (does it exist, and may the app reach it?): {text}"
    )
    return TryLaterError("key_vault_unreachable", told)
