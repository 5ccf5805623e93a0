"""Acting for a person who signed in once: a refresh token in Key Vault, redeemed through msal.

Each redemption gives a new refresh token. It is saved before it, or the access token beside it, is used. The old
one stays good in the meantime (Entra does not revoke it by use), so an instance may die at any line, and two may
redeem at once. See docs/decisions/0019-the-refresh-token-in-key-vault.md.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from shared.core.definition import Credential
from shared.core.errors import BatonError
from shared.identity.entra_http import EntraHttp
from shared.identity.failures import Subject, refusal, unavailable
from shared.identity.identity import expiry_warnings
from shared.identity.refresh_store import RefreshStore, RefreshToken
from shared.ports import Clock, Problem
from shared.settings import is_loopback

if TYPE_CHECKING:
    import msal
    from azure.core.credentials import AccessToken

FRESH_SECONDS = 300  # an access token is used until so long before its end
_MOST_ROUNDS = 3
_CODES_OF_A_DEAD_TOKEN = ("invalid_grant", "interaction_required")


class RefreshTokenCredential:
    """Access tokens for one sign-in. Raises RefusedError and TryLaterError."""

    def __init__(
        self,
        store: RefreshStore,
        application: Callable[[], msal.ClientApplication],
        subject: Subject,
        clock: Clock,
    ) -> None:
        self._store = store
        self._application = application
        self._subject = subject
        self._clock = clock
        self._lock = threading.Lock()
        self._access: dict[tuple[str, ...], AccessToken] = {}
        self._mine: RefreshToken | None = None  # the newest that this process knows of

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        with self._lock:
            held = self._access.get(scopes)
            fresh = held is not None and held.expires_on - self._clock().timestamp() > FRESH_SECONDS
            if held is None or not fresh or options.get("claims"):
                held = self._access[scopes] = self._redeemed(scopes)
            return held

    def warnings(self) -> Sequence[Problem]:
        """That the refresh token was not used for long."""
        mine = self._mine
        if mine is None:
            return ()
        remedy = f"let it be used, or sign in again: {self._subject.sign_in}"
        what = f"The refresh token of {self._subject.what}"
        return expiry_warnings(what, mine.expires_at, self._clock(), remedy)

    def _redeemed(self, scopes: tuple[str, ...]) -> AccessToken:
        token = self._newest()
        for _ in range(_MOST_ROUNDS):
            answer = self._application().acquire_token_by_refresh_token(token.value.reveal(), list(scopes))
            if "access_token" in answer:
                return self._taken(answer, token)
            if answer.get("error") not in _CODES_OF_A_DEAD_TOKEN:
                break
            latest = self._store.read()  # another instance may have renewed it, or somebody signed in again
            if latest.version == token.version:
                break
            token = latest
        raise self._refused(answer)

    def _newest(self) -> RefreshToken:
        """What Key Vault has, unless a save failed or an older token was written over ours: then ours, saved."""
        if self._mine is None:
            return self._store.read()
        return self._store.settle(self._mine)

    def _taken(self, answer: dict[str, Any], token: RefreshToken) -> AccessToken:
        """Saves the new refresh token, then lets the access token be used."""
        from azure.core.credentials import AccessToken

        expires_on = int(self._clock().timestamp()) + int(answer.get("expires_in") or 0)
        new = answer.get("refresh_token")
        if new and new != token.value.reveal():
            self._mine = token.renewed(new)
            self._mine = self._store.settle(self._mine)
        else:
            self._mine = token
        return AccessToken(str(answer["access_token"]), expires_on)

    def _refused(self, answer: dict[str, Any]) -> BatonError:
        text = str(answer.get("error_description") or answer.get("error") or "no access token came back")
        if answer.get("error") == "temporarily_unavailable":
            return unavailable(self._subject, text)
        return refusal(text, self._subject)


def msal_application(
    credential: Credential, client_secret: str | None, authority_host: str, http: EntraHttp
) -> msal.ClientApplication:
    """msal's client: public, or with the secret of a web application."""
    import msal

    options: dict[str, Any] = {
        "authority": f"{authority_host}/{credential.tenant}",
        "http_client": http,
        "instance_discovery": False if is_loopback(authority_host) else None,
    }
    if client_secret is None:
        return msal.PublicClientApplication(credential.client_id, **options)
    return msal.ConfidentialClientApplication(credential.client_id, client_credential=client_secret, **options)
