"""What the HTTP API takes and gives, as JSON Schemas. Statuses, types and limits come from the code itself."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, get_args

from shared.core.definition import ConnectionType, FollowOn, Overlap
from shared.core.ids import CHAIN_NAME
from shared.core.rerun import FROM_FAILED
from shared.core.run import RunStatus, StepStatus, TriggerType
from shared.web.event_schemas import event_schemas

Schema = dict[str, Any]

CHAIN_PATTERN = f"^{CHAIN_NAME.pattern}$"
RUN_ID_PATTERN = f"^{CHAIN_NAME.pattern}\\.[0-9]{{8}}T[0-9]{{9}}Z\\.[a-z2-7]{{8}}$"
TIME_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$"


def text(description: str | None = None, **more: Any) -> Schema:
    return {"type": "string", **({"description": description} if description else {}), **more}


def words(kind: type[StrEnum]) -> Schema:
    """A text that is one of the enum's values."""
    return {"type": "string", "enum": [str(word) for word in kind]}


def literals(kind: Any) -> Schema:
    """A text that is one of a Literal's."""
    return {"type": "string", "enum": list(get_args(kind))}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def nullable(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def listed(schema: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": schema, **more}


def record(properties: dict[str, Schema], *, optional: tuple[str, ...] = (), **more: Any) -> Schema:
    """An object with all of these properties, but for the optional ones."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, **more}


def schemas() -> dict[str, Schema]:
    """Every named schema of the document."""
    return {
        **_of_runs(),
        **_of_chains(),
        **_of_jobs(),
        **_of_health(),
        **event_schemas(),
        **_of_controls(),
        "Problem": _problem(),
        "StartBody": _start_body(),
        "RerunBody": _rerun_body(),
    }


def _of_controls() -> dict[str, Schema]:
    from shared.web import schemas_controls  # which is made of what stands here

    return schemas_controls.schemas()


def _of_runs() -> dict[str, Schema]:
    run = {
        "id": ref("RunId"),
        "chain": ref("ChainName"),
        "status": ref("RunStatus"),
        "trigger": ref("Trigger"),
        "rerun_of": nullable(ref("RunId")),
        "backfill": nullable(ref("BackfillId")),
        "parameters": {"type": "object", "description": "What was said at the start, over the chain's defaults."},
        "created_at": ref("Time"),
        "finished_at": nullable(ref("Time")),
        "cancel_requested_at": nullable(ref("Time")),
        "error": nullable(ref("Error")),
        "trouble": nullable(
            record(
                {"at": ref("Time"), "message": text()},
                description="Why the run does not go on: a work message about it could not be done.",
            )
        ),
        "steps": listed(ref("Step"), description="In the order of the chains file.", minItems=1),
    }
    trigger = {"type": literals(TriggerType), "time": ref("Time"), "missed": listed(ref("Time"), minItems=1)}
    trigger["job"] = {**ref("FollowedJob"), "description": "Of type pipeline: the job that was followed."}
    trigger["first_time"] = {**ref("Time"), "description": "Of a rerun: when the first run was triggered."}
    event = {"id": text(), "type": text(), "source": text(), "subject": text(), "time": nullable(ref("Time"))}
    trigger["event"] = record(event, description="The event that started the run, without its data.")
    page = {
        "runs": listed(ref("Run")),
        "cursor": nullable(text("Continues the list as `cursor`. Null at its end.")),
    }
    return {
        "Time": text("UTC, RFC 3339, to the millisecond.", format="date-time", pattern=TIME_PATTERN),
        "RunId": text("It names the chain and the time.", pattern=RUN_ID_PATTERN),
        "ChainName": text(pattern=CHAIN_PATTERN),
        "RunStatus": words(RunStatus),
        "Error": record({"code": text("A stable word."), "message": text("A sentence for people.")}),
        "Trigger": record(
            trigger, optional=("missed", "first_time", "event", "job"), description="What started the run."
        ),
        "FollowedJob": _followed_job(),
        "Step": _step(),
        "Run": record(run, description="One execution of a chain."),
        "RunPage": record(page),
    }


def _step() -> Schema:
    job = {"id": text(), "status": text("In the service's own word."), "link": text("Where people see the job.")}
    step = {
        "name": text(pattern=CHAIN_PATTERN),
        "status": words(StepStatus),
        "connection": text(pattern=CHAIN_PATTERN),
        "attempt": {"type": "integer", "minimum": 1},
        "job": nullable(record(job)),
        "started_at": nullable(ref("Time")),
        "finished_at": nullable(ref("Time")),
        "output": {"description": "What the job returned: any JSON. Null until then."},
        "error": nullable(ref("Error")),
        "continues": nullable(text("The failed job of an earlier run that this attempt goes on with.")),
    }
    return record(step, description="A step within a run, with the job of its last attempt.")


def _followed_job() -> Schema:
    job = {
        "id": text(),
        "connection": text(pattern=CHAIN_PATTERN),
        **_followed(),
        "status": text("In the service's own word."),
        "outcome": text(enum=["succeeded", "failed", "cancelled"]),
        "started_at": nullable(ref("Time")),
        "ended_at": nullable(ref("Time")),
        "invoked_by": nullable(text("In the service's own word.")),
        "parameters": {"type": "object", "description": "Its own, as the service shows them."},
        "output": {"description": "What it returned, where the service's list of jobs has it: any JSON."},
        "link": text("Where people see it."),
    }
    return record(job, description="A pipeline run, or an item's job, whose end started a run.")


def _followed() -> dict[str, Schema]:
    return {"pipeline": nullable(text()), "item": nullable(text("By id or name.")), "job_type": nullable(text())}


def _of_chains() -> dict[str, Schema]:
    parameter = {
        "required": {"type": "boolean", "description": "Whether whoever starts a run must say it."},
        "default": {"description": "Any JSON; only of a parameter that is not required."},
    }
    last_run = {
        "id": ref("RunId"),
        "status": ref("RunStatus"),
        "created_at": ref("Time"),
        "finished_at": nullable(ref("Time")),
    }
    step = {
        "name": text(pattern=CHAIN_PATTERN),
        "connection": text(pattern=CHAIN_PATTERN),
        "after": listed(text(pattern=CHAIN_PATTERN)),
    }
    pattern = {
        "type": text(),
        "source": nullable(text()),
        "subject": nullable(text()),
        "data": {"type": "object", "description": "By field of the event's data."},
    }
    deadline = {
        "by": text(),
        "time_zone": text(),
        "days": text(),
        "next_at": nullable(ref("Time")),
        "late_since": nullable(ref("Time")),
    }
    follow = {
        "connection": text(pattern=CHAIN_PATTERN),
        **_followed(),
        "on": literals(FollowOn),
        "own": {"type": "boolean", "description": "Whether jobs that Baton has started count too."},
        "catch_up_seconds": {"type": "number", "minimum": 0},
        "parameters": {"type": "object", "description": "For the runs. Texts may be templates."},
    }
    chain = {
        "name": ref("ChainName"),
        "description": nullable(text()),
        "schedule": nullable(record({"cron": text(), "time_zone": text()})),
        "deadline": nullable(record(deadline)),
        "follows": listed(record(follow), description="Whose jobs start runs when they end."),
        "next_times": listed(ref("Time"), description="When its schedule fires next. Empty without one."),
        "events": listed(record(pattern), description="Events that start a run; `*` is any text."),
        "max_running": nullable({"type": "integer", "minimum": 1}),
        "overlap": literals(Overlap),
        "parameters": {"type": "object", "additionalProperties": record(parameter, optional=("default",))},
        "steps": listed(record(step), minItems=1),
        "last_run": nullable(record(last_run)),
        "paused": nullable(ref("Pause")),
    }
    return {"Chain": record(chain), "Chains": record({"chains": listed(ref("Chain"))})}


def _of_jobs() -> dict[str, Schema]:
    job = {
        "id": text(),
        "status": text("In the service's own word."),
        "what": text("The pipeline, item or semantic model."),
        "started_at": nullable(ref("Time")),
        "ended_at": nullable(ref("Time")),
        "invoked_by": nullable(text()),
        "parameters": {"type": "object"},
        "error": nullable(ref("Error")),
        "link": text("Where people see the job."),
    }
    page = {
        "connection": text(),
        "after": ref("Time"),
        "before": ref("Time"),
        "jobs": listed(record(job)),
        "cursor": nullable(text("Continues the list as `cursor`. Null at its end.")),
    }
    return {"JobPage": record(page)}


def _of_health() -> dict[str, Schema]:
    status = {"type": "string", "enum": ["ok", "failing"]}
    problem = {"code": text("A stable word."), "message": text("What is wrong, and what to do.")}
    connection = {
        "name": text(),
        "type": literals(ConnectionType),
        "status": status,
        "problems": listed(record(problem), description="Empty when its status is ok."),
        "warnings": listed(record(problem), description="What works today, and will not for long."),
    }
    messages: dict[str, Schema] = {
        "status": status,
        "poison": {"type": "integer", "minimum": 0, "description": "About how many messages nobody could do."},
        "problems": listed(record(problem)),
    }
    events: dict[str, Schema] = {
        "status": status,
        "unmatched_today": {"type": "integer", "minimum": 0, "description": "Since midnight UTC."},
        "last_unmatched_type": nullable(text()),
        "problems": listed(record(problem), description="Events of the last day that could start no run."),
    }
    alerts: dict[str, Schema] = {
        "status": status,
        "configured": {"type": "boolean", "description": "Whether there is a topic that events are sent to."},
        "waiting": {"type": "integer", "minimum": 0, "description": "Runs and subjects with events not yet sent."},
        "waiting_since": nullable(ref("Time")),
        "problems": listed(record(problem)),
    }
    whole: dict[str, Schema] = {
        "status": status,
        "connections": listed(record(connection)),
        "messages": record(messages),
        "events": record(events),
        "alerts": record(alerts),
    }
    return {"Health": record(whole)}


def _problem() -> Schema:
    error = {"path": text("The place of the mistake, such as `parameters.region`."), "detail": text()}
    members = {
        "type": text(),
        "title": text(),
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": text("What is wrong, and what to do."),
        "errors": listed(record(error), description="Every single mistake.", minItems=1),
        "running": listed(ref("RunId"), description="The runs under way that kept another from starting."),
        "paused": {**ref("Pause"), "description": "Why a chain starts nothing."},
    }
    return record(members, optional=("errors", "running", "paused"), description="An error, as RFC 9457 has it.")


def _start_body() -> Schema:
    told = "Those that the chain declares, by name; `GET /api/chains` lists them. Any JSON is a value."
    parameters = {"type": "object", "description": told}
    body: dict[str, Schema] = {
        "parameters": parameters,
        "force": {"type": "boolean", "default": False, "description": "Start although the chain is paused."},
        "callBackUri": nullable(text("Called when the run has ended. A WebHook activity adds it by itself.")),
    }
    return record(body, optional=tuple(body), additionalProperties=False)


def _rerun_body() -> Schema:
    begin = text("`failed`, `start` or a step's name.", default=FROM_FAILED)
    return record({"from": begin}, optional=("from",), additionalProperties=False)
