"""Requests to HTTP functions: find the route, check the key, run, answer."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from local.host.errors import HostStoppingError, InvocationFailedError
from local.host.index import FunctionEntry, HttpTrigger
from local.host.invoke import Invoker
from local.host.keys import Keys
from local.host.messages import WebRequest, WebResponse
from local.host.payloads import http_payload
from local.host.render import render
from local.host.routes import match_route

RETRY_SECONDS = "2"


class HttpFunctions:
    """Answers a request with the function that its path and method name.

    `most_at_once`: how many requests wait or run at a time (-1: any number). Beyond it they are refused at once,
    before they have done anything, rather than answered after their callers have gone.
    """

    def __init__(
        self, entries: Sequence[FunctionEntry], *, keys: Keys, invoker: Invoker, most_at_once: int
    ) -> None:
        self._functions = [(entry, entry.trigger) for entry in entries if isinstance(entry.trigger, HttpTrigger)]
        self._routes = [trigger.route for _, trigger in self._functions]
        self._keys = keys
        self._invoker = invoker
        self._most_at_once = most_at_once
        self._outstanding = 0
        self._lock = threading.Lock()

    def answer(self, request: WebRequest) -> WebResponse:
        """404 without a route, 401 without the key, 429 when too many wait, 500 when the function failed."""
        match = match_route(self._routes, request.method, request.path)
        if match is None:
            return WebResponse(404)
        index, route_values = match
        entry, trigger = self._functions[index]
        if not self._keys.opens_function(trigger.auth_level, request):
            return WebResponse(401)
        if not self._enter():
            return WebResponse(429, headers=(("retry-after", RETRY_SECONDS),))
        try:
            return self._invoker.call(entry, lambda: http_payload(request, route_values), render)
        except InvocationFailedError:
            return WebResponse(500)
        except HostStoppingError:
            return WebResponse(503, headers=(("retry-after", RETRY_SECONDS),))
        finally:
            self._leave()

    def _enter(self) -> bool:
        with self._lock:
            if self._outstanding == self._most_at_once:
                return False
            self._outstanding += 1
            return True

    def _leave(self) -> None:
        with self._lock:
            self._outstanding -= 1
