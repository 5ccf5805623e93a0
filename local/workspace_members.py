"""Who may do what in Power BI and Fabric workspaces: read, added to, and raised, with one caller's login."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

import requests

from shared.core.errors import RefusedError
from shared.services.answers import bad_answer, no_answer
from shared.services.reach import CONNECT_SECONDS, READ_SECONDS

PAGE = 100
MOST_PAGES = 1_000
_MEMBER_REMEDY = "You need to be an administrator of the workspace (in Fabric, a member may add but not raise)."


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A service principal's place in a workspace. `id` is what changes of it are addressed to."""

    id: str
    role: str


class Members(Protocol):
    """One service's list of who is in its workspaces. All calls raise BatonError."""

    def find(self, workspace: str, principal: str) -> Member | None: ...
    def add(self, workspace: str, principal: str, role: str) -> None: ...
    def change(self, workspace: str, member: Member, role: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """One service as one login sees it. `bearer` gives the Authorization header for each call."""

    endpoint: str
    bearer: Callable[[], str]
    session: requests.Session

    def call(self, method: str, path: str, what: str, body: Mapping[str, Any] | None = None) -> Any:
        """The answer's JSON; {} when there is none. Raises BatonError."""
        try:
            told = self.session.request(
                method,
                f"{self.endpoint}{path}",
                json=body,
                headers={"Authorization": self.bearer()},
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise no_answer(what, error, starting=False) from error
        if told.status_code not in (200, 201):
            remedy = _MEMBER_REMEDY if told.status_code in (401, 403, 404) else ""
            raise bad_answer(what, told.status_code, told.headers, told.text, starting=False, remedy=remedy)
        return told.json() if told.content.strip() else {}


@dataclass(frozen=True, slots=True)
class PowerBiMembers:
    """The users of Power BI workspaces (groups, as its API calls them)."""

    api: Api

    def find(self, workspace: str, principal: str) -> Member | None:
        for user in self._users(workspace):
            if str(user.get("identifier", "")).lower() == principal.lower():
                return Member(id=principal, role=str(user.get("groupUserAccessRight")))
        return None

    def add(self, workspace: str, principal: str, role: str) -> None:
        self._send("POST", workspace, principal, role)

    def change(self, workspace: str, member: Member, role: str) -> None:
        self._send("PUT", workspace, member.id, role)

    def _users(self, workspace: str) -> Iterator[Mapping[str, Any]]:
        for number in range(MOST_PAGES):
            path = f"{_users_of(workspace)}?$top={PAGE}&$skip={number * PAGE}"
            users = self.api.call("GET", path, f"reading who is in workspace {workspace}").get("value", [])
            yield from users
            if len(users) < PAGE:
                return

    def _send(self, method: str, workspace: str, principal: str, role: str) -> None:
        body = {"identifier": principal, "groupUserAccessRight": role, "principalType": "App"}
        self.api.call(method, _users_of(workspace), f"making the identity {role} in workspace {workspace}", body)


@dataclass(frozen=True, slots=True)
class FabricMembers:
    """The role assignments of Fabric workspaces."""

    api: Api

    def find(self, workspace: str, principal: str) -> Member | None:
        for assignment in self._assignments(workspace):
            if str(assignment.get("principal", {}).get("id", "")).lower() == principal.lower():
                return Member(id=str(assignment.get("id")), role=str(assignment.get("role")))
        return None

    def add(self, workspace: str, principal: str, role: str) -> None:
        body = {"principal": {"id": principal, "type": "ServicePrincipal"}, "role": role}
        what = f"making the identity {role} in workspace {workspace}"
        self.api.call("POST", _assignments_of(workspace), what, body)

    def change(self, workspace: str, member: Member, role: str) -> None:
        path = f"{_assignments_of(workspace)}/{member.id}"
        self.api.call("PATCH", path, f"making the identity {role} in workspace {workspace}", {"role": role})

    def _assignments(self, workspace: str) -> Iterator[Mapping[str, Any]]:
        what = f"reading who is in workspace {workspace}"
        path = _assignments_of(workspace)
        for _ in range(MOST_PAGES):
            page = self.api.call("GET", path, what)
            yield from page.get("value", [])
            token = page.get("continuationToken")
            if not token:
                return
            path = f"{_assignments_of(workspace)}?continuationToken={quote(token, safe='')}"
        raise RefusedError("unexpected_answer", f"{what}: the list has no end")


def _users_of(workspace: str) -> str:
    return f"/v1.0/myorg/groups/{workspace}/users"


def _assignments_of(workspace: str) -> str:
    return f"/v1/workspaces/{workspace}/roleAssignments"
