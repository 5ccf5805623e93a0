"""Credentials by what the chains file says, and their failures in plain words.

One credential object for each identity and process: it holds the token cache. A token problem is raised as
what it means for a caller (RefusedError or TryLaterError), so it can never be skipped in silence.
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any

from shared.core.definition import Credential
from shared.core.errors import BatonError, RefusedError, TryLaterError
from shared.settings import Settings, is_loopback

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, TokenCredential

_AADSTS = re.compile(r"AADSTS(\d+)")
_PASSING_CODES = frozenset({"90033", "90024", "50058", "90006"})  # Entra's own "try again"
_REMEDIES = {
    "7000215": "The client secret is wrong (often the secret's id in place of its value): set the right one in",
    "7000222": "The client secret has expired: make a new one in Entra and put it into",
    "7000218": "Entra wants a client secret for this application: set it in",
    "700016": "There is no such application in that tenant: check client_id and tenant of",
    "90002": "There is no such tenant: check tenant of",
}


class Identity:
    """A credential that azure-core clients and plain requests can use alike."""

    def __init__(self, inner: TokenCredential, what: str) -> None:
        self._inner = inner
        self._what = what

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """A token from the cache or the authority. Raises RefusedError or TryLaterError."""
        from azure.core.exceptions import AzureError

        try:
            return self._inner.get_token(*scopes, **options)
        except (AzureError, ValueError) as error:
            raise _told(error, self._what) from error

    def bearer(self, scope: str) -> str:
        """The value of an Authorization header."""
        return f"Bearer {self.get_token(scope).token}"


class Identities:
    """Makes each credential once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._made: dict[Credential, Identity] = {}
        self._lock = threading.Lock()

    def of(self, credential: Credential) -> Identity:
        """The identity of a credential. Raises RefusedError when a secret that it names is not set."""
        with self._lock:
            known = self._made.get(credential)
            if known is None:
                known = self._made[credential] = self._make(credential)
            return known

    def _make(self, credential: Credential) -> Identity:
        match credential.type:
            case "client_secret":
                return self._client_secret(credential)
            case "developer":
                return _developer()
            case "managed_identity":
                if credential.client_id is None and not self._settings.has_managed_identity:
                    return _developer()
                return self._managed_identity(credential)

    def _managed_identity(self, credential: Credential) -> Identity:
        from azure.identity import ManagedIdentityCredential

        client_id = credential.client_id or self._settings.managed_identity_client_id
        name = f"the managed identity {client_id}" if client_id else "the app's managed identity"
        return Identity(ManagedIdentityCredential(client_id=client_id), name)

    def _client_secret(self, credential: Credential) -> Identity:
        from azure.identity import ClientSecretCredential

        name = credential.client_secret_setting or ""
        secret = self._settings.secret(name)
        if secret is None:
            raise RefusedError("unauthorized", f"The app setting {name} (a client secret) is not set.")
        authority = self._settings.authority_host
        inner = ClientSecretCredential(
            credential.tenant or "",
            credential.client_id or "",
            secret.reveal(),
            authority=authority,
            disable_instance_discovery=is_loopback(authority),
        )
        return Identity(inner, f"the app setting {name} (application {credential.client_id})")


def storage_credential(settings: Settings) -> TokenCredential:
    """What opens Baton's own storage account: the identity that its settings name, or the developer's login."""
    if settings.has_managed_identity:
        from azure.identity import ManagedIdentityCredential

        return ManagedIdentityCredential(client_id=settings.storage_client_id)
    return _developer_login()


def _developer() -> Identity:
    return Identity(_developer_login(), "your own login (az login, azd auth login or Connect-AzAccount)")


def _developer_login() -> TokenCredential:
    from azure.identity import (
        AzureCliCredential,
        AzureDeveloperCliCredential,
        AzurePowerShellCredential,
        ChainedTokenCredential,
    )

    return ChainedTokenCredential(AzureCliCredential(), AzureDeveloperCliCredential(), AzurePowerShellCredential())


def _told(error: Exception, what: str) -> BatonError:
    from azure.core.exceptions import ServiceRequestError, ServiceResponseError

    text = _without_noise(str(error))
    causes = (error, error.__cause__, error.__context__)  # azure-identity wraps what the connection raised
    if any(isinstance(cause, ServiceRequestError | ServiceResponseError) for cause in causes):
        return TryLaterError("identity_unreachable", f"No answer when asking for a token for {what}: {text}")
    number = _AADSTS.search(text)
    if "double check your tenant name" in text:  # where the client library keeps Entra's own words to itself
        return RefusedError("unauthorized", f"{_REMEDIES['90002']} {what}.")
    if number is None:
        status = re.search(r"\b(5\d\d|429),", text)
        if status:
            return TryLaterError("identity_unavailable", f"No token for {what} just now: {text}")
        return RefusedError("unauthorized", f"No token for {what}: {text}")
    if number[1] in _PASSING_CODES:
        return TryLaterError("identity_unavailable", f"No token for {what} just now: {text}")
    remedy = _REMEDIES.get(number[1])
    told = f"{remedy} {what}. " if remedy else f"No token for {what}. "
    return RefusedError("unauthorized", f"{told}Entra says: {text}")


def _without_noise(text: str) -> str:
    """The part that says what happened: azure-identity puts it behind a general sentence."""
    text = text.rsplit("Token request error:", maxsplit=1)[-1].removeprefix("Authentication failed:")
    return " ".join(text.split("Trace ID:")[0].split())[:600]
