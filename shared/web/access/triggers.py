"""HTTP triggers that look for themselves who calls: the dashboard's doors, and jobs that call back."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import azure.functions as func

if TYPE_CHECKING:
    from shared.web.access.visitor import Visit
    from shared.web.answer import Answer

doors = func.Blueprint()  # type: ignore[no-untyped-call]


@doors.route(route="dashboard/sign-in", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def dashboard_sign_in(req: func.HttpRequest) -> func.HttpResponse:
    """Asks for the key."""
    from shared.web.access.sign_in import sign_in

    return _response(sign_in(visit_of(req, "dashboard_sign_in")))


@doors.route(route="dashboard/sign-in", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
def dashboard_enter(req: func.HttpRequest) -> func.HttpResponse:
    """Gives a session to who knows the key."""
    import secrets

    from shared.web.access.sign_in import enter_key

    return _response(enter_key(visit_of(req, "dashboard_enter"), req.get_body(), secrets.token_urlsafe(16)))


@doors.route(route="dashboard/sign-out", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
def dashboard_sign_out(req: func.HttpRequest) -> func.HttpResponse:
    """Ends a session."""
    from shared.web.access.sign_in import sign_out

    return _response(sign_out(visit_of(req, "dashboard_sign_out")))


@doors.route(route="runs/{id}/steps/{step}/callback", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
def step_callback(req: func.HttpRequest) -> func.HttpResponse:
    """A job says that it is done; the token in its address says which one."""
    from shared.web.callback import called
    from shared.web.serve import answered

    route = req.route_params
    return _response(
        answered(lambda baton: called(baton, route["id"], route["step"], req.params.get("token", "")))
    )


def visit_of(req: func.HttpRequest, function: str) -> Visit:
    """The request as `shared.web.access.visitor.enter` takes it."""
    from shared.app import baton, utc_now
    from shared.web.access.visitor import Visit

    return Visit(
        function=function,
        method=req.method or "",
        url=req.url,
        headers={name.lower(): value for name, value in req.headers.items()},
        environment=os.environ,
        now=utc_now(),
        secret=lambda: baton().world.callbacks.secret().hex(),
    )


def _response(answer: Answer) -> func.HttpResponse:
    return func.HttpResponse(
        answer.body, status_code=answer.status, headers=dict(answer.headers), mimetype=answer.mimetype
    )
