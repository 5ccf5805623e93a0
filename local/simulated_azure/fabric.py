"""Fabric's job scheduler: workspaces with items whose jobs are run, listed, read and cancelled."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote

from local.simulated_azure.fabric_items import (
    FINAL,
    JOB_TYPES,
    Instance,
    Item,
    Workspace,
    body_problem,
    instance_view,
    item_view,
    refusal,
)
from local.simulated_azure.faults import Faults
from local.simulated_azure.messages import Request, Response, answer

_PATH = re.compile(r"/v1/workspaces/(?P<workspace>[^/]+)(?P<rest>/.*)?")
KEPT_ENDED = 100
PAGE = 50

Act = Callable[[Workspace, Item], Response]


@dataclass(slots=True)
class Fabric:
    """All workspaces by id. `names_jobs`: whether a start's Location holds the new id; the service does both."""

    clock: Callable[[], datetime]
    fresh_id: Callable[[], str]
    faults: Faults
    workspaces: dict[str, Workspace] = field(default_factory=dict)
    names_jobs: bool = True
    location_host: str = ""  # other than the one that was called
    retry_after_seconds: int = 60
    last_started: str = ""
    tenant_allows: bool = True  # the tenant setting for service principals

    def workspace(self, key: str) -> Workspace:
        """The workspace, made if it is not there."""
        return self.workspaces.setdefault(key.lower(), Workspace())

    def item(self, workspace: str, item: Item) -> Item:
        """Declares an item."""
        self.workspace(workspace).items[item.id] = item
        return item

    def begin(
        self, item: Item, job_type: str, invoke_type: str, body: Mapping[str, Any] | None = None
    ) -> Instance:
        """A job, as the API (Manual) or a schedule (Scheduled) starts it."""
        now = self.clock()
        busy = any(other.job_type == job_type and other.status(now) not in FINAL for other in item.instances)
        skipped = item.dedupes and busy  # it is listed, and does no work
        begins = now + timedelta(seconds=0 if skipped else item.queued_seconds)
        instance = Instance(
            id=self.fresh_id(),
            job_type=job_type,
            invoke_type=invoke_type,
            body=body or {},
            created_at=now,
            begins_at=begins,
            ends_at=begins + timedelta(seconds=0 if skipped else item.seconds),
            outcome="Deduped" if skipped else "Failed" if item.fails else "Completed",
            visible_at=now + self.faults.hidden_for("fabric.run"),
            activity=self.fresh_id(),
        )
        item.instances.insert(0, instance)
        return instance

    def handle(self, request: Request) -> tuple[str, Callable[[], Response]] | None:
        """The operation's name and what it does, for the paths of this service."""
        if request.path == "/v1/workspaces" and request.method == "GET":
            return "fabric.workspaces", lambda: self._shut() or self._workspaces(request)
        match = _PATH.fullmatch(request.path)
        if match is None:
            return None
        key = match["workspace"]
        workspace = self.workspaces.get(key.lower())
        parts = [unquote(part) for part in (match["rest"] or "").split("/")[1:]]
        operation, act = self._route(request, key, parts)
        if not self.tenant_allows:
            return operation, lambda: self._shut() or act(Workspace())
        if workspace is None or workspace.role is None:
            return operation, lambda: refusal(403, "InsufficientPrivileges", f"No access to workspace {key}.")
        if workspace.role == "Viewer" and operation in ("fabric.run", "fabric.cancel"):
            text = "The caller does not have sufficient permissions to run job instance."
            return operation, lambda: refusal(403, "InsufficientPrivileges", text)
        return operation, lambda: act(workspace)

    def _route(self, request: Request, key: str, parts: list[str]) -> tuple[str, Callable[[Workspace], Response]]:
        match request.method, parts:
            case "GET", ["items"]:
                return "fabric.items", lambda workspace: _items(workspace, key, request)
            case _, ["items" | "notebooks", item, *rest]:
                operation, act = self._item_route(request, key, [parts[0], *rest])
                return operation, lambda workspace: _on_item(workspace, item, act)
        return "fabric.unknown", lambda _: refusal(404, "EndpointNotFound", "There is no such operation.")

    def _shut(self) -> Response | None:
        """The answer to a service principal that the tenant lets nowhere."""
        text = "The caller is not authenticated to access this resource"
        return None if self.tenant_allows else refusal(401, "Unauthorized", text)

    def _workspaces(self, request: Request) -> Response:
        roles = request.query.get("roles", "Admin,Member,Contributor,Viewer").split(",")
        shown = [
            {"id": key, "displayName": workspace.name, "description": "", "type": "Workspace"}
            for key, workspace in self.workspaces.items()
            if workspace.role in roles
        ]
        return _page(shown, request)

    def _item_route(self, request: Request, key: str, parts: list[str]) -> tuple[str, Act]:
        match request.method, parts:
            case "GET", ["items"]:
                return "fabric.item", lambda _, item: answer(200, item_view(key, item))
            case "POST", ["items", "jobs", job_type, "instances"]:
                return "fabric.run", lambda workspace, item: self._run(workspace, item, key, job_type, request)
            case "POST", ["items", "jobs", "instances"]:  # the older form
                job_type = request.query.get("jobType", "")
                return "fabric.run", lambda workspace, item: self._run(workspace, item, key, job_type, request)
            case "GET", ["items", "jobs", "instances"]:
                return "fabric.list", lambda _, item: self._list(item, request)
            case "GET", ["items", "jobs", "instances", instance]:
                return "fabric.instance", lambda _, item: self._instance(item, instance)
            case "POST", ["items", "jobs", "instances", instance, "cancel"]:
                return "fabric.cancel", lambda _, item: self._cancel(item, key, instance, request)
            case "GET", ["notebooks", "jobs", "execute", "instances", instance]:
                return "fabric.notebook_instance", lambda _, item: self._notebook(item, instance, request)
        return "fabric.unknown", lambda *_: refusal(404, "EndpointNotFound", "There is no such operation.")

    def _run(self, workspace: Workspace, item: Item, key: str, job_type: str, request: Request) -> Response:
        now = self.clock()
        if job_type not in JOB_TYPES.get(item.type, ()):
            return refusal(400, "InvalidJobType", f"The job type {job_type} is invalid for a {item.type}.")
        try:
            body = request.json()
        except ValueError:
            return refusal(400, "InvalidInput", "The body is no JSON.")
        wrong = body_problem(job_type, {} if body is None else body)
        if wrong is not None:
            return refusal(400, *wrong)
        if workspace.paused:
            return refusal(400, "CapacityNotActive", "The capacity of the workspace is paused.")
        active = [i for other in workspace.items.values() for i in other.instances if i.status(now) not in FINAL]
        if len(active) >= workspace.most_active:
            text = "The caller requests too many on-demand job requests."
            return refusal(429, "TooManyRequestsForJobs", text, Retry_After="30")
        if not (self.faults.same_id("fabric.run") and self.last_started):
            self.last_started = self.begin(item, job_type, "Manual", body).id
        ending = f"/{self.last_started}" if self.names_jobs else f"?jobType={quote(job_type)}"
        return self._accepted(f"workspaces/{key}/items/{item.id}/jobs/instances{ending}", request)

    def _accepted(self, path: str, request: Request) -> Response:
        host = self.location_host or request.headers.get("host", "api.fabric.microsoft.com")
        return answer(202, Location=f"https://{host}/v1/{path}", Retry_After=str(self.retry_after_seconds))

    def _list(self, item: Item, request: Request) -> Response:
        now = self.clock()
        shown = [instance for instance in item.instances if instance.visible_at <= now]
        ended = [instance.id for instance in shown if instance.status(now) in FINAL][KEPT_ENDED:]
        views = [instance_view(item, instance, now) for instance in shown if instance.id not in ended]
        if self.faults.no_status("fabric.list"):
            views = [{name: value for name, value in view.items() if name != "status"} for view in views]
        return _page(views, request)

    def _instance(self, item: Item, instance_id: str) -> Response:
        instance, now = self._find(item, instance_id), self.clock()
        if instance is None:
            return _not_found()
        view = instance_view(item, instance, now)
        if instance.job_type == "RunNotebook" and view["status"] == "Completed" and item.exit_value is not None:
            view["exitValue"] = item.exit_value
        return answer(200, view, Retry_After=str(self.retry_after_seconds))

    def _notebook(self, item: Item, instance_id: str, request: Request) -> Response:
        instance, now = self._find(item, instance_id), self.clock()
        if instance is None or item.type != "Notebook" or request.query.get("beta", "").lower() != "true":
            return _not_found()
        view = instance_view(item, instance, now)
        view["properties"] = {"compute": "Jupyter", "computeDetails": {"activityId": instance.activity}}
        if view["status"] == "Completed" and item.exit_value is not None:
            view["properties"]["exitValue"] = item.exit_value
        return answer(200, view, Retry_After=str(self.retry_after_seconds))

    def _cancel(self, item: Item, key: str, instance_id: str, request: Request) -> Response:
        instance = self._find(item, instance_id)
        if instance is None:
            return _not_found()
        if instance.status(self.clock()) in FINAL:
            return refusal(400, "JobAlreadyCompleted", "The job instance run has completed.")
        instance.cancelled_at = instance.cancelled_at or self.clock()
        return self._accepted(f"workspaces/{key}/items/{item.id}/jobs/instances/{instance.id}", request)

    def _find(self, item: Item, instance_id: str) -> Instance | None:
        now = self.clock()
        return next((i for i in item.instances if i.id == instance_id and i.visible_at <= now), None)


def _on_item(workspace: Workspace, item_id: str, act: Act) -> Response:
    item = workspace.items.get(item_id.lower())
    return _not_found() if item is None else act(workspace, item)


def _items(workspace: Workspace, key: str, request: Request) -> Response:
    kind = request.query.get("type")
    return _page([item_view(key, i) for i in workspace.items.values() if kind in (None, i.type)], request)


def _page(views: Sequence[Mapping[str, Any]], request: Request) -> Response:
    """One page, and where the next one is. The token is shown with its escapes, as in the service's examples."""
    try:
        start = int(base64.b64decode(request.query.get("continuationToken") or "MA==", validate=True))
    except ValueError:
        return refusal(400, "InvalidContinuationToken", "The continuation token is invalid.")
    body: dict[str, Any] = {"value": views[start : start + PAGE]}
    if start + PAGE < len(views):
        body["continuationToken"] = quote(base64.b64encode(str(start + PAGE).encode()), safe="")
        query = "&".join(
            [f"{name}={quote(value)}" for name, value in request.query.items() if name != "continuationToken"]
            + [f"continuationToken={body['continuationToken']}"]
        )
        body["continuationUri"] = f"https://{request.headers.get('host', 'localhost')}{request.path}?{query}"
    return answer(200, body)


def _not_found() -> Response:
    return refusal(404, "ItemNotFound", "Requested item id not found.")
