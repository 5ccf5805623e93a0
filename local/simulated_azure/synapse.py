"""Synapse: each workspace's own data plane, at `https://{workspace}.dev.azuresynapse.net`.

Where one address has to do for all workspaces (a port on loopback) their names stand in the path:
`/synapse/{workspace}/…`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import unquote

from local.simulated_azure.messages import Request, Response, problem
from local.simulated_azure.pipeline_api import PipelineApi
from local.simulated_azure.pipelines import Factory

API_VERSION = "2020-12-01"
HOST_SUFFIX = ".dev.azuresynapse.net"
PATH_PREFIX = "/synapse"
_WORKSPACE = re.compile(rf"{PATH_PREFIX}/(?P<workspace>[^/]+)(?P<rest>/.*)?")


@dataclass(slots=True)
class Synapse(PipelineApi):
    """All workspaces, by name (lower case)."""

    service: ClassVar[str] = "synapse"
    accepted: ClassVar[int] = 202
    finds_failure: ClassVar[bool] = False

    workspaces: dict[str, Factory] = field(default_factory=dict)

    def workspace(self, name: str) -> Factory:
        """The workspace, made if it is not there."""
        return self.workspaces.setdefault(name.lower(), Factory())

    def handle(self, request: Request) -> tuple[str, Callable[[], Response]] | None:
        """The operation's name and what it does, for the hosts and paths of this service."""
        found = workspace_and_path(request)
        if found is None:
            return None
        workspace = self.workspaces.get(found[0].lower())
        parts = [unquote(part) for part in found[1].split("/")[1:]]
        operation, act = self.routed(request, workspace, parts)
        if request.query.get("api-version") != API_VERSION:
            text = f"The api-version query parameter must be {API_VERSION}."
            return operation, lambda: problem(400, "MissingApiVersionParameter", text)
        return operation, act

    def forbidden(self, request: Request) -> Response:
        text = f"The principal 'app' does not have the required Synapse RBAC permission for {request.path}."
        return problem(403, "AccessControlUnauthorized", text)

    def _route(self, request: Request, parts: list[str]) -> tuple[str, Callable[[Factory], Response]] | None:
        match request.method, parts:
            case "POST", ["pipelines", _, "pipelineruns", run_id, "queryActivityruns"]:
                return "query_activities", lambda workspace: self.query_activities(workspace, run_id, request)
        return PipelineApi._route(self, request, parts)  # noqa: SLF001 - super() and slots do not go together


def workspace_and_path(request: Request) -> tuple[str, str] | None:
    """The workspace that a request is for, and the path as the service's documents know it."""
    host = request.headers.get("host", "").split(":")[0]
    if host.endswith(HOST_SUFFIX):
        return host.removesuffix(HOST_SUFFIX), request.path
    match = _WORKSPACE.fullmatch(request.path)
    return None if match is None else (match["workspace"], match["rest"] or "")
