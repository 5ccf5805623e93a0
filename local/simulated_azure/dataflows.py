"""Power BI's dataflows: refreshes without an id, and the transactions that show them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from local.simulated_azure.faults import Faults
from local.simulated_azure.messages import Request, Response, answer, long_time, problem

_CANCEL = re.compile(r"transactions/(?P<id>[^/]+)/cancel")


@dataclass(slots=True)
class Dataflow:
    """A dataflow. `outcome`: the status with which its refreshes end."""

    id: str
    name: str
    seconds: float = 5.0
    outcome: str = "Success"
    transactions: list[Transaction] = field(default_factory=list)


@dataclass(slots=True)
class Transaction:
    """One refresh. What it shows depends on the time."""

    id: str
    kind: str  # OnDemand, Scheduled
    started_at: datetime
    ends_at: datetime
    outcome: str
    visible_at: datetime
    cancelled_at: datetime | None = None

    def status(self, now: datetime) -> str:
        if self.cancelled_at is not None and now >= self.cancelled_at:
            return "Cancelled"
        return self.outcome if now >= self.ends_at else "InProgress"

    def ended_at(self) -> datetime:
        return min(self.ends_at, self.cancelled_at or self.ends_at)

    def view(self, now: datetime) -> dict[str, Any]:
        shown = {"id": self.id, "refreshType": self.kind, "startTime": long_time(self.started_at)}
        status = self.status(now)
        if status != "InProgress":
            shown["endTime"] = long_time(self.ended_at())
        return {**shown, "status": status}


@dataclass(slots=True)
class Dataflows:
    """The dataflows of all workspaces."""

    clock: Callable[[], datetime]
    fresh_id: Callable[[], str]
    faults: Faults
    workspaces: dict[str, dict[str, Dataflow]] = field(default_factory=dict)

    def dataflow(self, workspace: str, dataflow: Dataflow) -> Dataflow:
        """Declares a dataflow."""
        self.workspaces.setdefault(workspace, {})[dataflow.id] = dataflow
        return dataflow

    def handle(self, request: Request, group: str, rest: str) -> tuple[str, Callable[[], Response]]:
        """The operation for a path below a workspace's `dataflows`."""
        flows = self.workspaces.get(group, {})
        if request.method == "GET" and not rest:
            shown = [{"objectId": flow.id, "name": flow.name} for flow in flows.values()]
            return "power_bi.list_dataflows", lambda: answer(200, {"value": shown})
        cancelled = _CANCEL.fullmatch(rest)
        if request.method == "POST" and cancelled is not None:
            return "power_bi.cancel_transaction", lambda: self._cancel(flows, cancelled["id"])
        dataflow_id, _, action = rest.partition("/")
        flow = flows.get(dataflow_id)
        match request.method, action:
            case "POST", "refreshes":
                return "power_bi.refresh_dataflow", lambda: self._refresh(flow)
            case "GET", "transactions":
                return "power_bi.transactions", lambda: self._transactions(flow)
        return "power_bi.unknown", _not_found

    def begin(self, flow: Dataflow, kind: str = "OnDemand") -> Transaction:
        """A refresh, as the API or somebody in the portal (OnDemand) or a schedule (Scheduled) starts it."""
        now = self.clock()
        made = Transaction(
            id=f"{long_time(now)}@{self.fresh_id()}${len(flow.transactions) + 1}",
            kind=kind,
            started_at=now,
            ends_at=now + timedelta(seconds=flow.seconds),
            outcome=flow.outcome,
            visible_at=now + self.faults.hidden_for("power_bi.refresh_dataflow"),
        )
        flow.transactions.insert(0, made)
        return made

    def _refresh(self, flow: Dataflow | None) -> Response:
        if flow is None:
            return _not_found()
        self.begin(flow)
        return answer(200)

    def _transactions(self, flow: Dataflow | None) -> Response:
        if flow is None:
            return _not_found()
        now = self.clock()
        shown = [made.view(now) for made in flow.transactions if made.visible_at <= now]
        return answer(200, {"value": shown})

    def _cancel(self, flows: dict[str, Dataflow], transaction_id: str) -> Response:
        found = [made for flow in flows.values() for made in flow.transactions if made.id == transaction_id]
        status = "notFound"
        if found:
            status = "successfullyMarked"
            if found[0].status(self.clock()) != "InProgress":
                status = "alreadyConcluded"
            else:
                found[0].cancelled_at = self.clock()
        return answer(200, {"transactionId": transaction_id, "status": status})


def _not_found() -> Response:
    return problem(404, "PowerBIEntityNotFound", "The dataflow was not found, or you have no access to it.")
