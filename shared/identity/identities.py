"""Credentials by what the chains file says, each made once for each process: it holds the token cache."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from shared.core.definition import Credential
from shared.identity.failures import Subject, told
from shared.identity.identity import Identity
from shared.identity.key_vault import HeldSecret, KeyVault
from shared.identity.sources import Built, SecretCredential, Secrets, Source
from shared.ports import Clock
from shared.settings import Settings, is_loopback

if TYPE_CHECKING:
    import msal
    import requests
    from azure.core.credentials import TokenCredential

    from shared.identity.refresh_store import RefreshStore

# What a token must be meant for to vouch for an application, by the cloud's authority.
_EXCHANGE = {
    "login.microsoftonline.us": "api://AzureADTokenExchangeUSGov",
    "login.chinacloudapi.cn": "api://AzureADTokenExchangeChina",
    "login.partner.microsoftonline.cn": "api://AzureADTokenExchangeChina",
}
_EXCHANGE_PUBLIC = "api://AzureADTokenExchange"


class Identities:
    """Makes each credential once. `session` carries all requests of credentials that have a secret."""

    def __init__(
        self, settings: Settings, session: requests.Session | None = None, clock: Clock | None = None
    ) -> None:
        self._settings = settings
        self._session = session
        self._clock = clock or _utc_now
        self._made: dict[Credential, Identity] = {}
        self._lock = threading.RLock()  # one credential may be made with another
        self._vault = KeyVault(lambda: self.of(Credential()), session)
        self._secrets = Secrets(settings, self._vault)

    def of(self, credential: Credential) -> Identity:
        """The identity of a credential. What is wrong with it shows when a token is asked for."""
        with self._lock:
            known = self._made.get(credential)
            if known is None:
                known = self._made[credential] = self._make(credential)
            return known

    def _make(self, credential: Credential) -> Identity:
        match credential.type:
            case "client_secret":
                return self._client_secret(credential)
            case "client_certificate":
                return self._client_certificate(credential)
            case "workload_identity":
                return self._workload_identity(credential)
            case "refresh_token":
                return self._refresh_token(credential)
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

        source = Source("client secret", credential.client_secret_setting, credential.client_secret_url)

        def build(held: HeldSecret) -> Built:
            return Built(ClientSecretCredential(*_who(credential), held.value.reveal(), **self._options()))

        return self._over(source, build, _subject(credential, source.where))

    def _client_certificate(self, credential: Credential) -> Identity:
        from azure.identity import CertificateCredential

        from shared.identity.certificates import certificate_bytes, not_after

        source = Source("certificate", credential.certificate_setting, credential.certificate_url)
        password_setting = credential.certificate_password_setting

        def build(held: HeldSecret) -> Built:
            password = None
            if password_setting is not None:
                read = self._secrets.read(Source("certificate's password", password_setting, None))
                password = read.value.reveal()
            data = certificate_bytes(held.value.reveal(), source.where)
            ends_at = not_after(data, password, source.where)
            options = {**self._options(), "certificate_data": data, "password": password}
            return Built(CertificateCredential(*_who(credential), **options), ends_at)

        return self._over(source, build, _subject(credential, source.where))

    def _workload_identity(self, credential: Credential) -> Identity:
        from azure.identity import ClientAssertionCredential, WorkloadIdentityCredential

        if credential.token_file is not None:
            tenant, client_id = _who(credential)
            vouched: TokenCredential = WorkloadIdentityCredential(
                tenant_id=tenant, client_id=client_id, token_file_path=credential.token_file, **self._options()
            )
            return Identity(vouched, _subject(credential, f"the token file {credential.token_file}"))
        voucher = self.of(Credential(type="managed_identity", client_id=credential.managed_identity))
        scope = f"{token_exchange_audience(self._settings.authority_host)}/.default"
        vouched = ClientAssertionCredential(
            *_who(credential), lambda: voucher.get_token(scope).token, **self._options()
        )
        return Identity(vouched, _subject(credential, "its managed identity"))

    def _refresh_token(self, credential: Credential) -> Identity:
        from shared.identity.refresh_token import RefreshTokenCredential

        store, source = self.refresh_store(credential), _client_secret_of(credential)
        subject = _subject(credential, "" if source is None else source.where)
        inner = RefreshTokenCredential(store, lambda: self.application(credential), subject, self._clock)
        return Identity(inner, subject, inner.warnings)

    def refresh_store(self, credential: Credential) -> RefreshStore:
        """Where a `refresh_token` credential has its token."""
        from shared.identity.refresh_store import RefreshStore

        sign_in = _subject(credential, "").sign_in
        return RefreshStore(self._vault, credential.refresh_token_url or "", self._clock, sign_in)

    def application(self, credential: Credential) -> msal.ClientApplication:
        """msal's client for a `refresh_token` credential."""
        import requests

        from shared.identity.entra_http import EntraHttp
        from shared.identity.refresh_token import msal_application

        client_secret = None
        source = _client_secret_of(credential)
        if source is not None:
            client_secret = self._secrets.read(source).value.reveal()
        subject = _subject(credential, "" if source is None else source.where)
        http = EntraHttp(self._session or requests.Session(), subject)
        try:
            return msal_application(credential, client_secret, self._settings.authority_host, http)
        except ValueError as error:  # msal's word for a tenant that Entra does not know
            raise told(error, subject) from error

    def _over(self, source: Source, build: Callable[[HeldSecret], Built], subject: Subject) -> Identity:
        inner = SecretCredential(source, self._secrets, build, self._clock)
        return Identity(inner, subject, inner.warnings)

    def _options(self) -> dict[str, Any]:
        """What every credential of azure-identity that talks to Entra is made with."""
        authority = self._settings.authority_host
        options: dict[str, Any] = {"authority": authority, "disable_instance_discovery": is_loopback(authority)}
        if self._session is not None:
            from azure.core.pipeline.transport import RequestsTransport

            options["transport"] = RequestsTransport(session=self._session, session_owner=False)
        return options


def token_exchange_audience(authority_host: str) -> str:
    """For whom a managed identity's token must be, to vouch for an application in that cloud."""
    return _EXCHANGE.get(urlsplit(authority_host).hostname or "", _EXCHANGE_PUBLIC)


def storage_credential(settings: Settings) -> TokenCredential:
    """What opens Baton's own storage account: the identity that its settings name, or the developer's login."""
    if settings.has_managed_identity:
        from azure.identity import ManagedIdentityCredential

        return ManagedIdentityCredential(client_id=settings.storage_client_id)
    return _developer_login()


def _client_secret_of(credential: Credential) -> Source | None:
    """Where a web application's secret is; a public client has none."""
    if credential.client_secret_setting is None and credential.client_secret_url is None:
        return None
    return Source("client secret", credential.client_secret_setting, credential.client_secret_url)


def _who(credential: Credential) -> tuple[str, str]:
    return credential.tenant or "", credential.client_id or ""


def _subject(credential: Credential, secret: str) -> Subject:
    name = f"credential {credential.name!r} " if credential.name else ""
    what = f"{name}(application {credential.client_id}, tenant {credential.tenant})"
    return Subject(what, secret, f"python -m local login {credential.name or 'NAME'}")


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


def _utc_now() -> datetime:
    return datetime.now(UTC)
