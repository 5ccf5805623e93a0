"""The dashboard's HTTP triggers, each a few lines. They are registered in function_app.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import azure.functions as func

from shared.web.access.triggers import visit_of
from shared.web.replies import response

if TYPE_CHECKING:
    from shared.web.answer import Answer
    from shared.web.pages.viewer import Viewer

OPEN = func.AuthLevel.ANONYMOUS  # `enter` looks who it is

pages = func.Blueprint()  # type: ignore[no-untyped-call]


@pages.route(route="dashboard", methods=["GET"], auth_level=OPEN)
def dashboard(req: func.HttpRequest) -> func.HttpResponse:
    """Every chain with its freshness, what runs, and what broke."""
    from shared.web.pages import site

    return _seen(req, "dashboard", site.overview_page)


@pages.route(route="dashboard/runs/{id}", methods=["GET"], auth_level=OPEN)
def dashboard_run(req: func.HttpRequest) -> func.HttpResponse:
    """A run with its timeline."""
    from shared.web.pages import site

    return _seen(req, "dashboard_run", lambda viewer: site.run_page(viewer, req.route_params["id"]))


@pages.route(route="dashboard/chains/{chain}", methods=["GET"], auth_level=OPEN)
def dashboard_chain(req: func.HttpRequest) -> func.HttpResponse:
    """A chain's history, and a form that starts a run."""
    from shared.web.pages import site

    return _seen(
        req, "dashboard_chain", lambda viewer: site.chain_page(viewer, req.route_params["chain"], req.params)
    )


@pages.route(route="dashboard/connections/{name}", methods=["GET"], auth_level=OPEN)
def dashboard_connection(req: func.HttpRequest) -> func.HttpResponse:
    """A connection's own job history."""
    from shared.web.pages import site

    return _seen(
        req,
        "dashboard_connection",
        lambda viewer: site.connection_page(viewer, req.route_params["name"], req.params),
    )


@pages.route(route="dashboard/runs/{id}/cancel", methods=["POST"], auth_level=OPEN)
def dashboard_cancel(req: func.HttpRequest) -> func.HttpResponse:
    """The button that cancels a run."""
    from shared.web.pages import site

    return _seen(
        req, "dashboard_cancel", lambda viewer: site.cancel_form(viewer, req.route_params["id"], req.get_body())
    )


@pages.route(route="dashboard/runs/{id}/rerun", methods=["POST"], auth_level=OPEN)
def dashboard_rerun(req: func.HttpRequest) -> func.HttpResponse:
    """The button that reruns a run."""
    from shared.web.pages import site

    return _seen(
        req, "dashboard_rerun", lambda viewer: site.rerun_form(viewer, req.route_params["id"], req.get_body())
    )


@pages.route(route="dashboard/chains/{chain}/runs", methods=["POST"], auth_level=OPEN)
def dashboard_start(req: func.HttpRequest) -> func.HttpResponse:
    """The form that starts a run."""
    from shared.web.pages import site

    return _seen(
        req, "dashboard_start", lambda viewer: site.start_form(viewer, req.route_params["chain"], req.get_body())
    )


@pages.route(route="dashboard/assets/{file}", methods=["GET"], auth_level=OPEN)
def dashboard_asset(req: func.HttpRequest) -> func.HttpResponse:
    """The pages' style sheet and script, which hold no secret."""
    from shared.web.pages import assets

    return response(assets.asset(req.route_params["file"]))


def _seen(req: func.HttpRequest, function: str, make: Callable[[Viewer], Answer]) -> func.HttpResponse:
    """The page for whoever may see it."""
    from shared.web.access.visitor import Visitor, enter

    seen = enter(visit_of(req, function))
    return response(make(seen) if isinstance(seen, Visitor) else seen)
