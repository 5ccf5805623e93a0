"""Every trigger of the app, each a few lines: parse, call one use case, render.

What is heavy is imported inside the functions: a cold start pays for all that is imported up here.
"""

from __future__ import annotations

import os

import azure.functions as func

from shared.web.access.triggers import doors
from shared.web.pages.triggers import pages
from shared.web.replies import answered, headers_of, refused, response

# With Entra the host lets every call through, and `answered` asks for the caller's role.
LEVEL = func.AuthLevel.ANONYMOUS if os.environ.get("CALLERS", "").strip() == "entra" else func.AuthLevel.FUNCTION

app = func.FunctionApp(http_auth_level=LEVEL)
app.register_functions(doors)
app.register_functions(pages)


@app.route(route="chains/{chain}/runs", methods=["POST"])
def start_run(req: func.HttpRequest) -> func.HttpResponse:
    """Start a run of a chain."""
    from shared.web import api

    key = req.headers.get("Idempotency-Key")
    return answered(
        req, "start_run", lambda baton: api.start_run(baton, req.route_params["chain"], req.get_body(), key)
    )


@app.route(route="runs/{id}", methods=["GET"])
def get_run(req: func.HttpRequest) -> func.HttpResponse:
    """One run with its steps."""
    from shared.web import api

    return answered(req, "get_run", lambda baton: api.get_run(baton, req.route_params["id"]))


@app.route(route="runs", methods=["GET"])
def list_runs(req: func.HttpRequest) -> func.HttpResponse:
    """Runs, newest first."""
    from shared.web import api

    return answered(req, "list_runs", lambda baton: api.list_runs(baton, req.params))


@app.route(route="runs/{id}/cancel", methods=["POST"])
def cancel_run(req: func.HttpRequest) -> func.HttpResponse:
    """Stop a run and its jobs."""
    from shared.web import api

    return answered(req, "cancel_run", lambda baton: api.cancel_run(baton, req.route_params["id"]))


@app.route(route="runs/{id}/rerun", methods=["POST"])
def rerun_run(req: func.HttpRequest) -> func.HttpResponse:
    """Run an ended run again, or what of it failed."""
    from shared.web import api

    key = req.headers.get("Idempotency-Key")
    return answered(
        req, "rerun_run", lambda baton: api.rerun_run(baton, req.route_params["id"], req.get_body(), key)
    )


@app.route(route="chains/{chain}/pause", methods=["POST"])
def pause_chain(req: func.HttpRequest) -> func.HttpResponse:
    """Have a chain start nothing by itself."""
    from shared.web import pauses

    return answered(
        req, "pause_chain", lambda baton: pauses.pause_chain(baton, req.route_params["chain"], req.get_body())
    )


@app.route(route="chains/{chain}/resume", methods=["POST"])
def resume_chain(req: func.HttpRequest) -> func.HttpResponse:
    """Let a paused chain go on."""
    from shared.web import pauses

    return answered(req, "resume_chain", lambda baton: pauses.resume_chain(baton, req.route_params["chain"]))


@app.route(route="chains/{chain}/backfill", methods=["POST"])
def begin_backfill(req: func.HttpRequest) -> func.HttpResponse:
    """Run scheduled times afterwards."""
    from shared.web import backfills

    key = req.headers.get("Idempotency-Key")
    return answered(
        req, "begin_backfill", lambda baton: backfills.begin(baton, req.route_params["chain"], req.get_body(), key)
    )


@app.route(route="backfills/{id}", methods=["GET"])
def get_backfill(req: func.HttpRequest) -> func.HttpResponse:
    """How far a backfill is."""
    from shared.web import backfills

    return answered(req, "get_backfill", lambda baton: backfills.show(baton, req.route_params["id"]))


@app.route(route="backfills/{id}/cancel", methods=["POST"])
def cancel_backfill(req: func.HttpRequest) -> func.HttpResponse:
    """Stop a backfill."""
    from shared.web import backfills

    return answered(
        req, "cancel_backfill", lambda baton: backfills.cancel(baton, req.route_params["id"], req.get_body())
    )


@app.route(route="chains", methods=["GET"])
def list_chains(req: func.HttpRequest) -> func.HttpResponse:
    """What is declared, when it fires next, and how it went last."""
    from shared.web import api

    return answered(req, "list_chains", api.list_chains)


@app.route(route="connections/{name}/jobs", methods=["GET"])
def list_jobs(req: func.HttpRequest) -> func.HttpResponse:
    """A connection's own job history, whoever started the jobs."""
    from shared.web import jobs

    return answered(req, "list_jobs", lambda baton: jobs.list_jobs(baton, req.route_params["name"], req.params))


@app.route(route="health", methods=["GET"])
def health(req: func.HttpRequest) -> func.HttpResponse:
    """Whether every connection can do what the chains need."""
    from shared.web import health

    return answered(req, "health", health.health)


@app.route(route="openapi.json", methods=["GET"])
def openapi(req: func.HttpRequest) -> func.HttpResponse:
    """The HTTP API, described as OpenAPI."""
    from shared.web.openapi import openapi

    return response(refused(req, "openapi") or openapi())


@app.route(route="events", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
def receive_events(req: func.HttpRequest) -> func.HttpResponse:
    """Events by webhook: Event Grid in both schemas, Fabric, Azure Monitor alerts."""
    from shared.web import events

    return answered(req, "receive_events", lambda baton: events.receive(baton, req.get_body(), headers_of(req)))


@app.route(route="events", methods=["OPTIONS"], auth_level=func.AuthLevel.FUNCTION)
def events_handshake(req: func.HttpRequest) -> func.HttpResponse:
    """Whether a sender of CloudEvents may deliver to the webhook."""
    from shared.web import events

    return answered(req, "events_handshake", lambda baton: events.handshake(baton, headers_of(req)))


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
    from shared.work import declared_chains, on_message

    made = baton()
    body, count = message.get_body().decode(), message.dequeue_count or 1
    on_message(made.world, body, count, lambda: declared_chains(made))


@app.event_grid_trigger(arg_name="event")
def on_event(event: str) -> None:
    """Start the chains that wait for such an event. As text: the library's classes refuse odd times for ever."""
    from shared.app import baton
    from shared.work import on_delivery

    on_delivery(baton(), event)
