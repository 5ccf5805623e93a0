"""HTTP triggers that look for themselves who calls: the dashboard's doors, and jobs that call back."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import azure.functions as func

from shared.web.replies import headers_of, response

if TYPE_CHECKING:
    from shared.web.access.visitor import Visit

doors = func.Blueprint()  # type: ignore[no-untyped-call]


@doors.route(route="dashboard/sign-in", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def dashboard_sign_in(req: func.HttpRequest) -> func.HttpResponse:
    """Asks for the key."""
    from shared.web.access.sign_in import sign_in

    return response(sign_in(visit_of(req, "dashboard_sign_in")))


@doors.route(route="dashboard/sign-in", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
def dashboard_enter(req: func.HttpRequest) -> func.HttpResponse:
    """Gives a session to who knows the key."""
    import secrets

    from shared.web.access.sign_in import enter_key

    return response(enter_key(visit_of(req, "dashboard_enter"), req.get_body(), secrets.token_urlsafe(16)))


@doors.route(route="dashboard/sign-out", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
def dashboard_sign_out(req: func.HttpRequest) -> func.HttpResponse:
    """Ends a session."""
    from shared.web.access.sign_in import sign_out

    return response(sign_out(visit_of(req, "dashboard_sign_out")))


@doors.route(route="runs/{id}/steps/{step}/callback", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
def step_callback(req: func.HttpRequest) -> func.HttpResponse:
    """A job says that it is done; the token in its address says which one."""
    from shared.web.callback import called
    from shared.web.serve import answered

    route = req.route_params
    return response(answered(lambda baton: called(baton, route["id"], route["step"], req.params.get("token", ""))))


def visit_of(req: func.HttpRequest, function: str) -> Visit:
    """The request as `shared.web.access.visitor.enter` takes it."""
    from shared.app import baton, utc_now
    from shared.web.access.visitor import Visit

    return Visit(
        function=function,
        method=req.method or "",
        url=req.url,
        headers=headers_of(req),
        environment=os.environ,
        now=utc_now(),
        secret=lambda: baton().world.callbacks.secret().hex(),
    )
