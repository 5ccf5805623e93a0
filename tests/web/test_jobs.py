"""A connection's own job history over HTTP: what may be asked, and what the services' answers become."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from local.simulated_azure.faults import Fault
from shared.app import Baton
from shared.core.definition import Connection
from shared.identity import Identities
from shared.ports import Service
from shared.settings import Settings
from shared.storage.sqlite import SqliteStorage
from shared.web.answer import ProblemError
from shared.web.jobs import list_jobs
from tests.services.conftest import DATASET, SUBSCRIPTION, WORKSPACE, Cloud
from tests.unit.relay.small_world import SmallWorld

FILE = f"""
connections:
  adf: {{type: data_factory, subscription: {SUBSCRIPTION}, resource_group: rg, factory: f-1}}
  syn: {{type: synapse, workspace: syn-1}}
  pbi: {{type: power_bi, workspace: {WORKSPACE}}}
chains:
  c: {{steps: {{load: {{connection: adf, pipeline: P}}}}}}
"""

Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def ask(cloud: Cloud, tmp_path: Path) -> Ask:
    """One call: the connection's name and the query; gives the answer's body."""
    (tmp_path / "chains.yaml").write_text(FILE)
    settings = Settings.from_mapping({"AzureWebJobsStorage": "sqlite::memory:"})
    services: dict[str, Service] = {"adf": cloud.data_factory, "syn": cloud.synapse, "pbi": cloud.power_bi}

    def service_of(connection: Connection) -> Service:
        return services[connection.name]

    world = replace(SmallWorld().world, services=service_of, clock=lambda: cloud.now)
    poison = SqliteStorage(None, clock=lambda: cloud.now).queue("baton-work-poison")
    baton = Baton(settings=settings, world=world, root=tmp_path, identities=Identities(settings), poison=poison)

    def asked(name: str, **query: str) -> dict[str, Any]:
        answer = list_jobs(baton, name, query)
        assert answer.status == 200
        told: dict[str, Any] = json.loads(answer.body)
        return told

    return asked


def made_up(*told: str) -> str:
    """A cursor as only Baton should make one."""
    return base64.urlsafe_b64encode(json.dumps(told).encode()).decode()


def refused(call: Callable[[], Any], status: int) -> ProblemError:
    with pytest.raises(ProblemError) as problem:
        call()
    assert problem.value.status == status
    return problem.value


@pytest.mark.parametrize("name", ["adf", "syn"])
def test_a_run_that_somebody_else_started_is_told(cloud: Cloud, ask: Ask, name: str) -> None:
    api, factory = (
        (cloud.azure.data_factory, cloud.factory) if name == "adf" else (cloud.azure.synapse, cloud.workspace)
    )
    run = api.start(factory, cloud.pipeline, {"day": "mon"}, by="Nightly")
    cloud.wait(61)
    told = ask(name)
    [job] = told["jobs"]
    assert told["cursor"] is None
    assert job | {"link": ""} == {
        "id": run.id,
        "status": "Succeeded",
        "what": "P",
        "started_at": "2026-11-21T05:30:00.000Z",
        "ended_at": "2026-11-21T05:31:00.300Z",
        "invoked_by": "Nightly",
        "parameters": {"day": "mon"},
        "error": None,
        "link": "",
    }


def test_refreshes_are_told_by_semantic_model(cloud: Cloud, ask: Ask) -> None:
    cloud.model.fails = "ModelRefreshFailed_CredentialsNotSpecified"
    for kind in ("Scheduled", "ViaApi"):
        cloud.azure.power_bi.begin(cloud.model, kind)
        cloud.wait(61)
    newest, oldest = ask("pbi", dataset=DATASET)["jobs"]
    assert (newest["invoked_by"], oldest["invoked_by"]) == ("ViaApi", "Scheduled")
    assert (newest["status"], newest["what"]) == ("Failed", DATASET)
    assert "CredentialsNotSpecified" in newest["error"]["message"]
    assert ask("pbi", dataset=DATASET, status="Completed")["jobs"] == []
    assert len(ask("pbi", dataset=DATASET, before="2026-11-21T05:31:30Z")["jobs"]) == 1


@pytest.mark.parametrize(("name", "more"), [("adf", {}), ("syn", {}), ("pbi", {"dataset": DATASET})])
def test_a_cursor_goes_on_in_the_span_that_it_began_with(
    cloud: Cloud, ask: Ask, name: str, more: dict[str, str]
) -> None:
    for _ in range(5):
        cloud.azure.data_factory.start(cloud.factory, cloud.pipeline, {})
        cloud.azure.synapse.start(cloud.workspace, cloud.pipeline, {})
        cloud.azure.power_bi.begin(cloud.model, "Scheduled")
        cloud.wait(61)
    first = ask(name, limit="2", **more)
    cloud.wait(3_600)
    second = ask(name, limit="2", cursor=first["cursor"], **more)
    third = ask(name, limit="2", cursor=second["cursor"], **more)
    assert (second["after"], second["before"]) == (first["after"], first["before"])
    assert [len(page["jobs"]) for page in (first, second, third)] == [2, 2, 1]
    assert third["cursor"] is None
    assert len({job["id"] for page in (first, second, third) for job in page["jobs"]}) == 5


def test_all_that_is_wrong_with_a_query_is_told_at_once(ask: Ask) -> None:
    def wrong() -> None:
        ask("adf", after="yesterday", before="2026-11-21", status="done", limit="0", dataset="x", pipeline="a\nb")

    told = {error.path: error.detail for error in refused(wrong, 400).errors}
    assert told.keys() == {"after", "before", "status", "limit", "dataset", "pipeline"}
    assert "Succeeded" in told["status"]
    assert "pipeline" in told["dataset"]


@pytest.mark.parametrize(
    "cursor",
    ["x", "ä", "bm8=", "WzEsMiwzXQ==", "W10=", made_up("2026-11-20T05:30:00", "2026-11-21T05:30:00", "0:")],
)
def test_a_made_up_cursor_is_refused(ask: Ask, cursor: str) -> None:
    [error] = refused(lambda: ask("adf", cursor=cursor), 400).errors
    assert error.path == "cursor"


@pytest.mark.parametrize(("name", "more"), [("adf", {}), ("syn", {}), ("pbi", {"dataset": DATASET})])
def test_a_cursor_that_was_tampered_with_is_refused(ask: Ask, name: str, more: dict[str, str]) -> None:
    cursor = made_up("2026-11-20T05:30:00+00:00", "2026-11-21T05:30:00+00:00", "-1:x")
    refused(lambda: ask(name, cursor=cursor, **more), 400)


@pytest.mark.parametrize(
    "time", ["2026-11-21T05:30:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "5"]
)
def test_a_time_needs_a_zone_and_a_sane_year(ask: Ask, time: str) -> None:
    for name in ("after", "before"):
        [error] = refused(partial(ask, "adf", **{name: time}), 400).errors
        assert (error.path, "with its zone" in error.detail) == (name, True)


def test_a_span_must_go_forward_and_a_model_must_be_named_by_its_id(ask: Ask) -> None:
    [error] = refused(lambda: ask("adf", after="2026-11-22T00:00:00Z"), 400).errors
    assert error.path == "after"
    for more in ({}, {"dataset": "../../x"}):
        [error] = refused(partial(ask, "pbi", **more), 400).errors
        assert error.path == "dataset"


def test_a_connection_that_is_not_declared_is_answered_with_those_that_are(ask: Ask) -> None:
    assert "adf, pbi, syn" in refused(lambda: ask("nope"), 404).detail


@pytest.mark.parametrize(("fault", "status"), [(403, 502), (404, 404), (429, 503), (500, 503)])
def test_a_service_that_does_not_answer_is_told_from_one_that_says_no(
    cloud: Cloud, ask: Ask, fault: int, status: int
) -> None:
    cloud.azure.faults.on.append(Fault("data_factory.query_runs", status=fault, retry_after="7"))
    problem = refused(lambda: ask("adf"), status)
    assert problem.headers == ({"Retry-After": "7"} if status == 503 else {})
    assert "querying pipeline runs at adf" in problem.detail
