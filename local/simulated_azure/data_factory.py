"""Data Factory behind Azure Resource Manager."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import ClassVar
from urllib.parse import unquote

from local.simulated_azure.messages import Request, Response, answer, problem
from local.simulated_azure.pipeline_api import PipelineApi
from local.simulated_azure.pipelines import Factory

API_VERSION = "2018-06-01"
_FACTORY = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)/resource[gG]roups/(?P<group>[^/]+)"
    r"/providers/Microsoft\.DataFactory/factories/(?P<factory>[^/]+)(?P<rest>/.*)?"
)


@dataclass(slots=True)
class DataFactory(PipelineApi):
    """All factories, by subscription, resource group and name (lower case)."""

    service: ClassVar[str] = "data_factory"
    accepted: ClassVar[int] = 200
    finds_failure: ClassVar[bool] = True

    factories: dict[tuple[str, str, str], Factory] = field(default_factory=dict)

    def factory(self, subscription: str, group: str, name: str) -> Factory:
        """The factory, made if it is not there."""
        return self.factories.setdefault((subscription.lower(), group.lower(), name.lower()), Factory())

    def handle(self, request: Request) -> tuple[str, Callable[[], Response]] | None:
        """The operation's name and what it does, for the paths of this service."""
        match = _FACTORY.fullmatch(request.path)
        if match is None:
            return None
        factory = self.factories.get(
            (match["subscription"].lower(), match["group"].lower(), match["factory"].lower())
        )
        parts = [unquote(part) for part in (match["rest"] or "").split("/")[1:]]
        if parts == ["providers", "Microsoft.Authorization", "permissions"]:
            return "data_factory.permissions", lambda: self._permissions(factory, request)
        operation, act = self.routed(request, factory, parts)
        action = _ACTIONS.get(operation.partition(".")[2])
        if factory is not None and action is not None and not _allows(factory, action):
            return operation, lambda: self.forbidden(request)
        if request.query.get("api-version") != API_VERSION:
            text = f"The api-version query parameter must be {API_VERSION}."
            return operation, lambda: problem(400, "MissingApiVersionParameter", text)
        return operation, act

    def _permissions(self, factory: Factory | None, request: Request) -> Response:
        if factory is None:
            return problem(404, "ResourceNotFound", "The resource is not there.")
        if request.query.get("api-version") != "2022-04-01":
            return problem(400, "InvalidApiVersionParameter", "The api-version is not known here.")
        if factory.no_role or not factory.shows_permissions:
            return self.forbidden(request)
        role = {"actions": list(factory.actions), "notActions": [], "dataActions": [], "notDataActions": []}
        return answer(200, {"value": [role]})

    def forbidden(self, request: Request) -> Response:
        text = (
            "The client 'app' with object id 'app' does not have authorization to perform action"
            f" 'Microsoft.DataFactory/factories/action' over scope '{request.path}' or the scope is invalid."
            " If access was recently granted, please refresh your credentials."
        )
        return problem(403, "AuthorizationFailed", text)

    def _route(self, request: Request, parts: list[str]) -> tuple[str, Callable[[Factory], Response]] | None:
        match request.method, parts:
            case "POST", ["pipelineruns", run_id, "queryActivityruns"]:
                return "query_activities", lambda factory: self.query_activities(factory, run_id, request)
        return PipelineApi._route(self, request, parts)  # noqa: SLF001 - super() and slots do not go together


# The action that an operation needs, where a role without it has been tried.
_ACTIONS = {
    "create_run": "Microsoft.DataFactory/factories/pipelines/createrun/action",
    "cancel_run": "Microsoft.DataFactory/factories/pipelineruns/cancel/action",
    "query_runs": "Microsoft.DataFactory/factories/querypipelineruns/action",
    "get_pipeline": "Microsoft.DataFactory/factories/pipelines/read",
    "list_pipelines": "Microsoft.DataFactory/factories/pipelines/read",
}


def _allows(factory: Factory, action: str) -> bool:
    return any(fnmatchcase(action.lower(), pattern.lower()) for pattern in factory.actions)
