"""Data Factory: its operations through Azure Resource Manager.

Facts: the service's REST documents (api-version 2018-06-01); the client is azure-mgmt-datafactory, imported at
first use, with every repetition of its own switched off: a start must never be sent twice, and a look is
repeated by the watch.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from shared.core.definition import Connection, StepDefinition
from shared.ports import Problem
from shared.services.answers import bad_answer, no_answer
from shared.services.factory_rights import missing_actions
from shared.services.pipeline_checks import PARAMETER_CODES
from shared.services.pipelines import Continued, PipelineService, nonsense, too_late
from shared.services.reach import CONNECT_SECONDS, READ_SECONDS, Reach, is_plain_http

if TYPE_CHECKING:
    from azure.mgmt.datafactory import DataFactoryManagementClient

_REMEDY = (
    "Give the identity a role at factory {factory}: the custom role 'Baton pipeline runner' that the deployment"
    " makes (infra/modules/factory-access.bicep), or Data Factory Contributor. It needs, under"
    " Microsoft.DataFactory/factories: pipelines/read, pipelines/createrun/action, pipelineruns/read,"
    " pipelineruns/cancel/action, querypipelineruns and pipelineruns/queryactivityruns."
)


class DataFactory(PipelineService):
    """One factory, as one identity sees it."""

    def __init__(self, connection: Connection, reach: Reach) -> None:
        super().__init__(connection, FactoryCalls(connection, reach), reach.clock)
        self._reach = reach

    def check(self, definitions: Sequence[StepDefinition]) -> Sequence[Problem]:
        """Here the right to start and to cancel can be asked for as well."""
        problems = super().check(definitions)
        if any(problem.code not in ("not_found", *PARAMETER_CODES) for problem in problems):
            return problems
        missing = missing_actions(self._connection, self._reach)
        if not missing:
            return problems
        text = f"The identity's roles at factory {self._connection.factory} lack {', '.join(missing)}."
        return [*problems, Problem("forbidden", f"{text} {_REMEDY.format(factory=self._connection.factory)}")]


class FactoryCalls:
    """A factory's operations through Azure's own client."""

    finds_failure = True

    def __init__(self, connection: Connection, reach: Reach) -> None:
        self._connection = connection
        self._reach = reach
        self._place = (connection.resource_group or "", connection.factory or "")
        self.where = f"factory {connection.factory} in resource group {connection.resource_group}"

    def create_run(
        self,
        pipeline: str,
        parameters: Mapping[str, Any],
        continued: Continued | None,
        send_before: Callable[[], bool],
    ) -> Mapping[str, Any]:
        def fence(_request: object) -> None:
            if not send_before():
                raise too_late()

        # A run that continues another takes that one's parameters; a body would not be read.
        goes_on = True if continued is not None else None
        return self._call(
            f"starting pipeline {pipeline!r}",
            lambda: self._client.pipelines.create_run(
                *self._place,
                pipeline,
                parameters=None if continued else dict(parameters) or None,
                reference_pipeline_run_id=continued.run_id if continued else None,
                is_recovery=goes_on,
                start_from_failure=goes_on,
                raw_request_hook=fence,
                **self._options(),
            ),
            starting=True,
        )

    def get_run(self, run_id: str) -> Mapping[str, Any]:
        return self._call(
            f"reading run {run_id}",
            lambda: self._client.pipeline_runs.get(*self._place, run_id, **self._options()),
        )

    def query_runs(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        wire: Any = body  # the client takes the wire form as it is
        return self._call(
            "querying pipeline runs",
            lambda: self._client.pipeline_runs.query_by_factory(*self._place, wire, **self._options()),
        )

    def query_activities(
        self, pipeline: str, run_id: str, body: Mapping[str, Any], *, seconds: float
    ) -> Mapping[str, Any]:
        wire: Any = body
        return self._call(
            f"querying activities of run {run_id}",
            lambda: self._client.activity_runs.query_by_pipeline_run(
                *self._place, run_id, wire, **self._options(seconds)
            ),
        )

    def cancel_run(self, run_id: str) -> None:
        self._call(
            f"cancelling run {run_id}",
            lambda: self._client.pipeline_runs.cancel(*self._place, run_id, is_recursive=True, **self._options()),
        )

    def get_pipeline(self, pipeline: str) -> Mapping[str, Any]:
        return self._call(
            f"reading pipeline {pipeline!r}",
            lambda: self._client.pipelines.get(*self._place, pipeline, **self._options()),
        )

    def pipeline_names(self) -> Sequence[str]:
        """Of the first page: enough to find the nearest."""
        options = {name: value for name, value in self._options().items() if name != "cls"}

        def listed() -> dict[str, Any]:
            pages = self._client.pipelines.list_by_factory(*self._place, **options).by_page()
            return {"names": [str(each.name) for each in next(pages, ())]}

        return list(self._call("listing pipelines", listed)["names"])

    def link(self, run_id: str) -> str:
        group, factory = self._place
        resource = (
            f"/subscriptions/{self._connection.subscription}/resourceGroups/{group}"
            f"/providers/Microsoft.DataFactory/factories/{factory}"
        )
        portal = self._reach.settings.data_factory_portal
        return f"{portal}/en/monitoring/pipelineruns/{quote(run_id, safe='')}?factory={quote(resource, safe='')}"

    def _call(self, what: str, call: Callable[[], Any], *, starting: bool = False) -> Mapping[str, Any]:
        """The answer's JSON as it came over the wire. Raises BatonError."""
        from azure.core.exceptions import (
            AzureError,
            DecodeError,
            HttpResponseError,
            ServiceRequestError,
            ServiceResponseError,
        )

        told = f"{what} at {self._connection.name} ({self._connection.factory})"
        try:
            answered = call()
        except (ServiceRequestError, ServiceResponseError, DecodeError) as error:
            raise no_answer(told, error, starting=starting) from error
        except (ValueError, TypeError, AttributeError) as error:  # the client made nothing of the body
            raise nonsense(told, starting=starting) from error
        except HttpResponseError as error:
            answer: Any = error.response
            if answer is None:
                raise no_answer(told, error, starting=starting) from error
            remedy = _REMEDY.format(factory=self._connection.factory) if answer.status_code in (401, 403) else ""
            raise bad_answer(
                told, answer.status_code, answer.headers, answer.text(), starting=starting, remedy=remedy
            ) from error
        except AzureError as error:
            raise no_answer(told, error, starting=starting) from error
        if not isinstance(answered, dict):
            raise nonsense(told, starting=starting)
        return answered

    def _options(self, seconds: float = READ_SECONDS) -> dict[str, Any]:
        """Per call: the answer's own JSON, which holds fields that the client's models leave out."""
        return {
            "cls": lambda answer, _model, _headers: _json(answer.http_response),
            "retry_total": 0,
            "connection_timeout": CONNECT_SECONDS,
            "read_timeout": seconds,
            "enforce_https": not is_plain_http(self._reach.settings.resource_manager_endpoint),
        }

    @cached_property
    def _client(self) -> DataFactoryManagementClient:
        from azure.core.pipeline.transport import RequestsTransport
        from azure.mgmt.datafactory import DataFactoryManagementClient

        endpoint = self._reach.settings.resource_manager_endpoint
        return DataFactoryManagementClient(
            self._reach.identities.of(self._connection.credential),
            self._connection.subscription or "",
            base_url=endpoint,
            credential_scopes=[self._reach.settings.resource_manager_scope],
            transport=RequestsTransport(session=self._reach.session, session_owner=False),
            retry_total=0,
        )


def _json(response: Any) -> Any:
    text = response.text()
    return json.loads(text) if text.strip() else {}
