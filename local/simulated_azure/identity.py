"""Tokens: the managed identity endpoint of App Service and Functions, and Entra's token endpoint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import parse_qs

from local.simulated_azure.messages import Request, Response, answer

IDENTITY_HEADER = "simulated-identity-header"


@dataclass(slots=True)
class Application:
    """A service principal that may ask for tokens with its secret."""

    tenant: str
    client_id: str
    client_secret: str
    secret_expired: bool = False


@dataclass(slots=True)
class Identity:
    """Who may have tokens, and which ones are good. A token is text: audience and expiry, no signature."""

    clock: Callable[[], datetime]
    lifetime: timedelta = timedelta(hours=1)
    user_assigned: set[str] = field(default_factory=set)  # client ids besides the app's own identity
    applications: list[Application] = field(default_factory=list)

    def handle(self, request: Request) -> tuple[str, Callable[[], Response]] | None:
        """The operation's name and what it does, for the paths of this service."""
        if request.path == "/msi/token" and request.method == "GET":
            return "identity.managed_identity", lambda: self._managed(request)
        tenant, _, rest = request.path.removeprefix("/").partition("/")
        if rest == "oauth2/v2.0/token" and request.method == "POST":
            return "identity.token", lambda: self._token(tenant, request)
        if rest == "v2.0/.well-known/openid-configuration":
            return "identity.discovery", lambda: _discovery(tenant, request)
        return None

    def refusal(self, request: Request, audience: str) -> Response | None:
        """Why the request's token opens nothing here; None when it does."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or not token:
            return _unauthorized("AuthenticationFailed", "The 'Authorization' header is missing.")
        told, _, expiry = token.rpartition("|")
        if not told or not expiry.isdecimal():
            return _unauthorized("InvalidAuthenticationToken", "The access token is invalid.")
        if told.rstrip("/") != audience:
            return _unauthorized(
                "InvalidAuthenticationTokenAudience", f"The audience {told!r} is not {audience!r}."
            )
        if int(expiry) <= self.clock().timestamp():
            return _unauthorized("ExpiredAuthenticationToken", "The access token has expired.")
        return None

    def _expiry(self) -> int:
        return int((self.clock() + self.lifetime).timestamp())

    def _managed(self, request: Request) -> Response:
        if request.headers.get("x-identity-header") != IDENTITY_HEADER:
            return answer(401, {"statusCode": 401, "message": "The identity header is wrong."})
        asked = request.query.get("client_id") or request.query.get("object_id") or request.query.get("mi_res_id")
        if asked is not None and asked not in self.user_assigned:
            text = "No User Assigned or Delegated Managed Identity found for specified ClientId."
            return answer(400, {"statusCode": 400, "message": text})
        resource = request.query.get("resource")
        if not resource or request.query.get("api-version") != "2019-08-01":
            return answer(400, {"statusCode": 400, "message": "resource and api-version=2019-08-01 are needed."})
        expiry = self._expiry()
        token = f"{resource.rstrip('/')}|{expiry}"
        body = {"access_token": token, "expires_on": str(expiry), "resource": resource, "token_type": "Bearer"}
        return answer(200, {**body, "client_id": asked or "00000000-0000-0000-0000-0000000000a9"})

    def _token(self, tenant: str, request: Request) -> Response:
        form = {name: values[-1] for name, values in parse_qs(request.body.decode()).items()}
        known = [app for app in self.applications if app.tenant == tenant]
        if not known:
            return _entra_error(400, "invalid_request", 90002, f"Tenant '{tenant}' not found.")
        app = next((app for app in known if app.client_id == form.get("client_id")), None)
        if app is None:
            name = form.get("client_id")
            return _entra_error(
                400, "unauthorized_client", 700016, f"Application '{name}' was not found in the directory."
            )
        if form.get("client_secret") != app.client_secret:
            return _entra_error(401, "invalid_client", 7000215, "Invalid client secret provided.")
        if app.secret_expired:
            return _entra_error(401, "invalid_client", 7000222, "The provided client secret keys are expired.")
        scope = form.get("scope", "")
        if form.get("grant_type") != "client_credentials" or not scope.endswith("/.default"):
            return _entra_error(400, "invalid_scope", 70011, "The provided value for scope is not valid.")
        expiry = self._expiry()
        seconds = int(expiry - self.clock().timestamp())
        token = f"{scope.removesuffix('/.default').rstrip('/')}|{expiry}"
        return answer(
            200,
            {"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token},
        )


def _unauthorized(code: str, message: str) -> Response:
    return answer(401, {"error": {"code": code, "message": message}})


def _entra_error(status: int, error: str, number: int, text: str) -> Response:
    body = {"error": error, "error_description": f"AADSTS{number}: {text}", "error_codes": [number]}
    return answer(status, body)


def _discovery(tenant: str, request: Request) -> Response:
    base = f"https://{request.headers.get('host', 'localhost')}/{tenant}"
    return answer(
        200,
        {
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            "issuer": f"{base}/v2.0",
        },
    )
