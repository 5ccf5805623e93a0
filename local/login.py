"""`python -m local login CREDENTIAL`: a person signs in once, and the refresh token goes into Key Vault."""

from __future__ import annotations

import webbrowser
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from local.sign_in import SignInError, with_browser, with_device_code
from shared.core.definition import ChainsFile, Credential
from shared.core.errors import BatonError
from shared.identity.refresh_store import RefreshStore

if TYPE_CHECKING:
    from shared.identity import Identities
    from shared.settings import Settings

DONE, FAILED, MISUSED = 0, 1, 2
Say = Callable[[str], object]


def login(
    name: str,
    file: ChainsFile,
    settings: Settings,
    identities: Identities,
    *,
    browser: bool,
    say: Say = print,
    open_browser: Callable[[str], object] = webbrowser.open,
) -> int:
    """The exit code: 0 signed in and saved, 1 it did not work, 2 there is nothing to sign in to."""
    credential = file.credentials.get(name)
    misuse = _misuse(name, file, credential, browser=browser)
    if misuse is not None or credential is None:
        say(misuse or "")
        return MISUSED
    store = identities.refresh_store(credential)
    try:
        _reachable(store)
        scopes = sorted(_scopes(name, file, settings))[:1]  # one resource a token; the sign-in is good for all
        application = identities.application(credential)
        answer = with_browser(application, scopes, open_browser, say) if browser else with_device_code(
            application, scopes, say
        )  # fmt: skip
        store.begin(_refresh_token(answer))
    except (BatonError, SignInError) as error:
        say(f"Not signed in. {error}")
        return FAILED
    say(f"Signed in as {_who(answer)}. The refresh token is in {store.address}; Baton uses it from now on.")
    return DONE


def _misuse(name: str, file: ChainsFile, credential: Credential | None, *, browser: bool) -> str | None:
    if credential is None:
        fitting = _listed(key for key, each in file.credentials.items() if each.type == "refresh_token")
        return f"The chains file has no credential {name!r}. Of type refresh_token there are: {fitting}."
    if credential.type != "refresh_token":
        return f"Credential {name!r} is of type {credential.type}: nobody signs in for it, only for refresh_token."
    if (credential.client_secret_setting or credential.client_secret_url) and not browser:
        return f"Credential {name!r} has a client_secret: a web application signs in with --browser only."
    return None


def _reachable(store: RefreshStore) -> None:
    """Nobody should sign in for nothing: the vault must answer first. That it holds nothing yet is fine."""
    try:
        store.read()
    except BatonError as error:
        if error.code != "not_found":
            raise


def _scopes(name: str, file: ChainsFile, settings: Settings) -> set[str]:
    """What the connections with this credential will ask for; Power BI where there is none yet."""
    of_type = {"data_factory": settings.resource_manager_scope}
    types = {each.type for each in file.connections.values() if each.credential == file.credentials[name]}
    return {of_type.get(kind) or getattr(settings, f"{kind}_scope") for kind in types} or {settings.power_bi_scope}


def _refresh_token(answer: dict[str, Any]) -> str:
    token = answer.get("refresh_token")
    if not token:
        raise SignInError("Entra gave no refresh token: the application must be allowed offline_access.")
    return str(token)


def _who(answer: dict[str, Any]) -> str:
    claims = answer.get("id_token_claims") or {}
    return str(claims.get("preferred_username") or claims.get("name") or "an unnamed user")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
