"""Requests to the Fabric API, and what its refusals mean. Facts: the service's REST documents (v1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import requests

from shared.core.definition import Connection
from shared.core.errors import BatonError, RefusedError, TryLaterError
from shared.services.answers import bad_answer, error_of, no_answer, retry_after_seconds
from shared.services.reach import CONNECT_SECONDS, READ_SECONDS, Reach
from shared.services.wire import text_of

MOST_PAGES = 200

_ROLE = "Add the identity to workspace {} as Contributor (`python -m local grant` does it)."
_TENANT_SETTING = (
    "The token is good, and Fabric does not let its owner in: have a Fabric administrator switch on the tenant"
    " setting 'Service principals can use Fabric APIs' for it (Admin portal, Tenant settings)."
)
_REMEDIES = {
    "InvalidJobType": "Job types are read with their case, and depend on the item's type.",
    "FeatureNotAvailable": "If it is about parameters: this job takes them in execution_data, or not at all.",
    "CapacityNotActive": "Resume the workspace's capacity, then start again.",
}
_THROTTLED = ("TooManyRequestsForJobs", "RequestBlocked")


class Calls:
    """One workspace's part of the API. The token goes to the configured endpoint, and nowhere else.

    `base`: another part of it, for what is asked about workspaces as such.
    """

    def __init__(self, connection: Connection, reach: Reach, base: str | None = None) -> None:
        self._connection = connection
        self._base = f"/workspaces/{connection.workspace}" if base is None else base
        self._reach = reach

    def send(
        self,
        method: str,
        path: str,
        what: str,
        *,
        body: Mapping[str, Any] | None = None,
        send_before: Callable[[], bool] | None = None,
        starting: bool = False,
    ) -> requests.Response:
        """One request, once. Raises BatonError when there is no answer, or none is wanted any more."""
        url = f"{self._reach.settings.fabric_endpoint}/v1{self._base}{path}"
        bearer = self.bearer()
        if send_before is not None and not send_before():
            raise TryLaterError("too_late", "Getting ready to start took too long; nothing was sent.")
        try:
            return self._reach.session.request(
                method,
                url,
                json=body,
                headers={"Authorization": bearer},
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise no_answer(f"{what} at {self._connection.name}", error, starting=starting) from error

    def bearer(self) -> str:
        """The Authorization header's value. Raises BatonError when there is no token."""
        return self._reach.identities.of(self._connection.credential).bearer(self._reach.settings.fabric_scope)

    def get(self, path: str, what: str) -> Mapping[str, Any]:
        """The object that the answer holds."""
        answer = self.send("GET", path, what)
        if answer.status_code != 200:
            raise self.bad(what, answer)
        try:
            told = answer.json()
        except ValueError:
            told = None
        if not isinstance(told, dict):
            raise TryLaterError("unexpected_answer", f"{what}: the answer holds no object")
        return told

    def entries(self, path: str, what: str, query: str = "") -> Iterator[Mapping[str, Any]]:
        """All entries of a list, page after page."""
        following = query
        for _ in range(MOST_PAGES):
            page = self.get(f"{path}?{following}" if following else path, what)
            value = page.get("value")
            if not isinstance(value, list):
                raise TryLaterError("unexpected_answer", f"{what}: the answer holds no list")
            yield from (entry for entry in value if isinstance(entry, dict))
            token = _next_token(page)
            if token is None:
                return
            following = "&".join(part for part in (query, f"continuationToken={token}") if part)

    def bad(self, what: str, answer: requests.Response, *, starting: bool = False) -> BatonError:
        """What an answer that is no success means. A 4xx says that nothing happened; some of them may pass."""
        status = answer.status_code
        told = f"{what} at {self._connection.name}"
        code, message = error_of(answer.text)
        if 400 <= status < 500 and status != 408:
            said = f"{told}: HTTP {status}, {code}: {message}"
            if status == 430 or code in _THROTTLED:
                return TryLaterError("throttled", said, retry_after_seconds(answer.headers))
            if _is_retriable(answer):
                return TryLaterError("refused_for_now", said, retry_after_seconds(answer.headers))
            if code == "CapacityNotActive":
                return RefusedError("capacity_paused", f"{said} {_REMEDIES[code]}")
        by_status = {401: _TENANT_SETTING, 403: role_remedy(self._connection)}
        remedy = _REMEDIES.get(code) or by_status.get(status, "")
        return bad_answer(told, status, answer.headers, answer.text, starting=starting, remedy=remedy)


def only_viewer(connection: Connection, reach: Reach) -> bool:
    """Whether the identity's role in the workspace lets it look, and run nothing.

    False where that is not to be learned: an item may be shared without any role in its workspace.
    """
    calls = Calls(connection, reach, "/workspaces")
    own = (connection.workspace or "").lower()

    def has(roles: str) -> bool:
        found = calls.entries("", "listing workspaces by role", f"roles={quote(roles)}")
        return any(str(entry.get("id")).lower() == own for entry in found)

    try:
        return not has("Admin,Member,Contributor") and has("Viewer")
    except (RefusedError, TryLaterError):
        return False


def role_remedy(connection: Connection) -> str:
    """What lets an identity run jobs in the workspace."""
    return _ROLE.format(connection.workspace)


def _next_token(page: Mapping[str, Any]) -> str | None:
    """The next page's token as it stands in a query; None on the last page.

    The address of the next page may name another host, so only the token in it is used.
    """
    address = text_of(page.get("continuationUri"))
    told = dict(parse_qsl(urlsplit(address).query)).get("continuationToken") if address else None
    if told is None and (plain := text_of(page.get("continuationToken"))):
        told = unquote(plain)  # the service's examples show it with its escapes
    return quote(told, safe="") if told else None


def _is_retriable(answer: requests.Response) -> bool:
    try:
        told = answer.json()
    except ValueError:
        return False
    return isinstance(told, dict) and told.get("isRetriable") is True
