"""Calls made from the description alone, over HTTP: fitting ones are taken, others refused, all as described."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import schemathesis
from hypothesis import HealthCheck, assume, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi import checks

from local.simulated_azure.sample import SUBSCRIPTION, sample_azure
from local.simulated_azure.server import Server
from shared.web.openapi import document, paths
from tests.end_to_end.conftest import HostProcess, free_port
from tests.end_to_end.host_process import KEY

CALLS = [
    (path, method.upper(), mode)
    for path, item in paths().items()
    if not path.startswith("/api/dashboard")  # pages: tests/web/pages and tests/browser have them
    for method, operation in item.items()
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or "parameters" in operation
]
BOUNDED = settings(
    max_examples=100, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
AnyCase = Case[Any]
HEADERS = {"x-functions-key": KEY}
# Left out: that a known path with another method is a 405. The platform has no word for that: it is a 404.
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.positive_data_acceptance,
    checks.negative_data_rejection,
]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    """One host for all calls: what one of them leaves behind must not matter to the next."""
    azure = sample_azure(lambda: datetime.now(UTC), speed=6)
    with Server(azure) as server:
        storage = f"sqlite:{tmp_path_factory.mktemp('state')}/baton.db"
        made = HostProcess(
            {**server.settings(), "SUBSCRIPTION_ID": SUBSCRIPTION, "AzureWebJobsStorage": storage}, free_port()
        )
        made.start()
        yield made
        made.kill()


@pytest.fixture(scope="module")
def schema() -> BaseSchema:
    generation = GenerationConfig(with_security_parameters=False, allow_extra_parameters=False, database="none")
    config = SchemathesisConfig(projects=ProjectsConfig(default=ProjectConfig(generation=generation)))
    return schemathesis.openapi.from_dict(document(), config=config)


def is_wrong(case: AnyCase, where: ParameterLocation) -> bool:
    found = case.meta.components.get(where) if case.meta else None
    return found is not None and found.mode.is_negative


def aimed(case: AnyCase, mode: GenerationMode) -> AnyCase:
    """A call that could reach a chain or a connection does reach one."""
    if is_wrong(case, ParameterLocation.PATH):
        return case
    if "name" in case.path_parameters:
        case.path_parameters = {"name": "sales-adf"}
        if mode is GenerationMode.POSITIVE:  # what else there is depends on the connection, or on a page before
            case.query = {name: value for name, value in case.query.items() if name == "limit"}
    if "chain" not in case.path_parameters:
        return case
    case.path_parameters = {"chain": "sales-daily"}
    if mode is GenerationMode.POSITIVE and isinstance(case.body, dict):
        case.body = sensible(case.body)
    return case


def sensible(body: dict[str, Any]) -> dict[str, Any]:
    """The body with what fits its schema, and what this chain and this day take besides."""
    values = list(body.get("parameters", {}).values())
    said = {"parameters": {"region": values[0]} if values else {}} if "parameters" in body else {}
    fitting = {"callBackUri": None, "until": "2100-01-01T00:00:00Z", "times": ["2026-01-01T00:00:00Z"]}
    fitting |= {"from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"}
    return body | said | {name: value for name, value in fitting.items() if name in body}


def has_empty_value(url: str) -> bool:
    """The platform drops empty values before anybody sees them: `?limit=` asks for nothing."""
    return any(not value for _, value in parse_qsl(urlsplit(url).query, keep_blank_values=True))


@pytest.mark.parametrize(("path", "method", "mode"), CALLS, ids=str)
def test_calls_from_the_description_are_answered_as_it_says(
    host: HostProcess, schema: BaseSchema, path: str, method: str, mode: GenerationMode
) -> None:
    operation = schema[path][method]
    answered: Counter[int] = Counter()

    @given(case=operation.as_strategy(generation_mode=mode))
    @BOUNDED
    def call(case: AnyCase) -> None:
        response = aimed(case, mode).call(base_url=host.url, headers=HEADERS)
        assume(mode is GenerationMode.POSITIVE or not has_empty_value(str(response.request.url)))
        case.validate_response(response, checks=CHECKS, headers=HEADERS)
        answered[response.status_code] += 1

    call()
    if mode is GenerationMode.POSITIVE and "{id}" not in path:
        assert answered[202 if method == "POST" else 200] > BOUNDED.max_examples / 2 or not operation.query, (
            answered
        )
