"""`/api/events`: every form in which events come, both handshakes, and what is answered when something fails."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import shared.app
from shared.app import install
from shared.storage.base import StorageUnavailableError
from shared.web.limits import MOST_EVENT_BODY_BYTES, MOST_EVENTS
from shared.work import on_delivery
from tests.api.driving import CHAINS, Api, Reply, make_api
from tests.unit.core.test_events import ANY_JSON, CLOUD, EVENT_LIKE, GRID
from tests.unit.relay.small_world import T0

WAITING = f"""{CHAINS}
  landing:
    parameters: {{file: {{default: none}}}}
    events:
      - type: Microsoft.Storage.BlobCreated
        subject: "*/sales/*.csv"
        parameters: {{file: "{{{{ event.data.url }}}}"}}
      - {{type: Microsoft.Insights.Alert.Fired, data: {{essentials.severity: Sev1}}}}
      - {{type: Microsoft.Fabric.ItemJobSucceeded, data: {{itemKind: Notebook}}}}
    steps:
      load: {{connection: adf, pipeline: P}}
"""
ALERT = {
    "schemaId": "azureMonitorCommonAlertSchema",
    "data": {
        "essentials": {
            "alertId": "/subscriptions/s/providers/Microsoft.AlertsManagement/alerts/1",
            "alertRule": "lag",
            "severity": "Sev1",
            "monitorCondition": "Fired",
            "alertTargetIDs": ["/subscriptions/s/x"],
            "firedDateTime": "2026-11-21T05:29:00Z",
        },
        "alertContext": {},
    },
}
VALIDATION = [
    {
        "id": "v",
        "topic": "/t",
        "subject": "",
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "eventTime": "2026-11-21T05:29:00Z",
        "data": {"validationCode": "512d38b6", "validationUrl": "https://rp.example:553/v"},
    }
]
NOTHING: dict[str, Any] = {"received": 0, "unmatched": 0, "runs": [], "refused": [], "skipped": []}


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return make_api(tmp_path, WAITING)


def post(api: Api, body: Any, **headers: str) -> Reply:
    told = body if isinstance(body, bytes) else json.dumps(body).encode()
    return api.call("POST", "/api/events", told, **{"content_type": "application/json", **headers})


def runs(api: Api) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.call("GET", "/api/runs", query="chain=landing&limit=100").json()["runs"]
    return found


FABRIC = {
    **CLOUD,
    "id": "f-1",
    "source": "fabric",
    "type": "Microsoft.Fabric.JobEvents.ItemJobSucceeded",
    "data": {"itemKind": "Notebook"},
}


@pytest.mark.parametrize("body", [GRID, [GRID], CLOUD, [CLOUD], [GRID, CLOUD], ALERT, FABRIC])
def test_every_form_starts_one_run_and_again_the_same(api: Api, body: Any) -> None:
    first = post(api, body)
    [run_id] = first.json()["runs"]
    assert first.json()["unmatched"] == 0
    assert post(api, body).json() == first.json()
    [run] = runs(api)
    assert (run["id"], run["trigger"]["type"]) == (run_id, "event")
    assert set(run["trigger"]["event"]) == {"id", "type", "source", "subject", "time"}


def test_a_cloud_event_in_binary_mode_is_the_same_event(api: Api) -> None:
    attributes = {f"ce_{name}": str(value) for name, value in CLOUD.items() if name != "data"}
    attributes["ce_subject"] = str(CLOUD["subject"]).replace("sales", "s%61les")
    told = post(api, CLOUD["data"], **attributes).json()
    assert told == post(api, CLOUD).json()
    assert runs(api)[0]["parameters"]["file"].startswith("https://stlanding")
    without = {**attributes, "ce_type": "Other", "content_type": "text/plain"}
    assert post(api, b"", **without).json()["unmatched"] == 1
    assert post(api, b"\xff", **without).json()["unmatched"] == 1


def test_the_chain_says_what_it_waits_for(api: Api) -> None:
    chain = next(one for one in api.call("GET", "/api/chains").json()["chains"] if one["name"] == "landing")
    assert chain["events"][1] == {
        "type": "Microsoft.Insights.Alert.Fired",
        "source": None,
        "subject": None,
        "data": {"essentials.severity": "Sev1"},
    }


@pytest.mark.parametrize("headers", [{}, {"aeg_event_type": "SubscriptionValidation"}])
@pytest.mark.parametrize("body", [VALIDATION, VALIDATION[0]])
def test_the_handshake_of_event_grids_schema(api: Api, body: Any, headers: Mapping[str, str]) -> None:
    reply = post(api, body, **headers)
    assert (reply.status, reply.json()) == (200, {"validationResponse": "512d38b6"})


def test_a_validation_as_a_cloud_event_has_its_data_encoded_twice(api: Api) -> None:
    body = {**CLOUD, "data": json.dumps(VALIDATION[0]["data"])}
    assert post(api, body, aeg_event_type="SubscriptionValidation").json() == {"validationResponse": "512d38b6"}


@pytest.mark.parametrize("data", [None, {}, "x", {"validationCode": 7}, {"validationCode": "x" * 201}])
def test_a_validation_without_a_code_is_refused(api: Api, data: Any) -> None:
    assert post(api, [{**VALIDATION[0], "data": data}]).status == 400


@pytest.mark.parametrize("kind", ["Unsubscribe", "SubscriptionDeletion"])
def test_the_end_of_a_subscription_is_taken(api: Api, kind: str) -> None:
    assert post(api, b"", aeg_event_type=kind).json() == NOTHING


@pytest.mark.parametrize(
    ("origin", "status", "allowed"),
    [
        ("eventgrid.azure.net", 200, "eventgrid.azure.net"),
        ("EventGrid.azure.net", 200, "EventGrid.azure.net"),
        ("evil.example", 403, None),
        ("", 200, None),
    ],
)
def test_the_handshake_of_cloud_events(api: Api, origin: str, status: int, allowed: str | None) -> None:
    reply = api.call("OPTIONS", "/api/events", webhook_request_origin=origin)
    assert (reply.status, reply.headers.get("webhook-allowed-origin")) == (status, allowed)


@pytest.mark.parametrize("origins", ["one.example, TWO.example", "*"])
def test_origins_are_a_setting(tmp_path: Path, origins: str) -> None:
    api = make_api(tmp_path, WAITING, WEBHOOK_ORIGINS=origins)
    reply = api.call("OPTIONS", "/api/events", webhook_request_origin="two.example")
    assert reply.headers["webhook-allowed-origin"] == "two.example"


@pytest.mark.parametrize("method", ["POST", "OPTIONS"])
def test_without_the_key_nobody_delivers(api: Api, method: str) -> None:
    assert api.call(method, "/api/events", b"[]", key="wrong").status == 401


@pytest.mark.parametrize("body", [b"", b"no json", b"\xff", b"3", b'{"a": 1, "a": 1}', b"[" * 100_000, b"{}"])
def test_garbage_is_refused_for_good(api: Api, body: bytes) -> None:
    assert post(api, body).status == 400


def test_too_much_is_refused_for_good(api: Api) -> None:
    assert post(api, b" " * (MOST_EVENT_BODY_BYTES + 1)).status == 413
    assert post(api, [{}] * (MOST_EVENTS + 1)).status == 413


def test_one_bad_event_does_not_cost_the_others(api: Api) -> None:
    reply = post(api, [3, GRID, {**CLOUD, "id": ""}, {"schemaId": "azureMonitorCommonAlertSchema"}])
    assert reply.status == 400
    assert reply.paths == ["[0]", "[2].id", "[3].id", "[3].type", "[3].source"]
    assert len(runs(api)) == 1


def test_events_that_match_nothing_are_taken_and_counted(api: Api) -> None:
    events = [{**CLOUD, "id": f"e-{number}", "subject": "/hr/a.csv"} for number in range(3)]
    assert post(api, events).json() == {**NOTHING, "received": 3, "unmatched": 3}
    told = api.call("GET", "/api/health").json()["events"]
    assert told == {
        "status": "ok",
        "unmatched_today": 3,
        "last_unmatched_type": "Microsoft.Storage.BlobCreated",
        "problems": [],
    }


def test_an_event_that_can_start_nothing_is_taken_and_health_says_why(api: Api) -> None:
    told = post(api, {**CLOUD, "data": {}}).json()
    assert (told["runs"], len(told["refused"])) == ([], 1)
    reply = api.call("GET", "/api/health")
    [problem] = reply.json()["events"]["problems"]
    assert (reply.status, problem["code"]) == (503, "event_refused")
    assert problem["message"].startswith(
        "chains.landing.events[0]: event 'e-1' of 'Microsoft.Storage.BlobCreated'"
    )


def test_a_bad_chains_file_has_events_come_again(api: Api, tmp_path: Path) -> None:
    (tmp_path / "chains.yaml").write_text(WAITING.replace("pipeline: P}", "pipline: P}"), encoding="utf-8")
    reply = post(api, CLOUD)
    assert (reply.status, reply.headers["retry-after"]) == (503, "60")
    assert reply.paths
    with pytest.raises(Exception, match="mistakes"):
        on_delivery(shared.app.baton(), json.dumps(CLOUD))


class _Down:
    def run_of(self, chain: str, cause: str) -> str | None:
        raise StorageUnavailableError("down")


def test_storage_that_fails_has_events_come_again(api: Api) -> None:
    whole = shared.app.baton()
    install(replace(whole, world=replace(whole.world, runs=_Down())))  # type: ignore[arg-type]
    reply = post(api, [CLOUD])
    assert (reply.status, "retry-after" in reply.headers) == (503, True)
    with pytest.raises(StorageUnavailableError):
        on_delivery(shared.app.baton(), json.dumps(CLOUD))
    install(whole)
    assert len(post(api, [CLOUD]).json()["runs"]) == 1


def test_more_than_fits_into_one_answer_is_asked_for_again_and_then_found(api: Api) -> None:
    events = [{**CLOUD, "id": f"e-{number}"} for number in range(60)]
    whole = shared.app.baton()
    times = (T0 + timedelta(seconds=number) for number in range(10_000))
    install(replace(whole, world=replace(whole.world, clock=lambda: next(times))))
    reply = post(api, events)
    assert (reply.status, reply.headers["retry-after"]) == (503, "60")
    assert 0 < len(runs(api)) < 60
    install(whole)
    assert len(post(api, events).json()["runs"]) == 60
    assert len(runs(api)) == 60


@pytest.mark.parametrize("text", ["no json", "3", "{}", "[" * 100_000, '{"specversion": "1.0", "id": 3}'])
def test_the_trigger_takes_what_is_no_event_and_health_says_so(api: Api, text: str) -> None:
    on_delivery(shared.app.baton(), text)
    [problem] = api.call("GET", "/api/health").json()["events"]["problems"]
    assert problem["message"].startswith("on_event: a delivery was no event: ")


def test_the_trigger_counts_what_matches_nothing(api: Api) -> None:
    on_delivery(shared.app.baton(), json.dumps({**GRID, "eventType": "Other"}))
    assert api.call("GET", "/api/health").json()["events"]["unmatched_today"] == 1


@example([{**CLOUD, "data": {"url": float("nan")}}])
@example({**CLOUD, "subject": "/sales/\ud800.csv"})
@example({"schemaId": "azureMonitorCommonAlertSchema", "data": {"essentials": {"alertTargetIDs": [3]}}})
@given(ANY_JSON | EVENT_LIKE | st.lists(EVENT_LIKE, max_size=3))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_json_comes_it_is_taken_or_refused(api: Api, body: Any) -> None:
    assert post(api, body).status in (200, 400)
