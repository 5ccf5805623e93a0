"""Entra's token endpoint: every grant that Baton and the libraries under it use.

Access tokens are text (audience and expiry, no signature). Refresh tokens are text as well; each renewal gives a
new one, and old ones stay good, as the documents say, unless `renewals_kept` is set: then one dies when so many
renewals have followed it, which is stricter than Entra is.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html import escape
from typing import Any

from local.simulated_azure.assertions import assertion_problem
from local.simulated_azure.messages import Response, answer

DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
_OPENID = frozenset({"openid", "offline_access", "profile"})
_STATUS = {"invalid_client": 401}


@dataclass(slots=True, kw_only=True)
class Application:
    """An application registration, and how it may prove itself. Without any of these it is a public client."""

    tenant: str
    client_id: str
    client_secret: str | None = None
    secret_expired: bool = False
    certificate_pem: bytes | None = None
    vouched_audience: str | None = None  # of the tokens of another identity that vouch for it


@dataclass(slots=True)
class SignIn:
    """A person at an application: refresh tokens, by how many renewals lie before them."""

    application: Application
    user: str
    tokens: dict[str, int] = field(default_factory=dict)
    renewals_kept: int | None = None
    over: int | None = None  # the AADSTS number that redeeming is answered with

    @property
    def newest(self) -> int:
        return max(self.tokens.values(), default=0)

    def good(self, token: str) -> bool:
        kept = self.renewals_kept
        return kept is None or self.tokens[token] > self.newest - kept


@dataclass(slots=True)
class _Pending:
    """A device code or an authorization code that waits to be redeemed."""

    application: Application
    scope: str
    user: str | None = None
    nonce: str | None = None
    challenge: str | None = None
    redirect_uri: str | None = None


@dataclass(slots=True)
class Entra:
    """Applications, sign-ins, and codes under way."""

    clock: Callable[[], datetime]
    fresh_id: Callable[[], str]
    lifetime: timedelta
    applications: list[Application] = field(default_factory=list)
    sign_ins: list[SignIn] = field(default_factory=list)
    pending: dict[str, _Pending] = field(default_factory=dict)
    poll_seconds: int = 5
    polls_before_approval: int = 1
    user: str = "ada@example.com"  # who approves device codes and signs in with a browser
    declines: bool = False
    redeemed: int = 0  # refresh tokens, so far

    def sign_in(self, application: Application, *, renewals_kept: int | None = None) -> tuple[SignIn, str]:
        """A new sign-in, and its first refresh token."""
        made = SignIn(application, self.user, renewals_kept=renewals_kept)
        self.sign_ins.append(made)
        return made, self._refresh_token(made, 0)

    def token(self, tenant: str, form: Mapping[str, str]) -> Response:
        """`POST …/token`."""
        found = self._application(tenant, form.get("client_id"))
        if isinstance(found, Response):
            return found
        grant = form.get("grant_type")
        wrong = self._unproven(found, form, public=grant != "client_credentials")
        if wrong is not None:
            return wrong
        match grant:
            case "client_credentials":
                return self._granted(form.get("scope", ""))
            case "refresh_token":
                return self._renewed(found, form)
            case "authorization_code":
                return self._code(form)
            case str() if grant == DEVICE:
                return self._device_polled(form)
        return entra_error("unsupported_grant_type", 70003, "The grant type is not supported.")

    def device_code(self, tenant: str, form: Mapping[str, str]) -> Response:
        """`POST …/devicecode`."""
        found = self._application(tenant, form.get("client_id"))
        if isinstance(found, Response):
            return found
        code = self.fresh_id()
        self.pending[code] = _Pending(found, form.get("scope", ""))
        told = {"device_code": code, "user_code": code[:8].upper(), "expires_in": 900}
        page = "https://microsoft.com/devicelogin"
        message = f"To sign in, open the page {page} and enter the code {code[:8].upper()}."
        return answer(200, {**told, "interval": self.poll_seconds, "verification_uri": page, "message": message})

    def authorize(self, tenant: str, query: Mapping[str, str]) -> Response:
        """`GET …/authorize`: the person signs in at once, and is sent back."""
        found = self._application(tenant, query.get("client_id"))
        if isinstance(found, Response):
            return found
        back = query.get("redirect_uri", "")
        if self.declines:
            told = {"error": "access_denied", "error_description": "AADSTS65004: User declined to consent."}
            return _sent_back(back, {**told, "state": query["state"]})
        code = self.fresh_id()
        self.pending[code] = _Pending(
            found, query.get("scope", ""), self.user, query.get("nonce"), query.get("code_challenge"), back
        )
        return _sent_back(back, {"code": code, "state": query["state"]})

    def _application(self, tenant: str, client_id: str | None) -> Application | Response:
        known = [app for app in self.applications if app.tenant == tenant]
        if not known:
            return entra_error("invalid_request", 90002, f"Tenant '{tenant}' not found.")
        found = next((app for app in known if app.client_id == client_id), None)
        if found is None:
            text = f"Application '{client_id}' was not found in the directory."
            return entra_error("unauthorized_client", 700016, text)
        return found

    def _unproven(self, app: Application, form: Mapping[str, str], *, public: bool) -> Response | None:
        """Why the client is not who it says; None when it is."""
        if "client_assertion" in form:
            told = assertion_problem(app, form["client_assertion"], self.clock())
            return None if told is None else entra_error("invalid_client", *told)
        if "client_secret" not in form:
            if public and app.client_secret is None:
                return None
            text = "The request body must contain 'client_assertion' or 'client_secret'."
            return entra_error("invalid_client", 7000218, text)
        if form["client_secret"] != app.client_secret:
            return entra_error("invalid_client", 7000215, "Invalid client secret provided.")
        if app.secret_expired:
            return entra_error("invalid_client", 7000222, "The provided client secret keys are expired.")
        return None

    def _renewed(self, app: Application, form: Mapping[str, str]) -> Response:
        token = form.get("refresh_token", "")
        sign_in = next((s for s in self.sign_ins if token in s.tokens and s.application is app), None)
        if sign_in is None:
            return entra_error("invalid_grant", 9002313, "Invalid request. Request is malformed or invalid.")
        if sign_in.over is not None:
            return entra_error("invalid_grant", sign_in.over, "The refresh token is no longer valid.")
        if not sign_in.good(token):
            return entra_error("invalid_grant", 70008, "The refresh token has expired or was revoked.")
        self.redeemed += 1
        new = self._refresh_token(sign_in, sign_in.tokens[token] + 1)
        return self._granted(form.get("scope", ""), refresh_token=new)

    def _device_polled(self, form: Mapping[str, str]) -> Response:
        pending = self.pending.get(form.get("device_code", ""))
        if pending is None:
            return entra_error("bad_verification_code", 70019, "The verification code was not found.")
        if self.declines:
            return entra_error("authorization_declined", 70017, "The end user denied the request.")
        if self.polls_before_approval > 0:
            self.polls_before_approval -= 1
            return entra_error("authorization_pending", 70016, "The user has not signed in yet.")
        del self.pending[form["device_code"]]
        pending.user = self.user
        return self._signed_in(pending)

    def _code(self, form: Mapping[str, str]) -> Response:
        pending = self.pending.pop(form.get("code", ""), None)
        if pending is None:
            return entra_error("invalid_grant", 70008, "The authorization code has expired or was used.")
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if pending.challenge != base64.urlsafe_b64encode(digest).decode().rstrip("="):
            return entra_error("invalid_grant", 501481, "The Code_Verifier does not match the code_challenge.")
        if pending.redirect_uri != form.get("redirect_uri"):
            return entra_error("invalid_grant", 500112, "The reply address does not match.")
        return self._signed_in(pending)

    def _signed_in(self, pending: _Pending) -> Response:
        _, token = self.sign_in(pending.application)
        claims = {
            "aud": pending.application.client_id,
            "iss": f"https://login.microsoftonline.com/{pending.application.tenant}/v2.0",
            "sub": pending.user,
            "tid": pending.application.tenant,
            "preferred_username": pending.user,
            "iat": int(self.clock().timestamp()),
            "exp": int((self.clock() + self.lifetime).timestamp()),
            "nonce": pending.nonce,
        }
        return self._granted(pending.scope, refresh_token=token, id_token=_unsigned(claims))

    def _granted(self, scope: str, **more: str) -> Response:
        wanted = [each for each in scope.split() if each not in _OPENID]
        audiences = {_audience(each) for each in wanted}
        if len(audiences) != 1:
            return entra_error("invalid_scope", 70011, "The provided value for scope is not valid.")
        if not more and not scope.endswith("/.default"):
            return entra_error("invalid_scope", 70011, "The provided value for scope is not valid.")
        expiry = int((self.clock() + self.lifetime).timestamp())
        seconds = expiry - int(self.clock().timestamp())
        token = f"{audiences.pop()}|{expiry}"
        told = {"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token}
        return answer(200, {**told, **more, "scope": scope})

    def _refresh_token(self, sign_in: SignIn, renewals: int) -> str:
        token = f"simulated-refresh-token-{self.fresh_id()}"
        sign_in.tokens[token] = renewals
        return token


def entra_error(error: str, number: int, text: str) -> Response:
    """Entra's envelope."""
    told = f"AADSTS{number}: {text} Trace ID: 00000000-0000-0000-0000-000000000000"
    body = {"error": error, "error_description": told, "error_codes": [number]}
    return answer(_STATUS.get(error, 400), body)


def _sent_back(address: str, fields: Mapping[str, str]) -> Response:
    """A page whose form the browser sends at once (response_mode=form_post)."""
    inputs = "".join(f'<input type="hidden" name="{key}" value="{escape(text)}">' for key, text in fields.items())
    script = "<script>document.forms[0].submit()</script>"
    page = f'<form method="post" action="{escape(address)}">{inputs}</form>{script}'
    return Response(status=200, headers={"Content-Type": "text/html"}, body=page.encode())


def _audience(scope: str) -> str:
    return (scope.removesuffix("/.default") if scope.endswith("/.default") else scope.rpartition("/")[0]).rstrip(
        "/"
    )


def _unsigned(claims: Mapping[str, Any]) -> str:
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    texts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*texts, "unsigned"])
