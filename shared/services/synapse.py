"""Synapse: the pipelines of a workspace, through its own data plane.

Facts: the service's REST documents (api-version 2020-12-01). The requests are made by hand: Azure's client for
it takes only one of the two statuses with which a start is answered (decision 16).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import requests

from shared.core.definition import Connection
from shared.services.answers import bad_answer, no_answer
from shared.services.pipelines import Continued, PipelineService, nonsense, too_late
from shared.services.reach import CONNECT_SECONDS, READ_SECONDS, Reach
from shared.services.wire import text_of

API_VERSION = "2020-12-01"

_REMEDY = (
    "Give the identity Synapse roles (not Azure roles) at workspace {}: Synapse Monitoring Operator to read"
    " pipelines and watch runs, Synapse Compute Operator to cancel them, and Synapse Credential User on the"
    " credential WorkspaceSystemIdentity to start them (Synapse Studio, Manage, Access control)."
)


class Synapse(PipelineService):
    """One workspace, as one identity sees it."""

    def __init__(self, connection: Connection, reach: Reach) -> None:
        super().__init__(connection, WorkspaceCalls(connection, reach), reach.clock)


class WorkspaceCalls:
    """A workspace's operations, each one request."""

    finds_failure = False

    def __init__(self, connection: Connection, reach: Reach) -> None:
        self._connection = connection
        self._reach = reach
        self.where = f"workspace {connection.workspace}"

    def create_run(
        self,
        pipeline: str,
        parameters: Mapping[str, Any],
        continued: Continued | None,
        send_before: Callable[[], bool],
    ) -> Mapping[str, Any]:
        query, body = {}, dict(parameters) or None
        if continued is not None:  # the service then takes the earlier run's parameters, and no body
            query, body = {"referencePipelineRunId": continued.run_id, "isRecovery": "true"}, None
            if continued.start_activity is not None:
                query["startActivityName"] = continued.start_activity
        path = f"pipelines/{quote(pipeline, safe='')}/createRun"
        what = f"starting pipeline {pipeline!r}"
        return self._send("POST", path, what, query=query, body=body, send_before=send_before)

    def get_run(self, run_id: str) -> Mapping[str, Any]:
        return self._send("GET", f"pipelineruns/{quote(run_id, safe='')}", f"reading run {run_id}")

    def query_runs(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._send("POST", "queryPipelineRuns", "querying pipeline runs", body=body)

    def query_activities(
        self, pipeline: str, run_id: str, body: Mapping[str, Any], *, seconds: float
    ) -> Mapping[str, Any]:
        path = f"pipelines/{quote(pipeline, safe='')}/pipelineruns/{quote(run_id, safe='')}/queryActivityruns"
        return self._send("POST", path, f"querying activities of run {run_id}", body=body, seconds=seconds)

    def cancel_run(self, run_id: str) -> None:
        path = f"pipelineruns/{quote(run_id, safe='')}/cancel"
        self._send("POST", path, f"cancelling run {run_id}", query={"isRecursive": "true"})

    def get_pipeline(self, pipeline: str) -> Mapping[str, Any]:
        return self._send("GET", f"pipelines/{quote(pipeline, safe='')}", f"reading pipeline {pipeline!r}")

    def pipeline_names(self) -> Sequence[str]:
        """Of the first page: enough to find the nearest."""
        told = self._send("GET", "pipelines", "listing pipelines").get("value")
        entries = [each for each in told if isinstance(each, dict)] if isinstance(told, list) else []
        return [name for each in entries if (name := text_of(each.get("name")))]

    def link(self, run_id: str) -> str:
        """The portal finds a workspace by its whole resource id; without that it asks which one is meant."""
        known, portal = self._connection, self._reach.settings.synapse_portal
        link = f"{portal}/en/monitoring/pipelineruns/{quote(run_id, safe='')}"
        if known.subscription is None or known.resource_group is None:
            return link
        resource = (
            f"/subscriptions/{known.subscription}/resourceGroups/{known.resource_group}"
            f"/providers/Microsoft.Synapse/workspaces/{known.workspace}"
        )
        return f"{link}?workspace={quote(resource, safe='')}"

    def _send(
        self,
        method: str,
        path: str,
        what: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        seconds: float = READ_SECONDS,
        send_before: Callable[[], bool] | None = None,
    ) -> Mapping[str, Any]:
        """The answer's JSON object, empty for an empty body. `send_before` is given by starts only."""
        starting = send_before is not None
        told = f"{what} at {self._connection.name} ({self._connection.workspace})"
        settings = self._reach.settings
        endpoint = settings.synapse_endpoint.replace("{workspace}", self._connection.workspace or "")
        bearer = self._reach.identities.of(self._connection.credential).bearer(settings.synapse_scope)
        if send_before is not None and not send_before():
            raise too_late()
        try:
            answer = self._reach.session.request(
                method,
                f"{endpoint}/{path}",
                params={"api-version": API_VERSION, **(query or {})},
                json=body,
                headers={"Authorization": bearer},
                timeout=(CONNECT_SECONDS, seconds),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise no_answer(told, error, starting=starting) from error
        remedy = _REMEDY.format(self._connection.workspace) if answer.status_code in (401, 403) else ""
        return _object(answer, told, starting=starting, remedy=remedy)


def _object(answer: requests.Response, told: str, *, starting: bool, remedy: str) -> Mapping[str, Any]:
    if not 200 <= answer.status_code < 300:
        raise bad_answer(told, answer.status_code, answer.headers, answer.text, starting=starting, remedy=remedy)
    if not answer.content.strip():
        return {}
    try:
        made = answer.json()
    except ValueError as error:
        raise nonsense(told, starting=starting) from error
    if not isinstance(made, dict):
        raise nonsense(told, starting=starting)
    return made
