"""Key Vault: secrets with versions, behind the challenge that tells clients where to get a token."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from local.simulated_azure.messages import Request, Response, answer, problem

SUFFIXES = (".vault.azure.net", ".vault.azure.cn", ".vault.usgovcloudapi.net")


@dataclass(slots=True)
class Version:
    """One version of a secret. `expires` in Unix seconds."""

    id: str
    value: str
    created: int
    expires: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    enabled: bool = True


@dataclass(slots=True)
class Vault:
    """One vault: its secrets, the newest version last, and what Baton's identity may do there."""

    secrets: dict[str, list[Version]] = field(default_factory=dict)
    may_read: bool = True
    may_write: bool = True
    behind_firewall: bool = False


@dataclass(slots=True)
class KeyVault:
    """All vaults, by host name."""

    clock: Callable[[], datetime]
    fresh_id: Callable[[], str]
    refusal: Callable[[Request, str], Response | None]
    vaults: dict[str, Vault] = field(default_factory=dict)

    def vault(self, host: str) -> Vault:
        return self.vaults.setdefault(host, Vault())

    def put(self, host: str, name: str, value: str, *, expires_at: datetime | None = None) -> Version:
        """Somebody stores a secret by hand."""
        return self._add(self.vault(host), name, value, {}, None if expires_at is None else _seconds(expires_at))

    def handle(self, request: Request) -> tuple[str, Callable[[], Response]] | None:
        host = request.headers.get("host", "").split(":")[0]
        if not host.endswith(SUFFIXES) or not request.path.startswith("/secrets/"):
            return None
        name, _, version = request.path.removeprefix("/secrets/").strip("/").partition("/")
        if request.method == "GET":
            return "key_vault.get", lambda: self._guarded(request, host) or self._get(host, name, version)
        if request.method == "PUT" and not version:
            return "key_vault.set", lambda: self._guarded(request, host) or self._set(request, host, name)
        return None

    def _guarded(self, request: Request, host: str) -> Response | None:
        resource = f"https://{host.partition('.')[2]}"
        refused = self.refusal(request, resource)
        if refused is not None:
            challenge = f'Bearer authorization="https://login.microsoftonline.com/tenant-1", resource="{resource}"'
            return Response(
                status=401, headers={**refused.headers, "WWW-Authenticate": challenge}, body=refused.body
            )
        vault = self.vaults.get(host)
        if vault is not None and vault.behind_firewall:
            text = "Client address is not authorized and caller is not a trusted service."
            return _forbidden(text, "ForbiddenByFirewall")
        allowed = vault is not None and (vault.may_read if request.method == "GET" else vault.may_write)
        return None if allowed else _forbidden("Caller is not authorized to perform action.", "ForbiddenByRbac")

    def _get(self, host: str, name: str, version: str) -> Response:
        versions = self.vault(host).secrets.get(name, [])
        found = next((v for v in reversed(versions) if not version or v.id == version), None)
        if found is None:
            text = f"A secret with (name/id) {name} was not found in this key vault."
            return problem(404, "SecretNotFound", text)
        if not found.enabled:
            return _forbidden("Operation get is not allowed on a disabled secret.", "SecretDisabled")
        return _shown(host, name, found)

    def _set(self, request: Request, host: str, name: str) -> Response:
        body: dict[str, Any] = request.json() or {}
        if not isinstance(body.get("value"), str):
            return problem(400, "BadParameter", "The parameter value is missing.")
        expires = (body.get("attributes") or {}).get("exp")
        return _shown(
            host, name, self._add(self.vault(host), name, body["value"], body.get("tags") or {}, expires)
        )

    def _add(self, vault: Vault, name: str, value: str, tags: Mapping[str, str], expires: int | None) -> Version:
        made = Version(self.fresh_id().replace("-", ""), value, _seconds(self.clock()), expires, tags)
        vault.secrets.setdefault(name, []).append(made)
        return made


def _shown(host: str, name: str, version: Version) -> Response:
    attributes: dict[str, Any] = {
        "enabled": version.enabled,
        "created": version.created,
        "updated": version.created,
        "recoveryLevel": "Recoverable+Purgeable",
    }
    if version.expires is not None:
        attributes["exp"] = version.expires
    told = {"value": version.value, "id": f"https://{host}/secrets/{name}/{version.id}", "attributes": attributes}
    return answer(200, {**told, "tags": dict(version.tags)})


def _forbidden(text: str, inner: str) -> Response:
    return answer(403, {"error": {"code": "Forbidden", "message": text, "innererror": {"code": inner}}})


def _seconds(time: datetime) -> int:
    return int(time.astimezone(UTC).timestamp())
