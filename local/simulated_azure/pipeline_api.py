"""The operations on pipelines and their runs that Data Factory and Synapse share."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from local.simulated_azure.faults import Faults
from local.simulated_azure.messages import Request, Response, answer, problem
from local.simulated_azure.pipelines import FINAL, Factory, Pipeline, PipelineRun, WebHook
from local.simulated_azure.run_query import RUN_FIELDS, QueryError, activities_wire, paged, run_wire, window

Act = Callable[[], Response]


@dataclass(slots=True)
class PipelineApi:
    """What a factory and a workspace (a `Factory` both) answer."""

    service: ClassVar[str]
    accepted: ClassVar[int]  # the status of a start
    finds_failure: ClassVar[bool]  # whether a start may say startFromFailure

    clock: Callable[[], datetime]
    fresh_id: Callable[[], str]
    faults: Faults
    last_started: str = ""
    on_web_hook: Callable[[PipelineRun, WebHook], None] | None = None  # has one called, where there is a network

    def start(
        self, factory: Factory, pipeline: Pipeline, parameters: Mapping[str, Any], by: str = "Manual"
    ) -> PipelineRun:
        """A run as a caller (Manual) or a trigger (its name) starts it."""
        now = self.clock()
        run_id = self.fresh_id()
        begins = now + timedelta(seconds=pipeline.queued_seconds)
        said = {name: value for name, value in pipeline.parameters.items() if value is not None} | dict(parameters)
        kind = "Manual" if by == "Manual" else "ScheduleTrigger"
        failing = f"Operation on target {pipeline.activities[-1]} failed: {pipeline.fails}"
        run = PipelineRun(
            id=run_id,
            pipeline=pipeline.name,
            parameters={name: _as_text(value) for name, value in said.items()},
            invoked_by={"id": self.fresh_id().replace("-", ""), "name": by, "invokedByType": kind},
            created_at=now,
            begins_at=begins,
            ends_at=begins + timedelta(seconds=pipeline.seconds),
            outcome="Failed" if pipeline.fails else "Succeeded",
            message=failing if pipeline.fails else "",
            returns=None if pipeline.fails else pipeline.returns,
            visible_at=now + self.faults.hidden_for(f"{self.service}.create_run"),
            group=run_id,
            activities=pipeline.activities,
            fails=pipeline.fails or "",
        )
        factory.runs[run_id] = run
        if pipeline.web_hook is not None and self.on_web_hook is not None:
            self.on_web_hook(run, pipeline.web_hook)
        return run

    def forbidden(self, request: Request) -> Response:
        """What a caller without a role here is told, in the service's words."""
        raise NotImplementedError

    def routed(self, request: Request, factory: Factory | None, parts: list[str]) -> tuple[str, Act]:
        """The operation's name and what it does, by the path's parts after the factory or workspace."""
        found = self._route(request, parts)
        if found is None:
            return f"{self.service}.unknown", lambda: problem(404, "NotFound", "There is no such operation.")
        name, act = found
        if factory is None:
            return f"{self.service}.{name}", lambda: problem(404, "ResourceNotFound", "The resource is not there.")
        if factory.no_role:
            return f"{self.service}.{name}", lambda: self.forbidden(request)
        return f"{self.service}.{name}", lambda: act(factory)

    def _route(self, request: Request, parts: list[str]) -> tuple[str, Callable[[Factory], Response]] | None:
        match request.method, parts:
            case "POST", ["pipelines", name, "createRun"]:
                return "create_run", lambda f: self._create_run(f, name, request)
            case "GET", ["pipelines"]:
                return "list_pipelines", _list_pipelines
            case "GET", ["pipelines", name]:
                return "get_pipeline", lambda f: self._get_pipeline(f, name)
            case "POST", ["queryPipelineRuns"]:
                return "query_runs", lambda f: self._query(f, request)
            case "GET", ["pipelineruns", run_id]:
                return "get_run", lambda f: self._get_run(f, run_id)
            case "POST", ["pipelineruns", run_id, "cancel"]:
                return "cancel_run", lambda f: self._cancel(f, run_id)
        return None

    def _create_run(self, factory: Factory, name: str, request: Request) -> Response:
        pipeline = factory.pipelines.get(name)
        if pipeline is None:
            return problem(404, "PipelineNotFound", f"Pipeline {name} does not exist.")
        try:
            said = request.json() or {}
        except ValueError:
            return problem(400, "BadRequest", "The body is no JSON.")
        reference = request.query.get("referencePipelineRunId")
        earlier = factory.runs.get(reference) if reference is not None else None
        if reference is not None and earlier is None:
            text = f"Referenced pipeline run id {reference} is not a valid run id."
            return problem(400, "ReferencedPipelineRunNotValid", text)
        missing = [n for n, default in pipeline.parameters.items() if default is None and n not in said]
        if missing and earlier is None:
            text = f"ErrorCode=InvalidTemplate, ErrorMessage=The value of parameter '{missing[0]}' is missing."
            return problem(400, "BadRequest", text)
        if self.faults.same_id(f"{self.service}.create_run") and self.last_started in factory.runs:
            return answer(self.accepted, {"runId": self.last_started})
        run = self.start(factory, pipeline, said if earlier is None else earlier.parameters)
        if earlier is not None and request.query.get("isRecovery") == "true":
            run.recover(earlier, self._first_activity(earlier, request))
            factory.latest[run.group] = run.id
        self.last_started = run.id
        return answer(self.accepted, {"runId": run.id}, x_ms_ratelimit_remaining_subscription_writes="1190")

    def _first_activity(self, earlier: PipelineRun, request: Request) -> str | None:
        """Where a recovery begins; None for the pipeline's beginning."""
        named = request.query.get("startActivityName")
        if named is None and self.finds_failure and request.query.get("startFromFailure") == "true":
            return earlier.activities[-1] if earlier.fails else None
        return named

    def _get_run(self, factory: Factory, run_id: str) -> Response:
        run = factory.runs.get(run_id)
        if run is None or run.visible_at > self.clock():
            return problem(404, "NotFound", f"Pipeline run {run_id} was not found.")
        return answer(200, self._wire(factory, run), x_ms_ratelimit_remaining_subscription_reads="11998")

    def _query(self, factory: Factory, request: Request) -> Response:
        now = self.clock()
        try:
            told = request.json()
            after, before = window(told)
            runs = [
                r for r in factory.runs.values() if r.visible_at <= now and after <= r.updated_at(now) <= before
            ]
            page = paged([self._wire(factory, run) for run in runs], told, RUN_FIELDS)
        except QueryError as error:
            return problem(400, "BadRequest", str(error))
        return answer(200, page, x_ms_ratelimit_remaining_subscription_reads="11997")

    def _cancel(self, factory: Factory, run_id: str) -> Response:
        run = factory.runs.get(run_id)
        if run is None:
            return problem(404, "NotFound", f"Pipeline run {run_id} was not found.")
        if run.status(self.clock()) in FINAL:
            return problem(400, "BadRequest", f"Pipeline run {run_id} is over.")
        pipeline = factory.pipelines.get(run.pipeline)
        if pipeline is None or pipeline.heeds_cancel:
            run.cancel_at = run.cancel_at or self.clock()
        return answer(200)

    def query_activities(self, factory: Factory, run_id: str, request: Request) -> Response:
        """Its path differs between the two services."""
        run = factory.runs.get(run_id)
        try:
            told = request.json()
            window(told)
            return answer(200, activities_wire(run, self.clock(), told))
        except QueryError as error:
            return problem(400, "BadRequest", str(error))

    def _wire(self, factory: Factory, run: PipelineRun) -> dict[str, Any]:
        shown = run_wire(factory, run, self.clock())
        if self.faults.no_status(f"{self.service}.query_runs"):
            del shown["status"]
        return shown

    def _get_pipeline(self, factory: Factory, name: str) -> Response:
        pipeline = factory.pipelines.get(name)
        if pipeline is None:
            return problem(404, "PipelineNotFound", f"Pipeline {name} does not exist.")
        return answer(200, pipeline_resource(pipeline))


def _list_pipelines(factory: Factory) -> Response:
    return answer(200, {"value": [pipeline_resource(pipeline) for pipeline in factory.pipelines.values()]})


def pipeline_resource(pipeline: Pipeline) -> dict[str, Any]:
    """A pipeline as its service tells of it."""
    declared = {
        name: {"type": "String"} | ({} if default is None else {"defaultValue": default})
        for name, default in pipeline.parameters.items()
    }
    return {
        "id": f"/pipelines/{pipeline.name}",
        "name": pipeline.name,
        "type": "Microsoft.DataFactory/factories/pipelines",
        "etag": "0a0068d4-0000-0000-0000-5b245bd30000",
        "properties": {
            "activities": [{"name": name, "type": "Copy"} for name in pipeline.activities],
            "parameters": declared,
        },
    }


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value)
    return json.dumps(value)
