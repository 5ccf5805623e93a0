"""Tokens: the managed identity endpoint of App Service and Functions, and Entra's token endpoint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import parse_qs

from local.simulated_azure.entra import Application, Entra
from local.simulated_azure.messages import Request, Response, answer

IDENTITY_HEADER = "simulated-identity-header"


@dataclass(slots=True)
class Identity:
    """Who may have tokens, and which ones are good. A token is text: audience and expiry, no signature."""

    clock: Callable[[], datetime]
    fresh_id: Callable[[], str]
    lifetime: timedelta = timedelta(hours=1)
    user_assigned: set[str] = field(default_factory=set)  # client ids besides the app's own identity
    entra: Entra = field(init=False)

    def __post_init__(self) -> None:
        self.entra = Entra(self.clock, self.fresh_id, self.lifetime)

    @property
    def applications(self) -> list[Application]:
        return self.entra.applications

    def handle(self, request: Request) -> tuple[str, Callable[[], Response]] | None:
        """The operation's name and what it does, for the paths of this service."""
        if request.path == "/msi/token" and request.method == "GET":
            return "identity.managed_identity", lambda: self._managed(request)
        if request.path == "/common/discovery/instance":
            return "identity.instances", lambda: _instances(request)
        tenant, _, rest = request.path.removeprefix("/").partition("/")
        if rest == "oauth2/v2.0/token" and request.method == "POST":
            return "identity.token", lambda: self.entra.token(tenant, _form(request))
        if rest == "oauth2/v2.0/devicecode" and request.method == "POST":
            return "identity.device_code", lambda: self.entra.device_code(tenant, _form(request))
        if rest == "oauth2/v2.0/authorize" and request.method == "GET":
            return "identity.authorize", lambda: self.entra.authorize(tenant, request.query)
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


def _form(request: Request) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(request.body.decode()).items()}


def _unauthorized(code: str, message: str) -> Response:
    return answer(401, {"error": {"code": code, "message": message}})


def _instances(request: Request) -> Response:
    """One cloud, known under one name."""
    host = request.headers.get("host", "localhost")
    endpoint = f"https://{host}/common/v2.0/.well-known/openid-configuration"
    known = [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}]
    return answer(200, {"tenant_discovery_endpoint": endpoint, "metadata": known})


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
