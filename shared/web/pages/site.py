"""Each page and each form of the dashboard: what it answers, and the headers that keep browsers safe."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from shared.app import Baton
from shared.core.run import RunStatus
from shared.web import api
from shared.web.answer import Answer, Mistake, ProblemError
from shared.web.pages.connection_page import load_connection
from shared.web.pages.forms import form_of, key_of_form, parameters_of, said_in
from shared.web.pages.load import load_chain, load_overview, load_run
from shared.web.pages.render import render
from shared.web.pages.viewer import Viewer, checked
from shared.web.pages.words import moment, run_link
from shared.web.serve import told

BUSY_SECONDS, IDLE_SECONDS = 3, 30
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def page(viewer: Viewer, call: Callable[[Baton], Answer]) -> Answer:
    """The call's page, or one that says what went wrong."""
    try:
        return told(call)
    except ProblemError as problem:
        return _problem_page(viewer, problem)


def overview_page(viewer: Viewer) -> Answer:
    """`GET /api/dashboard`."""

    def call(baton: Baton) -> Answer:
        view = load_overview(baton)
        return _page(baton, viewer, "overview.html", busy=bool(view.running), view=view)

    return page(viewer, call)


def run_page(viewer: Viewer, run_id: str) -> Answer:
    """`GET /api/dashboard/runs/{id}`."""

    def call(baton: Baton) -> Answer:
        view = load_run(baton, run_id)
        return _page(baton, viewer, "run.html", busy=view.status == RunStatus.RUNNING, view=view)

    return page(viewer, call)


def chain_page(viewer: Viewer, name: str, query: Mapping[str, str]) -> Answer:
    """`GET /api/dashboard/chains/{chain}`."""

    def call(baton: Baton) -> Answer:
        view = load_chain(baton, name, dict(query))
        return _page(baton, viewer, "chain.html", busy=view.running, view=view)

    return page(viewer, call)


def connection_page(viewer: Viewer, name: str, query: Mapping[str, str]) -> Answer:
    """`GET /api/dashboard/connections/{name}`. It does not refresh itself: each view is a call to the service."""

    def call(baton: Baton) -> Answer:
        return _page(baton, viewer, "connection.html", busy=None, view=load_connection(baton, name, dict(query)))

    return page(viewer, call)


def cancel_form(viewer: Viewer, run_id: str, body: bytes) -> Answer:
    """`POST /api/dashboard/runs/{id}/cancel`."""

    def call(baton: Baton) -> Answer:
        checked(viewer, form_of(body))
        api.cancel_run(baton, run_id)
        return _go_to(run_link(run_id))

    return page(viewer, call)


def rerun_form(viewer: Viewer, run_id: str, body: bytes) -> Answer:
    """`POST /api/dashboard/runs/{id}/rerun`: `from` is as in the API."""

    def call(baton: Baton) -> Answer:
        form = form_of(body)
        checked(viewer, form)
        begin = json.dumps({"from": form.get("from", "failed")}).encode()
        answer = api.rerun_run(baton, run_id, begin, key_of_form(form))
        return _go_to(run_link(json.loads(answer.body)["id"]))

    return page(viewer, call)


def start_form(viewer: Viewer, chain: str, body: bytes) -> Answer:
    """`POST /api/dashboard/chains/{chain}/runs`. What does not fit comes back in the form, with the reason."""

    def call(baton: Baton) -> Answer:
        form = form_of(body)
        checked(viewer, form)
        said = said_in(form)
        try:
            return _go_to(_started(baton, chain, said, key_of_form(form)))
        except ProblemError as problem:
            if chain not in baton.chains_file.chains:
                raise
            mistakes = problem.errors or (Mistake("", problem.detail),)
            view = load_chain(baton, chain, {}, said, tuple(mistakes))
            return _page(baton, viewer, "chain.html", busy=None, status=problem.status, view=view)

    return page(viewer, call)


def _started(baton: Baton, name: str, said: Mapping[str, str], key: str | None) -> str:
    """The page of the run."""
    chain = baton.chains_file.chains.get(name)
    parameters = parameters_of(chain, said) if chain else {}
    answer = api.start_run(baton, name, json.dumps({"parameters": parameters}).encode(), key)
    return run_link(json.loads(answer.body)["id"])


def _page(
    baton: Baton, viewer: Viewer, template: str, *, busy: bool | None, status: int = 200, **values: Any
) -> Answer:
    """`busy`: whether it soon looks different; None for a page that must not refresh itself."""
    now = baton.world.now()
    seconds = None if busy is None else BUSY_SECONDS if busy else IDLE_SECONDS
    body = render(
        template,
        viewer=viewer,
        now=moment(now, now),
        refresh_seconds=seconds,
        key=baton.world.fresh_id(),
        **values,
    )
    return Answer(status=status, body=body, mimetype="text/html", headers=HEADERS)


def _problem_page(viewer: Viewer, problem: ProblemError) -> Answer:
    body = render(
        "problem.html",
        viewer=viewer,
        now=None,
        refresh_seconds=None,
        status=problem.status,
        title=HTTPStatus(problem.status).phrase,
        detail=problem.detail,
        errors=problem.errors,
        running=[(each, run_link(each)) for each in problem.members.get("running", ())],
    )
    return Answer(status=problem.status, body=body, mimetype="text/html", headers={**HEADERS, **problem.headers})


def _go_to(address: str) -> Answer:
    """303: a reload of what comes next sends no form again."""
    return Answer(status=303, body="", mimetype="text/html", headers={**HEADERS, "Location": address})
