"""How tests and people steer the simulation from another process: calls under `/_simulation`."""

from __future__ import annotations

import uuid
from dataclasses import fields
from typing import Any

from local.simulated_azure.event_delivery import HandshakeError, Subscription, blob_created
from local.simulated_azure.fabric_items import instance_view
from local.simulated_azure.faults import Fault
from local.simulated_azure.messages import Request, Response, answer, long_time, problem
from local.simulated_azure.world import SimulatedAzure

PREFIX = "/_simulation"


def controlled(azure: SimulatedAzure, request: Request) -> Response | None:
    """The answer to a control call; None for any other path.

    `GET /_simulation` tells all runs, refreshes, Fabric jobs, the events that the topic has taken, and how often
    each operation was called.
    `POST /_simulation/faults` switches a fault on (its fields as JSON); `DELETE` switches all off.
    `POST /_simulation/refreshes` (`workspace`, `dataset`) has somebody else refresh a model.
    `POST /_simulation/subscriptions` (`name`, `endpoint`, `schema`, ...) makes an event subscription, after its
    handshake; `POST /_simulation/blobs` (`account`, `container`, `path`) creates a blob, which is an event.
    `POST /_simulation/runs` (`pipeline`) has a trigger start a pipeline in every factory that has it.
    """
    if not request.path.startswith(PREFIX):
        return None
    try:
        return _routed(azure, request, request.path.removeprefix(PREFIX))
    except (ValueError, KeyError, TypeError, HandshakeError, OSError) as error:
        return problem(400, "BadRequest", f"The call does not fit: {error}")


def _routed(azure: SimulatedAzure, request: Request, path: str) -> Response:
    match request.method, path:
        case "GET", "" | "/":
            return answer(200, _state(azure))
        case "POST", "/faults":
            told = dict(request.json())
            unknown = set(told) - {each.name for each in fields(Fault)}
            if unknown:
                raise ValueError(f"a fault has no {', '.join(sorted(unknown))}")
            azure.faults.on.append(Fault(**told))
            return answer(204)
        case "DELETE", "/faults":
            azure.faults.on.clear()
            return answer(204)
        case "POST", "/refreshes":
            told = request.json()
            model = azure.power_bi.workspaces[told["workspace"]][told["dataset"]]
            return answer(200, {"id": azure.power_bi.begin(model, "Scheduled").id})
        case "POST", "/subscriptions":
            azure.events.subscribe(Subscription(**request.json()))
            return answer(204)
        case "POST", "/blobs":
            at = azure.data_factory.clock()
            made = blob_created(**{"id": str(uuid.uuid4()), "at": at, **request.json()})
            azure.events(made)
            return answer(200, made)
        case "POST", "/runs":
            name = request.json()["pipeline"]
            factories = [f for f in azure.data_factory.factories.values() if name in f.pipelines]
            started = [azure.data_factory.start(f, f.pipelines[name], {}, by="Nightly").id for f in factories]
            return answer(200, {"ids": started})
    return problem(404, "NotFound", "There is no such control call.")


def _state(azure: SimulatedAzure) -> dict[str, Any]:
    now = azure.data_factory.clock()
    places = [(key[2], factory) for key, factory in azure.data_factory.factories.items()]
    places += azure.synapse.workspaces.items()
    runs = [
        {
            "id": run.id,
            "factory": name,
            "pipeline": run.pipeline,
            "parameters": dict(run.parameters),
            "status": run.status(now),
            "started_at": long_time(run.created_at),
            "ended_at": long_time(run.ended_at()),
            "by": run.invoked_by["name"],
        }
        for name, factory in places
        for run in factory.runs.values()
    ]
    refreshes = [
        {
            "id": refresh.id,
            "workspace": workspace,
            "dataset": model.id,
            "kind": refresh.kind,
            "body": refresh.body,
            "status": refresh.status(now),
            "started_at": long_time(refresh.started_at),
            "ended_at": long_time(refresh.ended_at()),
        }
        for workspace, models in azure.power_bi.workspaces.items()
        for model in models.values()
        for refresh in model.refreshes
    ]
    jobs = [
        {**instance_view(item, instance, now), "workspace": key, "item": item.name, "body": instance.body}
        for key, workspace in azure.fabric.workspaces.items()
        for item in workspace.items.values()
        for instance in item.instances
    ]
    told = {"runs": runs, "refreshes": refreshes, "jobs": jobs, "calls": dict(azure.calls)}
    return {**told, "events": azure.event_grid.events}
