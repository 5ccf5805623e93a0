"""How the services of a simulation reach the simulated Azure: by the real clients, or straight.

The real clients spend most of a seed's time on building and parsing requests. The straight way makes the same
requests and gives the same answers and exceptions without them; a test plays seeds both ways and compares.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cached_property
from io import BytesIO
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import requests
from azure.core.exceptions import HttpResponseError, ServiceResponseError
from requests.adapters import BaseAdapter

from local.simulated_azure.adapter import as_requests, simulated_request
from local.simulated_azure.messages import LostError, Request, Response
from shared.core.definition import Connection
from shared.ports import Service
from shared.services.data_factory import FactoryCalls
from shared.services.fabric import Fabric
from shared.services.pipelines import PipelineService
from shared.services.power_bi_workspace import PowerBiWorkspace
from shared.services.reach import Reach
from shared.services.synapse import Synapse

Handle = Callable[[Request], Response]


class Adapter(BaseAdapter):
    """The end of the real clients' way: a requests session sends what it has prepared."""

    def __init__(self, handle: Handle) -> None:
        super().__init__()
        self._handle = handle

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        try:
            return as_requests(request, self._handle(simulated_request(request)))
        except LostError as lost:
            raise requests.ConnectionError("the connection was dropped", request=request) from lost

    def close(self) -> None:
        """There is nothing to close."""


def real_session(handle: Handle) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", Adapter(handle))
    return session


class StraightSession:
    """What services use of a requests session."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    def request(
        self,
        method: str,
        url: str,
        *,
        json: Any = None,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None = None,
        **_more: Any,
    ) -> requests.Response:
        parts = urlsplit(url)
        lower = {name.lower(): value for name, value in headers.items()} | {"host": parts.netloc}
        body = b"" if json is None else _dumped(json)
        try:
            told = self._handle(
                Request(
                    method=method,
                    path=unquote(parts.path),
                    query=dict(parse_qsl(parts.query)) | dict(params or {}),
                    headers=lower,
                    body=body,
                )
            )
        except LostError as lost:
            raise requests.ConnectionError("the connection was dropped") from lost
        answer = requests.Response()
        answer.status_code = told.status
        answer.headers = requests.structures.CaseInsensitiveDict(told.headers)
        answer.raw = BytesIO(told.body)
        answer.encoding = "utf-8"
        return answer


class StraightCalls(FactoryCalls):
    """A factory's operations as they are, over a client that goes straight to the simulated Azure."""

    @cached_property
    def _client(self) -> Any:
        identity = self._reach.identities.of(self._connection.credential)
        session = cast("StraightSession", self._reach.session)
        base = (
            f"/subscriptions/{self._connection.subscription}/resourceGroups/{self._connection.resource_group}"
            f"/providers/Microsoft.DataFactory/factories/"
        )
        authorization = identity.bearer(self._reach.settings.resource_manager_scope)
        return _Client(session._handle, base, {"authorization": authorization, "host": "management.azure.com"})


def straight_data_factory(connection: Connection, reach: Reach) -> Service:
    """The service as it is."""
    return PipelineService(connection, StraightCalls(connection, reach), reach.clock)


_NOTHING: Mapping[str, str] = {}
_CONTINUING = {  # what a start says of the run that it continues
    "reference_pipeline_run_id": "referencePipelineRunId",
    "is_recovery": "isRecovery",
    "start_from_failure": "startFromFailure",
}


def _said(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


class _Client:
    """The part of DataFactoryManagementClient that the service uses."""

    def __init__(self, handle: Handle, base: str, headers: Mapping[str, str]) -> None:
        self._handle = handle
        self._base = base
        self._headers = headers
        self.pipelines = SimpleNamespace(create_run=self._create_run)
        self.pipeline_runs = SimpleNamespace(query_by_factory=self._query, get=self._get, cancel=self._cancel)
        self.activity_runs = SimpleNamespace(query_by_pipeline_run=self._activities)

    def _create_run(
        self, _group: str, factory: str, pipeline: str, *, parameters: Any, raw_request_hook: Any, **options: Any
    ) -> Any:
        raw_request_hook(None)
        said = {wire: _said(options[name]) for name, wire in _CONTINUING.items() if options.get(name) is not None}
        return self._send("POST", f"{factory}/pipelines/{quote(pipeline)}/createRun", parameters, options, said)

    def _query(self, _group: str, factory: str, body: Any, **options: Any) -> Any:
        return self._send("POST", f"{factory}/queryPipelineRuns", body, options)

    def _activities(self, _group: str, factory: str, run_id: str, body: Any, **options: Any) -> Any:
        return self._send("POST", f"{factory}/pipelineruns/{run_id}/queryActivityruns", body, options)

    def _get(self, _group: str, factory: str, run_id: str, **options: Any) -> Any:
        return self._send("GET", f"{factory}/pipelineruns/{run_id}", None, options)

    def _cancel(self, _group: str, factory: str, run_id: str, **options: Any) -> Any:
        return self._send("POST", f"{factory}/pipelineruns/{run_id}/cancel", None, options)

    def _send(
        self, method: str, path: str, body: Any, options: Mapping[str, Any], query: Mapping[str, str] = _NOTHING
    ) -> Any:
        request = Request(
            method=method,
            path=self._base + unquote(path),
            query={"api-version": "2018-06-01", **query},
            headers=self._headers,
            body=b"" if body is None else _dumped(body),
        )
        try:
            told = self._handle(request)
        except LostError as lost:
            raise ServiceResponseError("the connection was dropped") from lost
        answer = _Answer(told)
        if told.status != 200:
            raise HttpResponseError(response=cast("Any", answer))
        return options["cls"](SimpleNamespace(http_response=answer), None, {})


class _Answer:
    """What the service reads of an azure-core response."""

    def __init__(self, told: Response) -> None:
        self.status_code = told.status
        self.headers = told.headers
        self.reason = ""
        self._body = told.body

    def text(self) -> str:
        return self._body.decode()

    body = text


STRAIGHT: Mapping[str, Callable[[Connection, Reach], Service]] = {
    "data_factory": straight_data_factory,
    "synapse": Synapse,
    "fabric": Fabric,
    "power_bi": PowerBiWorkspace,
}


def _dumped(value: Any) -> bytes:
    return json.dumps(value).encode()
