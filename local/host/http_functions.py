"""Requests to HTTP functions: find the route, check the key, run, answer."""

from __future__ import annotations

from collections.abc import Sequence

from local.host.errors import HostStoppingError, InvocationFailedError
from local.host.index import FunctionEntry, HttpTrigger
from local.host.invoke import Invoker
from local.host.keys import Keys
from local.host.messages import WebRequest, WebResponse
from local.host.payloads import http_payload
from local.host.render import render
from local.host.routes import match_route


class HttpFunctions:
    """Answers a request with the function that its path and method name."""

    def __init__(self, entries: Sequence[FunctionEntry], *, keys: Keys, invoker: Invoker) -> None:
        self._functions = [(entry, entry.trigger) for entry in entries if isinstance(entry.trigger, HttpTrigger)]
        self._routes = [trigger.route for _, trigger in self._functions]
        self._keys = keys
        self._invoker = invoker

    def answer(self, request: WebRequest) -> WebResponse:
        """404 without a route, 401 without the key, 500 with an empty body when the function failed."""
        match = match_route(self._routes, request.method, request.path)
        if match is None:
            return WebResponse(404)
        index, route_values = match
        entry, trigger = self._functions[index]
        if not self._keys.opens_function(trigger.auth_level, request):
            return WebResponse(401)
        try:
            return self._invoker.call(entry, lambda: http_payload(request, route_values), render)
        except InvocationFailedError:
            return WebResponse(500)
        except HostStoppingError:
            return WebResponse(503)
