"""Every trigger of the app, each a few lines: parse, call one use case, render.

What is heavy is imported inside the functions: a cold start pays for all that is imported up here.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import azure.functions as func

from shared.web.access.triggers import doors

if TYPE_CHECKING:
    from shared.app import Baton
    from shared.web.answer import Answer

# With Entra the host lets every call through, and `_answered` asks for the caller's role.
LEVEL = func.AuthLevel.ANONYMOUS if os.environ.get("CALLERS", "").strip() == "entra" else func.AuthLevel.FUNCTION

app = func.FunctionApp(http_auth_level=LEVEL)
app.register_functions(doors)


@app.route(route="chains/{chain}/runs", methods=["POST"])
def start_run(req: func.HttpRequest) -> func.HttpResponse:
    """Start a run of a chain."""
    from shared.web import api

    key = req.headers.get("Idempotency-Key")
    return _answered(
        req, "start_run", lambda baton: api.start_run(baton, req.route_params["chain"], req.get_body(), key)
    )


@app.route(route="runs/{id}", methods=["GET"])
def get_run(req: func.HttpRequest) -> func.HttpResponse:
    """One run with its steps."""
    from shared.web import api

    return _answered(req, "get_run", lambda baton: api.get_run(baton, req.route_params["id"]))


@app.route(route="runs", methods=["GET"])
def list_runs(req: func.HttpRequest) -> func.HttpResponse:
    """Runs, newest first."""
    from shared.web import api

    return _answered(req, "list_runs", lambda baton: api.list_runs(baton, req.params))


@app.route(route="runs/{id}/cancel", methods=["POST"])
def cancel_run(req: func.HttpRequest) -> func.HttpResponse:
    """Stop a run and its jobs."""
    from shared.web import api

    return _answered(req, "cancel_run", lambda baton: api.cancel_run(baton, req.route_params["id"]))


@app.route(route="runs/{id}/rerun", methods=["POST"])
def rerun_run(req: func.HttpRequest) -> func.HttpResponse:
    """Run an ended run again, or what of it failed."""
    from shared.web import api

    key = req.headers.get("Idempotency-Key")
    return _answered(
        req, "rerun_run", lambda baton: api.rerun_run(baton, req.route_params["id"], req.get_body(), key)
    )


@app.route(route="chains", methods=["GET"])
def list_chains(req: func.HttpRequest) -> func.HttpResponse:
    """What is declared, when it fires next, and how it went last."""
    from shared.web import api

    return _answered(req, "list_chains", api.list_chains)


@app.route(route="connections/{name}/jobs", methods=["GET"])
def list_jobs(req: func.HttpRequest) -> func.HttpResponse:
    """A connection's own job history, whoever started the jobs."""
    from shared.web import jobs

    return _answered(req, "list_jobs", lambda baton: jobs.list_jobs(baton, req.route_params["name"], req.params))


@app.route(route="health", methods=["GET"])
def health(req: func.HttpRequest) -> func.HttpResponse:
    """Whether every connection can do what the chains need."""
    from shared.web import health

    return _answered(req, "health", health.health)


@app.route(route="openapi.json", methods=["GET"])
def openapi(req: func.HttpRequest) -> func.HttpResponse:
    """The HTTP API, described as OpenAPI."""
    from shared.web.openapi import openapi

    return _response(_refusal(req, "openapi") or openapi())


@app.route(route="events", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
def receive_events(req: func.HttpRequest) -> func.HttpResponse:
    """Events by webhook: Event Grid in both schemas, Fabric, Azure Monitor alerts."""
    from shared.web import events

    return _answered(req, "receive_events", lambda baton: events.receive(baton, req.get_body(), _lower(req)))


@app.route(route="events", methods=["OPTIONS"], auth_level=func.AuthLevel.FUNCTION)
def events_handshake(req: func.HttpRequest) -> func.HttpResponse:
    """Whether a sender of CloudEvents may deliver to the webhook."""
    from shared.web import events

    return _answered(req, "events_handshake", lambda baton: events.handshake(baton, _lower(req)))


@app.timer_trigger(arg_name="timer", schedule="0 * * * * *", run_on_startup=False, use_monitor=True)
def tick(timer: func.TimerRequest) -> None:
    """Once a minute: fire schedules, find what nobody has touched."""
    from shared.app import baton
    from shared.work import on_tick

    on_tick(baton())


@app.queue_trigger(arg_name="message", queue_name="baton-work", connection="AzureWebJobsStorage")
def work(message: func.QueueMessage) -> None:
    """Advance a run, or look at a place."""
    from shared.app import baton
    from shared.work import on_message

    on_message(baton().world, message.get_body().decode(), message.dequeue_count or 1)


@app.event_grid_trigger(arg_name="event")
def on_event(event: str) -> None:
    """Start the chains that wait for such an event. As text: the library's classes refuse odd times for ever."""
    from shared.app import baton
    from shared.work import on_delivery

    on_delivery(baton(), event)


def _answered(req: func.HttpRequest, function: str, call: Callable[[Baton], Answer]) -> func.HttpResponse:
    from shared.web.serve import answered

    return _response(_refusal(req, function) or answered(call))


def _refusal(req: func.HttpRequest, function: str) -> Answer | None:
    from shared.web.access.gate import refusal

    return refusal(function, req.method, _lower(req), os.environ)


def _lower(req: func.HttpRequest) -> dict[str, str]:
    return {name.lower(): value for name, value in req.headers.items()}


def _response(answer: Answer) -> func.HttpResponse:
    return func.HttpResponse(
        answer.body, status_code=answer.status, headers=dict(answer.headers), mimetype=answer.mimetype
    )
