"""Event Grid's webhook: the handshake, deliveries of one event and of many, answers."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from local.host import Host
from tests.host.running import Reply, call, recorded, running

CODE = {"validationCode": "512d38b6", "validationUrl": "https://rp.example/validate"}
EVENT = {
    "id": "e-1",
    "topic": "/subscriptions/s",
    "subject": "landing/a.csv",
    "eventType": "Microsoft.Storage.BlobCreated",
    "eventTime": "2026-11-21T05:30:00.1234567Z",
    "dataVersion": "1",
    "data": {"api": "PutBlob"},
}
CLOUD_EVENT = {
    "id": "c-1",
    "source": "/factories/adf",
    "type": "Done",
    "specversion": "1.0",
    "time": "2026-11-21T05:30:00Z",
    "data": {"n": 1},
}


@pytest.fixture
def host() -> Iterator[Host]:
    with running("triggers") as (started, _):
        yield started


def post(
    host: Host, body: object, *, kind: str = "Notification", function: str = "on_event", code: str = "grid-key"
) -> Reply:
    return call(
        host,
        "POST",
        f"/runtime/webhooks/EventGrid?functionName={function}&code={code}",
        body=body if isinstance(body, str) else json.dumps(body),
        headers={"aeg-event-type": kind, "content-type": "application/json"},
    )


def test_a_subscription_is_confirmed_with_its_code(host: Host) -> None:
    validation = {"eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "data": CODE}
    reply = post(host, [validation], kind="SubscriptionValidation")
    assert (reply.status, json.loads(reply.body)) == (200, {"validationResponse": "512d38b6"})
    assert recorded(host) == []


def test_a_cloud_events_subscription_is_confirmed_though_its_data_is_encoded_twice(host: Host) -> None:
    reply = post(host, {"specversion": "1.0", "data": json.dumps(CODE)}, kind="SubscriptionValidation")
    assert (reply.status, json.loads(reply.body)) == (200, {"validationResponse": "512d38b6"})


def test_each_event_of_a_batch_is_one_invocation(host: Host) -> None:
    assert post(host, [EVENT, CLOUD_EVENT]).status == 202
    seen = sorted(recorded(host), key=lambda entry: str(entry["event"]))
    assert seen == [
        {"event": "c-1", "class": "CloudEvent", "kind": "Done", "data": {"n": 1}},
        {"event": "e-1", "class": "EventGridEvent", "kind": EVENT["eventType"], "data": {"api": "PutBlob"}},
    ]


def test_a_single_event_need_not_be_in_an_array(host: Host) -> None:
    assert post(host, CLOUD_EVENT).status == 202
    assert [entry["event"] for entry in recorded(host)] == ["c-1"]


def test_one_failure_fails_the_whole_delivery_after_all_have_run(host: Host) -> None:
    reply = post(host, [CLOUD_EVENT | {"type": "Fail", "id": "c-2"}, CLOUD_EVENT])
    assert (reply.status, reply.body) == (500, b"Exception while executing function: Functions.on_event")
    assert {entry["event"] for entry in recorded(host)} == {"c-1", "c-2"}


def test_an_unknown_function_is_a_404(host: Host) -> None:
    assert post(host, EVENT, function="nobody").status == 404
    assert post(host, EVENT, function="work").status == 404


@pytest.mark.parametrize("code", ["", "wrong", "function-key"])
def test_a_wrong_key_is_a_401(host: Host, code: str) -> None:
    assert post(host, EVENT, code=code).status == 401
    assert recorded(host) == []


def test_the_master_key_opens_the_webhook_too(host: Host) -> None:
    assert post(host, EVENT, code="master-key").status == 202


def test_unsubscribing_is_accepted(host: Host) -> None:
    assert post(host, "", kind="Unsubscribe").status == 202


@pytest.mark.parametrize("kind", ["", "Other"])
def test_another_kind_of_message_is_a_400(host: Host, kind: str) -> None:
    assert post(host, EVENT, kind=kind).status == 400


@pytest.mark.parametrize("body", ["not json", "[]", "{}", '{"data": 3}', '[{"data": {}}]'])
def test_a_validation_without_a_code_is_a_500(host: Host, body: str) -> None:
    assert post(host, body, kind="SubscriptionValidation").status == 500


@pytest.mark.parametrize("body", ["not json", "[3]", '"text"'])
def test_a_delivery_that_holds_no_events_is_a_500(host: Host, body: str) -> None:
    assert post(host, body).status == 500


def test_the_path_is_found_whatever_its_case(host: Host) -> None:
    target = "/runtime/webhooks/eventgrid?functionname=on_event&code=grid-key"
    reply = call(host, "POST", target, body=json.dumps(EVENT), headers={"aeg-event-type": "Notification"})
    assert reply.status == 202


def test_the_handshake_of_cloud_events_is_answered_for_whoever_has_the_key(host: Host) -> None:
    target = "/runtime/webhooks/eventgrid?functionName=on_event&code="
    origin = {"WebHook-Request-Origin": "eventgrid.azure.net"}
    reply = call(host, "OPTIONS", f"{target}grid-key", headers=origin)
    assert (reply.status, reply.header("WebHook-Allowed-Origin")) == (200, "eventgrid.azure.net")
    assert call(host, "OPTIONS", f"{target}wrong", headers=origin).status == 401
