"""Data Factory behind Azure Resource Manager: pipelines that take their time, and their runs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

from local.simulated_azure.faults import Faults
from local.simulated_azure.messages import Request, Response, answer, long_time, parsed_time, problem
from local.simulated_azure.pipelines import FINAL, Factory, Pipeline, PipelineRun

API_VERSION = "2018-06-01"
PAGE_RUNS = 100
MOST_RESTS = 100
_FACTORY = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)/resource[gG]roups/(?P<group>[^/]+)"
    r"/providers/Microsoft\.DataFactory/factories/(?P<factory>[^/]+)(?P<rest>/.*)?"
)


@dataclass(slots=True)
class DataFactory:
    """All factories, by subscription, resource group and name (lower case)."""

    clock: Callable[[], datetime]
    fresh_id: Callable[[], str]
    faults: Faults
    factories: dict[tuple[str, str, str], Factory] = field(default_factory=dict)
    last_started: str = ""
    _rests: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # of queries, by continuation token
    _last_token: int = 0

    def factory(self, subscription: str, group: str, name: str) -> Factory:
        """The factory, made if it is not there."""
        return self.factories.setdefault((subscription.lower(), group.lower(), name.lower()), Factory())

    def handle(self, request: Request) -> tuple[str, Callable[[], Response]] | None:
        """The operation's name and what it does, for the paths of this service."""
        match = _FACTORY.fullmatch(request.path)
        if match is None:
            return None
        key = (match["subscription"].lower(), match["group"].lower(), match["factory"].lower())
        operation, act = self._route(
            request, key, [unquote(part) for part in (match["rest"] or "").split("/")[1:]]
        )
        if request.query.get("api-version") != API_VERSION:
            text = f"The api-version query parameter must be {API_VERSION}."
            return operation, lambda: problem(400, "MissingApiVersionParameter", text)
        return operation, act

    def start(
        self, factory: Factory, pipeline: Pipeline, parameters: Mapping[str, Any], by: str = "Manual"
    ) -> PipelineRun:
        """A run as a caller (Manual) or a trigger (its name) starts it."""
        now = self.clock()
        run_id = self.fresh_id()
        begins = now + timedelta(seconds=pipeline.queued_seconds)
        said = {name: value for name, value in pipeline.parameters.items() if value is not None} | dict(parameters)
        kind = "Manual" if by == "Manual" else "ScheduleTrigger"
        run = PipelineRun(
            id=run_id,
            pipeline=pipeline.name,
            parameters={name: _as_text(value) for name, value in said.items()},
            invoked_by={"id": self.fresh_id().replace("-", ""), "name": by, "invokedByType": kind},
            created_at=now,
            begins_at=begins,
            ends_at=begins + timedelta(seconds=pipeline.seconds),
            outcome="Failed" if pipeline.fails else "Succeeded",
            message=f"Operation on target Copy failed: {pipeline.fails}" if pipeline.fails else "",
            returns=None if pipeline.fails else pipeline.returns,
            visible_at=now + self.faults.hidden_for("data_factory.create_run"),
            group=run_id,
        )
        factory.runs[run_id] = run
        factory.latest[run_id] = run_id
        return run

    def _route(
        self, request: Request, key: tuple[str, str, str], parts: list[str]
    ) -> tuple[str, Callable[[], Response]]:
        match request.method, parts:
            case "POST", ["pipelines", name, "createRun"]:
                return "data_factory.create_run", lambda: self._in(
                    key, lambda f: self._create_run(f, name, request)
                )
            case "GET", ["pipelines", name]:
                return "data_factory.get_pipeline", lambda: self._in(key, lambda f: _get_pipeline(f, name))
            case "GET", ["pipelines"]:
                return "data_factory.list_pipelines", lambda: self._in(key, _list_pipelines)
            case "POST", ["queryPipelineRuns"]:
                return "data_factory.query_runs", lambda: self._in(key, lambda f: self._query(f, request))
            case "GET", ["pipelineruns", run_id]:
                return "data_factory.get_run", lambda: self._in(key, lambda f: self._get_run(f, run_id))
            case "POST", ["pipelineruns", run_id, "cancel"]:
                return "data_factory.cancel_run", lambda: self._in(key, lambda f: self._cancel(f, run_id))
            case "POST", ["pipelineruns", run_id, "queryActivityruns"]:
                return "data_factory.query_activities", lambda: self._in(
                    key, lambda f: self._activities(f, run_id)
                )
        return "data_factory.unknown", lambda: problem(404, "NotFound", "There is no such operation.")

    def _in(self, key: tuple[str, str, str], act: Callable[[Factory], Response]) -> Response:
        factory = self.factories.get(key)
        if factory is None:
            text = f"The Resource 'factories/{key[2]}' under resource group '{key[1]}' was not found."
            return problem(404, "ResourceNotFound", text)
        return act(factory)

    def _create_run(self, factory: Factory, name: str, request: Request) -> Response:
        pipeline = factory.pipelines.get(name)
        if pipeline is None:
            return problem(404, "PipelineNotFound", f"Pipeline {name} does not exist.")
        try:
            said = request.json() or {}
        except ValueError:
            return problem(400, "BadRequest", "The body is no JSON.")
        reference = request.query.get("referencePipelineRunId")
        if reference is not None and reference not in factory.runs:
            text = f"Referenced pipeline run id {reference} is not a valid run id."
            return problem(400, "ReferencedPipelineRunNotValid", text)
        missing = [n for n, default in pipeline.parameters.items() if default is None and n not in said]
        if missing and reference is None:
            text = f"ErrorCode=InvalidTemplate, ErrorMessage=The value of parameter '{missing[0]}' is missing."
            return problem(400, "BadRequest", text)
        if self.faults.same_id("data_factory.create_run") and self.last_started in factory.runs:
            return answer(200, {"runId": self.last_started})
        if reference is not None:
            said = dict(factory.runs[reference].parameters)
        run = self.start(factory, pipeline, said)
        if reference is not None and request.query.get("isRecovery", "").lower() == "true":
            run.group = factory.runs[reference].group
            factory.latest[run.group] = run.id
        self.last_started = run.id
        return answer(200, {"runId": run.id}, x_ms_ratelimit_remaining_subscription_writes="1190")

    def _get_run(self, factory: Factory, run_id: str) -> Response:
        run = factory.runs.get(run_id)
        if run is None or run.visible_at > self.clock():
            return problem(404, "NotFound", f"Pipeline run {run_id} was not found.")
        return answer(200, self._wire(factory, run), x_ms_ratelimit_remaining_subscription_reads="11998")

    def _query(self, factory: Factory, request: Request) -> Response:
        try:
            told = request.json() or {}
            after, before = parsed_time(told["lastUpdatedAfter"]), parsed_time(told["lastUpdatedBefore"])
        except (ValueError, KeyError, TypeError, AttributeError):
            return problem(400, "BadRequest", "lastUpdatedAfter and lastUpdatedBefore are needed.")
        token = told.get("continuationToken")
        found = self._found(factory, told, after, before) if token is None else self._rests.pop(token, None)
        if found is None:
            return problem(400, "BadRequest", "The continuation token is not valid.")
        body: dict[str, Any] = {"value": found[:PAGE_RUNS]}
        if len(found) > PAGE_RUNS:
            body["continuationToken"] = self._kept(found[PAGE_RUNS:])
        return answer(200, body, x_ms_ratelimit_remaining_subscription_reads="11997")

    def _kept(self, rest: list[dict[str, Any]]) -> str:
        if len(self._rests) >= MOST_RESTS:
            del self._rests[next(iter(self._rests))]  # its client has gone away
        self._last_token += 1
        self._rests[str(self._last_token)] = rest
        return str(self._last_token)

    def _found(
        self, factory: Factory, told: Mapping[str, Any], after: datetime, before: datetime
    ) -> list[dict[str, Any]]:
        """All that a query finds, as it is now: its pages are cut from that."""
        now = self.clock()
        found = [
            self._wire(factory, run)
            for run in factory.runs.values()
            if run.visible_at <= now and after <= run.updated_at(now) <= before
        ]
        for condition in told.get("filters") or []:
            found = [run for run in found if _fits(run, condition)]
        for order in reversed(told.get("orderBy") or []):
            name = order["orderBy"][0].lower() + order["orderBy"][1:]
            found.sort(key=lambda run: str(run.get(name) or ""), reverse=order["order"] == "DESC")
        return found

    def _cancel(self, factory: Factory, run_id: str) -> Response:
        run = factory.runs.get(run_id)
        if run is None:
            return problem(404, "NotFound", f"Pipeline run {run_id} was not found.")
        if run.status(self.clock()) in FINAL:
            return problem(400, "BadRequest", f"Pipeline run {run_id} is over.")
        run.cancel_at = run.cancel_at or self.clock()
        return answer(200)

    def _activities(self, factory: Factory, run_id: str) -> Response:
        run = factory.runs.get(run_id)
        if run is None:
            return answer(200, {"value": []})
        shown = self._wire(factory, run)
        error = {"errorCode": "", "message": "", "failureType": "", "target": "Copy"}
        if shown["status"] == "Failed":
            error = {"errorCode": "2200", "message": run.message, "failureType": "UserError", "target": "Copy"}
        activity = {
            "pipelineName": run.pipeline,
            "pipelineRunId": run.id,
            "activityName": "Copy",
            "activityType": "Copy",
            "activityRunId": run.id,
            "status": shown["status"],
            "activityRunStart": shown["runStart"],
            "activityRunEnd": shown["runEnd"],
            "durationInMs": shown["durationInMs"],
            "input": {},
            "output": {},
            "error": error,
        }
        return answer(200, {"value": [activity]})

    def _wire(self, factory: Factory, run: PipelineRun) -> dict[str, Any]:
        now = self.clock()
        status = run.status(now)
        final = status in FINAL
        shown: dict[str, Any] = {
            "id": f"/pipelineruns/{run.id}",
            "runId": run.id,
            "debugRunId": None,
            "runGroupId": run.group,
            "pipelineName": run.pipeline,
            "parameters": dict(run.parameters),
            "invokedBy": dict(run.invoked_by),
            "runStart": long_time(run.created_at),
            "runEnd": long_time(run.ended_at()) if final else None,
            "durationInMs": int((run.ended_at() - run.created_at).total_seconds() * 1000) if final else None,
            "status": status,
            "message": run.message if status == "Failed" else "",
            "lastUpdated": long_time(run.updated_at(now)),
            "annotations": [],
            "runDimension": {},
            "isLatest": factory.latest.get(run.group) == run.id,
        }
        if status == "Succeeded" and run.returns is not None:
            shown["pipelineReturnValue"] = run.returns
        if self.faults.no_status("data_factory.query_runs"):
            del shown["status"]
        return shown


def _get_pipeline(factory: Factory, name: str) -> Response:
    pipeline = factory.pipelines.get(name)
    if pipeline is None:
        return problem(404, "PipelineNotFound", f"Pipeline {name} does not exist.")
    return answer(200, _pipeline_resource(pipeline))


def _list_pipelines(factory: Factory) -> Response:
    return answer(200, {"value": [_pipeline_resource(pipeline) for pipeline in factory.pipelines.values()]})


def _pipeline_resource(pipeline: Pipeline) -> dict[str, Any]:
    declared = {
        name: {"type": "String"} | ({} if default is None else {"defaultValue": default})
        for name, default in pipeline.parameters.items()
    }
    return {
        "id": f"/pipelines/{pipeline.name}",
        "name": pipeline.name,
        "type": "Microsoft.DataFactory/factories/pipelines",
        "etag": "0a0068d4-0000-0000-0000-5b245bd30000",
        "properties": {"activities": [], "parameters": declared},
    }


def _fits(run: Mapping[str, Any], condition: Mapping[str, Any]) -> bool:
    name = condition["operand"][0].lower() + condition["operand"][1:]
    values = condition["values"]
    match condition["operator"]:
        case "Equals":
            return bool(run.get(name) == values[0])
        case "NotEquals":
            return bool(run.get(name) != values[0])
        case "In":
            return run.get(name) in values
        case _:
            return run.get(name) not in values


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value)
    return json.dumps(value)
