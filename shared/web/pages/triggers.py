"""The dashboard's HTTP triggers, each a few lines. They are registered in function_app.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import azure.functions as func

if TYPE_CHECKING:
    from shared.web.answer import Answer

pages = func.Blueprint()  # type: ignore[no-untyped-call]


@pages.route(route="dashboard", methods=["GET"])
def dashboard(req: func.HttpRequest) -> func.HttpResponse:
    """Every chain with its freshness, what runs, and what broke."""
    from shared.web.pages import site, viewer

    return _response(site.overview_page(viewer.viewer_of(req.headers)))


@pages.route(route="dashboard/runs/{id}", methods=["GET"])
def dashboard_run(req: func.HttpRequest) -> func.HttpResponse:
    """A run with its timeline."""
    from shared.web.pages import site, viewer

    return _response(site.run_page(viewer.viewer_of(req.headers), req.route_params["id"]))


@pages.route(route="dashboard/chains/{chain}", methods=["GET"])
def dashboard_chain(req: func.HttpRequest) -> func.HttpResponse:
    """A chain's history, and a form that starts a run."""
    from shared.web.pages import site, viewer

    return _response(site.chain_page(viewer.viewer_of(req.headers), req.route_params["chain"], req.params))


@pages.route(route="dashboard/connections/{name}", methods=["GET"])
def dashboard_connection(req: func.HttpRequest) -> func.HttpResponse:
    """A connection's own job history."""
    from shared.web.pages import site, viewer

    return _response(site.connection_page(viewer.viewer_of(req.headers), req.route_params["name"], req.params))


@pages.route(route="dashboard/runs/{id}/cancel", methods=["POST"])
def dashboard_cancel(req: func.HttpRequest) -> func.HttpResponse:
    """The button that cancels a run."""
    from shared.web.pages import site, viewer

    return _response(site.cancel_form(viewer.viewer_of(req.headers), req.route_params["id"], req.get_body()))


@pages.route(route="dashboard/runs/{id}/rerun", methods=["POST"])
def dashboard_rerun(req: func.HttpRequest) -> func.HttpResponse:
    """The button that reruns a run."""
    from shared.web.pages import site, viewer

    return _response(site.rerun_form(viewer.viewer_of(req.headers), req.route_params["id"], req.get_body()))


@pages.route(route="dashboard/chains/{chain}/runs", methods=["POST"])
def dashboard_start(req: func.HttpRequest) -> func.HttpResponse:
    """The form that starts a run."""
    from shared.web.pages import site, viewer

    return _response(site.start_form(viewer.viewer_of(req.headers), req.route_params["chain"], req.get_body()))


@pages.route(route="dashboard/assets/{file}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def dashboard_asset(req: func.HttpRequest) -> func.HttpResponse:
    """The pages' style sheet and script, which hold no secret."""
    from shared.web.pages import assets

    return _response(assets.asset(req.route_params["file"]))


def _response(answer: Answer) -> func.HttpResponse:
    return func.HttpResponse(
        answer.body, status_code=answer.status, headers=dict(answer.headers), mimetype=answer.mimetype
    )
