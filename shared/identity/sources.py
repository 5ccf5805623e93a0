"""Where a credential's secret is: an app setting, or Key Vault; and credentials that follow its renewal."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from shared.core.errors import RefusedError, TryLaterError
from shared.identity.identity import expiry_warnings
from shared.identity.key_vault import HeldSecret, KeyVault
from shared.ports import Clock, Problem
from shared.settings import Settings

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, TokenCredential

_REFERENCE = "@Microsoft.KeyVault("
READ_AGAIN_AFTER = timedelta(hours=1)
TRY_AGAIN_AFTER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Source:
    """One secret's place. `kind` like "client secret"; either `setting` or `address` is set."""

    kind: str
    setting: str | None
    address: str | None

    @property
    def where(self) -> str:
        return f"the Key Vault secret {self.address}" if self.address else f"the app setting {self.setting}"


@dataclass(frozen=True, slots=True)
class Secrets:
    """Reads secrets from where they are."""

    settings: Settings
    vault: KeyVault

    def read(self, source: Source) -> HeldSecret:
        """Raises RefusedError and TryLaterError that say where the secret is missing."""
        if source.address is not None:
            return self.vault.read(source.address)
        secret = self.settings.secret(source.setting or "")
        if secret is None:
            raise RefusedError("unauthorized", f"The app setting {source.setting} (a {source.kind}) is not set.")
        if secret.reveal().lstrip().startswith(_REFERENCE):
            remedy = (
                "See the reference's status (Function app, Environment variables); the app's identity needs the"
                " role 'Key Vault Secrets User' at that vault."
            )
            told = f"The app setting {source.setting} (a {source.kind}) still holds its Key Vault reference"
            raise RefusedError("unauthorized", f"{told}: the platform could not resolve it. {remedy}")
        return HeldSecret(value=secret)


@dataclass(frozen=True, slots=True)
class Built:
    """A credential made of one version of its secret. `expires_at`: the certificate's, where there is one."""

    inner: TokenCredential
    expires_at: datetime | None = None


@dataclass(slots=True)
class _Current:
    secret: HeldSecret
    built: Built
    read_at: datetime


class SecretCredential:
    """A credential of azure-identity over a secret that may be renewed at any time.

    A secret in Key Vault is read again each hour, and at once when Entra refuses the one in use: whoever puts a
    new one there has nothing to restart.
    """

    def __init__(
        self, source: Source, secrets: Secrets, build: Callable[[HeldSecret], Built], clock: Clock
    ) -> None:
        self._source = source
        self._secrets = secrets
        self._build = build
        self._clock = clock
        self._lock = threading.Lock()
        self._current: _Current | None = None

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        from azure.core.exceptions import ClientAuthenticationError

        used = self._now()
        try:
            return used.built.inner.get_token(*scopes, **options)
        except ClientAuthenticationError:
            fresh = self._renewed(used)
            if fresh is used:
                raise
        return fresh.built.inner.get_token(*scopes, **options)

    def warnings(self) -> Sequence[Problem]:
        """What of it expires soon, as far as is known."""
        current, place = self._current, self._source.where
        if current is None:
            return ()
        kind, now, remedy = self._source.kind, self._clock(), f"put a new one into {place}"
        return (
            *expiry_warnings(f"The {kind} in {place}", current.built.expires_at, now, remedy),
            *expiry_warnings(f"What {place} holds", current.secret.expires_at, now, remedy),
        )

    def _now(self) -> _Current:
        with self._lock:
            current = self._current
            if current is None:
                return self._take(self._secrets.read(self._source))
            if self._source.address is None or self._clock() - current.read_at < READ_AGAIN_AFTER:
                return current
            try:
                return self._take(self._secrets.read(self._source))
            except (RefusedError, TryLaterError):  # what is known may still be good; Entra will say
                current.read_at += TRY_AGAIN_AFTER
                return current

    def _renewed(self, used: _Current) -> _Current:
        """The current secret read again, if it is another one now; else what was used."""
        if self._source.address is None:
            return used
        with self._lock:
            if self._current is not used and self._current is not None:
                return self._current
            secret = self._secrets.read(self._source)
            return used if secret.version == used.secret.version else self._take(secret)

    def _take(self, secret: HeldSecret) -> _Current:
        current = self._current
        if current is not None and current.secret.version == secret.version:
            current.secret, current.read_at = secret, self._clock()
            return current
        self._current = _Current(secret, self._build(secret), self._clock())
        return self._current
