"""Power BI: semantic models that refresh one at a time, and their histories."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from local.simulated_azure.dataflows import Dataflows
from local.simulated_azure.faults import Faults
from local.simulated_azure.messages import Request, Response, answer, problem, short_time

_PATH = re.compile(r"/v1\.0/myorg/groups/(?P<group>[^/]+)(?P<rest>/.*)?")
SHARED_CAPACITY_A_DAY = 8


@dataclass(slots=True)
class Dataset:
    """A semantic model. `fails`: the error code with which its refreshes end; `conflict`: the answer when busy."""

    id: str
    name: str
    seconds: float = 5.0
    premium: bool = True
    fails: str | None = None
    conflict: int = 400
    refreshable: bool = True
    refreshes: list[Refresh] = field(default_factory=list)


@dataclass(slots=True)
class Refresh:
    """One refresh. What it shows depends on the time."""

    id: str
    kind: str  # ViaApi, ViaEnhancedApi, Scheduled, OnDemand
    started_at: datetime
    ends_at: datetime
    outcome: str
    body: dict[str, Any]
    visible_at: datetime
    cancelled_at: datetime | None = None
    error: str | None = None

    def status(self, now: datetime) -> str:
        if self.cancelled_at is not None and self.cancelled_at < self.ends_at and now >= self.cancelled_at:
            return "Cancelled"
        return self.outcome if now >= self.ends_at else "Unknown"

    def ended_at(self) -> datetime:
        return min(self.ends_at, self.cancelled_at or self.ends_at)


@dataclass(slots=True)
class PowerBi:
    """All workspaces and their semantic models."""

    clock: Callable[[], datetime]
    fresh_id: Callable[[], str]
    faults: Faults
    workspaces: dict[str, dict[str, Dataset]] = field(default_factory=dict)
    tenant_allows: bool = True  # the tenant setting for service principals
    viewing: set[str] = field(default_factory=set)  # workspaces where the caller may only look
    dataflows: Dataflows = field(init=False)

    def __post_init__(self) -> None:
        self.dataflows = Dataflows(self.clock, self.fresh_id, self.faults)

    def dataset(self, workspace: str, dataset: Dataset) -> Dataset:
        """Declares a semantic model."""
        self.workspaces.setdefault(workspace, {})[dataset.id] = dataset
        return dataset

    def handle(self, request: Request) -> tuple[str, Callable[[], Response]] | None:
        """The operation's name and what it does, for the paths of this service."""
        match = _PATH.fullmatch(request.path)
        if match is None:
            return None
        if not self.tenant_allows:
            return "power_bi.shut", _not_authorized
        models = self.workspaces.get(match["group"])
        parts = (match["rest"] or "").split("/")[1:]
        if not parts:
            body = {"id": match["group"], "isReadOnly": False, "isOnDedicatedCapacity": True, "name": "Workspace"}
            return "power_bi.get_group", lambda: _not_found("group") if models is None else answer(200, body)
        if parts[0] == "dataflows":
            return self.dataflows.handle(request, match["group"], "/".join(parts[1:]))
        if parts == ["datasets"]:
            shown = [_dataset_view(model) for model in (models or {}).values()]
            return "power_bi.list_datasets", lambda: answer(200, {"value": shown})
        dataset = (models or {}).get(parts[1]) if parts[0] == "datasets" else None
        operation, act = self._route(request, match["group"], dataset, parts[2:])
        if dataset is None:
            return operation, lambda: _not_found("dataset")
        if match["group"] in self.viewing and request.method != "GET":
            return operation, lambda: problem(403, "Forbidden", "The caller may only look.")
        return operation, act

    def begin(self, dataset: Dataset, kind: str, body: dict[str, Any] | None = None) -> Refresh:
        """A refresh, as the API (ViaApi, ViaEnhancedApi) or somebody else (Scheduled, OnDemand) starts it."""
        now = self.clock()
        refresh = Refresh(
            id=self.fresh_id(),
            kind=kind,
            started_at=now,
            ends_at=now + timedelta(seconds=dataset.seconds),
            outcome="Failed" if dataset.fails else "Completed",
            body=body or {},
            visible_at=now + self.faults.hidden_for("power_bi.refresh"),
            error=dataset.fails,
        )
        dataset.refreshes.insert(0, refresh)
        return refresh

    def _route(
        self, request: Request, group: str, dataset: Dataset | None, rest: list[str]
    ) -> tuple[str, Callable[[], Response]]:
        model = dataset or Dataset(id="", name="")
        match request.method, rest:
            case "POST", ["refreshes"]:
                return "power_bi.refresh", lambda: self._refresh(group, model, request)
            case "GET", ["refreshes"]:
                return "power_bi.history", lambda: self._history(model, request)
            case "GET", ["refreshes", refresh_id]:
                return "power_bi.get_refresh", lambda: self._details(model, refresh_id)
            case "DELETE", ["refreshes", refresh_id]:
                return "power_bi.cancel_refresh", lambda: self._cancel(model, refresh_id)
            case "GET", []:
                return "power_bi.get_dataset", lambda: answer(200, _dataset_view(model))
        return "power_bi.unknown", lambda: _not_found("operation")

    def _refresh(self, group: str, model: Dataset, request: Request) -> Response:
        try:
            body = request.json() or {}
        except ValueError:
            return problem(400, "InvalidRequest", "The body is no JSON.")
        enhanced = bool(set(body) - {"notifyOption"})
        now = self.clock()
        if enhanced and not model.premium:
            return problem(400, "InvalidRequest", "Enhanced refresh is not available on a shared capacity.")
        lately = [r for r in model.refreshes if r.started_at > now - timedelta(days=1)]
        if not model.premium and len(lately) >= SHARED_CAPACITY_A_DAY:
            text = "Invalid dataset refresh request. Number of refresh requests in last 24 hours exceeded limit"
            return problem(400, "InvalidRequest", text)
        if any(refresh.status(now) == "Unknown" for refresh in model.refreshes):
            text = "Invalid dataset refresh request. Another refresh request is already executing"
            return problem(model.conflict, "InvalidRequest", text)
        refresh = self.begin(model, "ViaEnhancedApi" if enhanced else "ViaApi", body)
        if not enhanced:
            return answer(202, RequestId=refresh.id)
        host = request.headers.get("host", "api.powerbi.com")
        location = f"https://{host}/v1.0/myorg/groups/{group}/datasets/{model.id}/refreshes/{refresh.id}"
        return answer(202, x_ms_request_id=refresh.id, Location=location)

    def _history(self, model: Dataset, request: Request) -> Response:
        top = request.query.get("$top", "60")
        if not top.isdecimal() or int(top) < 1:
            return problem(400, "InvalidRequest", "$top must be 1 or more.")
        now = self.clock()
        shown = [refresh for refresh in model.refreshes if refresh.visible_at <= now][: min(int(top), 60)]
        return answer(200, {"value": [self._entry(refresh, now) for refresh in shown]})

    def _entry(self, refresh: Refresh, now: datetime) -> dict[str, Any]:
        status = refresh.status(now)
        entry: dict[str, Any] = {
            "requestId": refresh.id,
            "refreshType": refresh.kind,
            "startTime": short_time(refresh.started_at),
            "status": status,
        }
        if status != "Unknown":
            entry["endTime"] = short_time(refresh.ended_at())
        if status == "Failed":
            entry["serviceExceptionJson"] = json.dumps({"errorCode": refresh.error})
        if self.faults.no_status("power_bi.history"):
            del entry["status"]
        return entry

    def _details(self, model: Dataset, refresh_id: str) -> Response:
        refresh = next((r for r in model.refreshes if r.id == refresh_id and r.kind == "ViaEnhancedApi"), None)
        now = self.clock()
        if refresh is None or refresh.visible_at > now:
            return _not_found("refresh")
        status = refresh.status(now)
        body: dict[str, Any] = {
            "startTime": short_time(refresh.started_at, zone=""),
            "type": refresh.body.get("type", "Automatic"),
            "commitMode": refresh.body.get("commitMode", "Transactional"),
            "status": "Failed" if status == "TimedOut" else status,  # the older field has no such word
            "extendedStatus": "InProgress" if status == "Unknown" else status,
            "currentRefreshType": refresh.body.get("type", "Automatic"),
            "numberOfAttempts": 0,
        }
        if status == "Unknown":
            return answer(202, body)
        body["endTime"] = short_time(refresh.ended_at(), zone="")
        if status == "Failed":
            code = refresh.error or "ModelRefreshFailed"
            body["messages"] = [{"code": code, "message": f"The refresh failed: {code}", "type": "Error"}]
        return answer(200, body)

    def _cancel(self, model: Dataset, refresh_id: str) -> Response:
        refresh = next((r for r in model.refreshes if r.id == refresh_id and r.kind == "ViaEnhancedApi"), None)
        if refresh is None:
            return _not_found("refresh")
        if refresh.status(self.clock()) != "Unknown":
            return problem(400, "InvalidRequest", "The refresh is over.")
        refresh.cancelled_at = self.clock()
        return answer(200)


def _dataset_view(model: Dataset) -> dict[str, Any]:
    return {
        "id": model.id,
        "name": model.name,
        "isRefreshable": model.refreshable,
        "isOnPremGatewayRequired": False,
    }


def _not_authorized() -> Response:
    inner = {"code": "PowerBINotAuthorizedException", "parameters": {}, "details": [], "exceptionCulprit": 1}
    return answer(401, {"error": {"code": "PowerBINotAuthorizedException", "pbi.error": inner}})


def _not_found(what: str) -> Response:
    return problem(404, "PowerBIEntityNotFound", f"The {what} was not found, or you have no access to it.")
