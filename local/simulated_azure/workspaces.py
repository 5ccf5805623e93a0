"""Who is in a workspace: Power BI's group users and Fabric's role assignments."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from local.simulated_azure.messages import Request, Response, answer, problem

_USERS = re.compile(r"/v1\.0/myorg/groups/(?P<workspace>[^/]+)/users")
_ASSIGNMENTS = re.compile(r"/v1/workspaces/(?P<workspace>[^/]+)/roleAssignments(/(?P<id>[^/]+))?")
RIGHTS = ("Admin", "Member", "Contributor", "Viewer")
FABRIC_PAGE = 2  # small, so that a client that forgets the next page is found out


@dataclass(slots=True)
class Roster:
    """Each workspace's members: principal id to role. `locked`: the caller may change nothing there."""

    workspaces: dict[str, dict[str, str]] = field(default_factory=dict)
    locked: set[str] = field(default_factory=set)


@dataclass(slots=True)
class GroupUsers:
    """Power BI's side of it."""

    roster: Roster = field(default_factory=Roster)

    def handle(self, request: Request) -> tuple[str, Callable[[], Response]] | None:
        """The operation's name and what it does, for the paths of this service."""
        match = _USERS.fullmatch(request.path)
        if match is None:
            return None
        workspace = match["workspace"]
        names = {"GET": "list", "POST": "add", "PUT": "update"}
        return f"power_bi.{names.get(request.method, 'unknown')}_group_users", lambda: self._act(
            request, workspace
        )

    def _act(self, request: Request, workspace: str) -> Response:
        users = self.roster.workspaces.get(workspace)
        if users is None:
            return problem(404, "PowerBIEntityNotFound", "")
        if request.method == "GET":
            skip, top = int(request.query.get("$skip", "0")), int(request.query.get("$top", "5000"))
            return answer(200, {"value": [_user(*each) for each in users.items()][skip : skip + top]})
        if workspace in self.roster.locked:
            return problem(403, "Forbidden", "The caller is no administrator of the workspace.")
        told = request.json() or {}
        principal, right = told.get("identifier"), told.get("groupUserAccessRight")
        if not principal or right not in RIGHTS or told.get("principalType") != "App":
            return problem(400, "InvalidRequest", "identifier, groupUserAccessRight and principalType are needed.")
        if (principal in users) != (request.method == "PUT"):
            return problem(400, "AddingAlreadyExistsGroupUserNotSupportedError", "The user is there, or is not.")
        users[principal] = right
        return answer(200)


@dataclass(slots=True)
class RoleAssignments:
    """Fabric's side of it. An assignment's id is its principal's, with a prefix."""

    roster: Roster = field(default_factory=Roster)

    def handle(self, request: Request) -> tuple[str, Callable[[], Response]] | None:
        """The operation's name and what it does, for the paths of this service."""
        match = _ASSIGNMENTS.fullmatch(request.path)
        if match is None:
            return None
        names = {"GET": "list", "POST": "add", "PATCH": "update"}
        name = f"fabric.{names.get(request.method, 'unknown')}_role_assignments"
        return name, lambda: self._act(request, match["workspace"], match["id"])

    def _act(self, request: Request, workspace: str, assignment: str | None) -> Response:
        roles = self.roster.workspaces.get(workspace)
        if roles is None:
            return _flat(404, "WorkspaceNotFound")
        if request.method == "GET":
            return _page(roles, int(request.query.get("continuationToken", "0")))
        if workspace in self.roster.locked:
            return _flat(403, "InsufficientPrivileges")
        told = request.json() or {}
        if told.get("role") not in RIGHTS:
            return _flat(400, "InvalidParameter")
        if request.method == "PATCH":
            principal = (assignment or "").removeprefix("assignment-")
            if principal not in roles:
                return _flat(404, "EntityNotFound")
        else:
            principal = told["principal"]["id"]
            if principal in roles or told["principal"]["type"] != "ServicePrincipal":
                return _flat(409, "PrincipalAlreadyHasWorkspaceRolePermissions")
        roles[principal] = told["role"]
        return answer(200 if request.method == "PATCH" else 201, _assignment(principal, told["role"]))


def _user(principal: str, right: str) -> dict[str, Any]:
    return {"displayName": "app", "groupUserAccessRight": right, "identifier": principal, "principalType": "App"}


def _assignment(principal: str, role: str) -> dict[str, Any]:
    return {
        "id": f"assignment-{principal}",
        "principal": {"id": principal, "displayName": "app", "type": "ServicePrincipal"},
        "role": role,
    }


def _page(roles: dict[str, str], start: int) -> Response:
    end = start + FABRIC_PAGE
    body: dict[str, Any] = {"value": [_assignment(*each) for each in list(roles.items())[start:end]]}
    if end < len(roles):
        body["continuationToken"] = str(end)
    return answer(200, body)


def _flat(status: int, code: str) -> Response:
    return answer(status, {"errorCode": code, "message": "The call was refused."})
