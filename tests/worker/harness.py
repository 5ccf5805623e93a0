"""Runs an app inside this process under `azure-functions-runtime`, the library that Azure's worker is made of.

The app is indexed, and its functions are invoked, through the library's own entry points, so decoding, threads,
context and return values are Azure's. The library keeps global state: one app for each process. It needs
Python 3.13 or newer.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.worker import protos


@dataclass(frozen=True)
class Indexed:
    """One function as the Functions host would be told of it. `bindings` are parsed."""

    name: str
    function_id: str
    bindings: list[dict[str, Any]]

    @property
    def trigger(self) -> dict[str, Any]:
        return next(binding for binding in self.bindings if binding["type"].endswith("Trigger"))


@dataclass(frozen=True)
class Outcome:
    """One invocation. `http` is {"status", "headers", "body"} of an HTTP function that answered; `at`: when it was
    over, by the machine's monotonic clock."""

    function: str
    ok: bool
    error: str | None
    http: dict[str, Any] | None
    at: float = 0.0


class IndexingError(Exception):
    """The worker refused the app. The message is the worker's."""


def run_app(app_root: Path, requests: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Indexes the app and makes the invocations one after the other.

    A request is {"function": name} and one of {"http": {method, url, headers, query, params, body}},
    {"timer": {past_due}}, {"queue": {body, metadata}}, {"event_grid": event}. Returns {"error", "functions",
    "results", "indexed_at"}; `error` is the worker's text when it refused the app.
    """
    return asyncio.run(_run(app_root, requests))


async def _run(app_root: Path, requests: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    runtime: Any = importlib.import_module("azure_functions_runtime")
    sys.path.insert(0, str(app_root))
    try:
        functions = await _index(runtime, app_root)
    except IndexingError as error:
        return {"error": str(error), "functions": [], "results": [], "indexed_at": None}
    indexed_at = time.monotonic()
    by_name = {function.name: function for function in functions}
    runtime.start_threadpool_executor()
    try:
        outcomes = [await _timed(runtime, by_name[request["function"]], request) for request in requests]
    finally:
        runtime.stop_threadpool_executor()
    return {
        "error": None,
        "functions": [{"name": function.name, "bindings": function.bindings} for function in functions],
        "results": [asdict(outcome) for outcome in outcomes],
        "indexed_at": indexed_at,
    }


async def _index(runtime: Any, app_root: Path) -> list[Indexed]:
    init = SimpleNamespace(capabilities={}, function_app_directory=str(app_root))
    response = await runtime.worker_init_request(_envelope(worker_init_request=init))
    if response.result.status != protos.StatusResult.Success:
        raise IndexingError(response.result.exception.message)
    response = await runtime.functions_metadata_request(_envelope(functions_metadata_request=SimpleNamespace()))
    return [
        Indexed(found.name, found.function_id, [json.loads(raw) for raw in found.raw_bindings])
        for found in response.function_metadata_results
    ]


async def _timed(runtime: Any, function: Indexed, request: Mapping[str, Any]) -> Outcome:
    outcome = await _invoke(runtime, function, request)
    return replace(outcome, at=time.monotonic())


async def _invoke(runtime: Any, function: Indexed, request: Mapping[str, Any]) -> Outcome:
    invocation = SimpleNamespace(
        invocation_id=str(uuid.uuid4()),
        function_id=function.function_id,
        input_data=[protos.ParameterBinding(name=function.trigger["name"], data=_data(request))],
        trigger_metadata=_metadata(request),
        trace_context=SimpleNamespace(trace_parent="", trace_state="", attributes={}),
        retry_context=SimpleNamespace(retry_count=0, max_retry_count=0, exception=None),
    )
    response = await runtime.invocation_request(_envelope(invocation_request=invocation))
    if response.result.status != protos.StatusResult.Success:
        return Outcome(function.name, ok=False, error=response.result.exception.message, http=None)
    return Outcome(function.name, ok=True, error=None, http=_http(response.return_value))


def _envelope(**request: object) -> SimpleNamespace:
    return SimpleNamespace(request=SimpleNamespace(**request), properties={"host": "127.0.0.1", "protos": protos})


def _data(request: Mapping[str, Any]) -> protos.TypedData:
    if "http" in request:
        return protos.TypedData(http=_http_request(**request["http"]))
    if "timer" in request:
        timer = {"IsPastDue": request["timer"].get("past_due", False), "Schedule": {}, "ScheduleStatus": {}}
        return protos.TypedData(json=json.dumps(timer))
    if "queue" in request:
        return protos.TypedData(string=request["queue"]["body"])
    return protos.TypedData(json=json.dumps(request["event_grid"]))


def _http_request(
    *,
    method: str = "GET",
    url: str = "http://127.0.0.1/",
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    body: str = "",
) -> protos.RpcHttp:
    return protos.RpcHttp(
        method=method,
        url=url,
        headers=dict(headers or {}),
        query=dict(query or {}),
        params=dict(params or {}),
        body=protos.TypedData(bytes=body.encode()),
    )


def _metadata(request: Mapping[str, Any]) -> dict[str, protos.TypedData]:
    """As the Functions host sends it: text as a string, anything else as JSON."""
    values = request.get("queue", {}).get("metadata", {})
    return {
        name: protos.TypedData(string=value)
        if isinstance(value, str)
        else protos.TypedData(json=json.dumps(value))
        for name, value in values.items()
    }


def _http(value: Any) -> dict[str, Any] | None:
    if value is None:
        return None
    if value.WhichOneof("data") != "http":
        return {"status": 200, "headers": {}, "body": value.string}
    return {
        "status": int(value.http.status_code),
        "headers": dict(value.http.headers),
        "body": value.http.body.bytes.decode(),
        "cookies": [_cookie(cookie) for cookie in getattr(value.http, "cookies", None) or ()],
    }


def _cookie(cookie: Any) -> dict[str, Any]:
    return {
        "name": cookie.name,
        "path": cookie.path.value,
        "secure": cookie.secure.value,
        "http_only": cookie.http_only.value,
        "same_site": cookie.same_site,
        "max_age": cookie.max_age.value,
    }
