"""The check against the services' documents: what it must find, and what it must let through."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from local.simulated_azure.messages import Request, Response, answer
from tests.documents import DEPARTURES, SPECS, Documents, example_problems

pytestmark = pytest.mark.skipif(not SPECS.is_dir(), reason="the services' documents are not at hand")

FACTORY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.DataFactory/factories/f-1"
MODEL = "/v1.0/myorg/groups/g/datasets/d"
WORKSPACE = "/synapse/w"
ADF, SYNAPSE = {"api-version": "2018-06-01"}, {"api-version": "2020-12-01"}
WINDOW = {"lastUpdatedAfter": "2026-11-21T05:30:00Z", "lastUpdatedBefore": "2026-11-21T06:30:00.123456Z"}
STARTED = answer(200, {"runId": "x"})


def sent(method: str, path: str, query: Mapping[str, str] | None = None, body: Any = None, **more: str) -> Request:
    headers = {"content-type": "application/json", **more} if body is not None else more
    encoded = b"" if body is None else json.dumps(body).encode()
    return Request(method=method, path=path, query=query or {}, headers=headers, body=encoded)


def told(request: Request, response: Response | None) -> list[str]:
    documents = Documents()
    documents.observe(request, response)
    assert documents.checked.total() == (1 if response is None else 2)
    return documents.taken()


@pytest.mark.parametrize(
    ("request_", "response"),
    [
        (sent("POST", f"{FACTORY}/pipelines/P/createRun", ADF, {"any": [1]}), STARTED),
        (sent("POST", f"{FACTORY}/pipelines/P/createRun", ADF), None),
        (
            sent("POST", f"{FACTORY}/pipelines/P/createRun", ADF),
            answer(503, {"error": {"code": "a", "message": "b"}}),
        ),
        (sent("POST", f"{FACTORY}/queryPipelineRuns", ADF, WINDOW), answer(200, {"value": [{"runEnd": None}]})),
        (sent("POST", f"{WORKSPACE}/pipelines/P/createRun", SYNAPSE), answer(202, {"runId": "x"})),
        (sent("POST", f"{WORKSPACE}/pipelines/P/createRun", SYNAPSE), answer(400, {"code": "a", "message": "b"})),
        (sent("POST", "/pipelineruns/x/cancel", SYNAPSE, host="w.dev.azuresynapse.net"), answer(200)),
        (sent("POST", f"{MODEL}/refreshes", body={"type": "full"}), answer(202)),
        (sent("GET", f"{MODEL}/refreshes", {"$top": "5"}), answer(200, {"value": [{"status": "Cancelled"}]})),
    ],
)
def test_what_the_documents_have_passes(request_: Request, response: Response | None) -> None:
    assert told(request_, response) == []


@pytest.mark.parametrize(
    ("request_", "response", "problem"),
    [
        (sent("POST", f"{FACTORY}/pipelines/P/start", ADF), None, "no such operation"),
        (sent("DELETE", f"{FACTORY}/pipelineruns/x", ADF), None, "no such operation"),
        (sent("POST", f"{FACTORY}/pipelines/P/createRun"), STARTED, "query 'api-version' is required"),
        (
            sent("POST", f"{FACTORY}/pipelines/P/createRun", {**ADF, "isRecovery": "True"}),
            STARTED,
            "'True' is neither true nor false",
        ),
        (
            sent("POST", f"{WORKSPACE}/pipelines/P/createRun", {**SYNAPSE, "startFromFailure": "true"}),
            None,
            "query 'startFromFailure' is not documented",
        ),
        (sent("POST", f"{FACTORY}/pipelines/a:b/createRun", ADF), STARTED, "'a:b' does not match"),
        (sent("POST", f"{FACTORY}/queryPipelineRuns", ADF), None, "a body is required"),
        (
            sent("POST", f"{FACTORY}/queryPipelineRuns", ADF, {"lastUpdatedBefore": "2026-11-21T05:30:00Z"}),
            None,
            "body: whole: 'lastUpdatedAfter' is a required",
        ),
        (
            sent(
                "POST", f"{FACTORY}/queryPipelineRuns", ADF, {**WINDOW, "lastUpdatedAfter": "2026-11-21T05:30:00"}
            ),
            None,
            "lastUpdatedAfter: '2026-11-21T05:30:00' is not a 'date-time'",
        ),
        (
            sent(
                "POST",
                f"{WORKSPACE}/queryPipelineRuns",
                SYNAPSE,
                {**WINDOW, "filters": [{"operand": "RunId", "operator": "Equals", "values": ["x"]}]},
            ),
            None,
            "body: filters/0/operand: 'RunId' does not match",
        ),
        (sent("POST", f"{FACTORY}/pipelineruns/x/cancel", ADF, {"a": 1}), None, "a body is not documented"),
        (sent("POST", f"{FACTORY}/pipelines/P/createRun", ADF), answer(202, {"runId": "x"}), "status 202"),
        (sent("POST", f"{WORKSPACE}/pipelines/P/createRun", SYNAPSE), STARTED, "status 200"),
        (
            sent("POST", f"{FACTORY}/pipelines/P/createRun", ADF),
            answer(200, {"runId": 7}),
            "runId: 7 is not of type",
        ),
        (sent("POST", f"{FACTORY}/pipelines/P/createRun", ADF), answer(200), "without the documented body"),
        (
            sent("GET", f"{FACTORY}/pipelineruns/x", ADF),
            answer(200, {"runStart": None}),
            "runStart: None is not of",
        ),
        (sent("POST", f"{MODEL}/refreshes", body={"type": "all"}), answer(202), "type: 'all' does not match"),
        (sent("POST", f"{MODEL}/refreshes", body={"objects": "x"}), answer(202), "objects: 'x' is not of type"),
        (sent("GET", f"{MODEL}/refreshes", {"$top": "0"}), None, "'0' is no such number"),
        (sent("GET", f"{MODEL}/refreshes"), answer(204), "status 204 is not documented"),
        (sent("GET", f"{MODEL}/refreshes/x"), answer(200, {"status": "Done"}), "status: 'Done' does not match"),
    ],
)
def test_what_they_do_not_have_is_found(request_: Request, response: Response | None, problem: str) -> None:
    found = told(request_, response)
    assert len(found) == 1, found
    assert problem in found[0]


def test_a_body_must_say_that_it_is_json() -> None:
    request = sent("POST", f"{FACTORY}/queryPipelineRuns", ADF, WINDOW, **{"content-type": "text/plain"})
    assert "application/json" in told(request, None)[0]


def test_every_departure_has_its_reason_and_stands_there_once() -> None:
    assert all(len(each.reason) > 20 for each in DEPARTURES)
    assert len({(each.document, each.kind, each.name) for each in DEPARTURES}) == len(DEPARTURES)


@pytest.mark.parametrize("document", sorted(path.name for path in SPECS.glob("*.json")))
def test_what_the_services_show_as_examples_passes_too(document: str) -> None:
    assert example_problems(document) == []
