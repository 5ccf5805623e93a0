"""The publisher over HTTP, against the simulated topic: what is sent, and what each answer means."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
import requests

from local.simulated_azure.adapter import SimulatedAdapter
from local.simulated_azure.event_grid_topic import MOST_BYTES
from local.simulated_azure.faults import Fault
from local.simulated_azure.server import Server
from local.simulated_azure.world import SimulatedAzure
from shared.core.alerts import Alert
from shared.core.definition import Credential
from shared.core.errors import RefusedError, TryLaterError
from shared.events.topic import REST_SECONDS, Topic
from shared.identity import Identities, Identity
from shared.settings import Settings, SettingsError
from tests.services.conftest import Cloud, FakeIdentities
from tests.unit.relay.small_world import T0

ALERT = Alert(
    id="sales.1.1", type="baton.run.started", subject="chains/sales", time=T0, sequence=1, data={"chain": "sales"}
)
STORAGE = {"AzureWebJobsStorage": "sqlite::memory:"}


@dataclass
class Sender:
    """A publisher, the cloud that it sends to, and the clock of both."""

    cloud: Cloud
    topic: Topic

    def send(self, *alerts: Alert) -> None:
        self.topic.send(alerts or (ALERT,))

    @property
    def azure(self) -> SimulatedAzure:
        return self.cloud.azure

    def fails(self, **fault: object) -> None:
        self.azure.faults.on[:] = [Fault("event_grid.publish", **fault)]  # type: ignore[arg-type]


@pytest.fixture
def sender() -> Iterator[Sender]:
    """Over a loopback socket, with the clock of the cloud."""
    cloud = Cloud()
    with Server(cloud.azure) as server, requests.Session() as session:
        settings = Settings.from_mapping({**STORAGE, **server.settings(), **server.topic_settings()})
        endpoint = settings.event_grid_topic_endpoint
        assert endpoint is not None
        identities = FakeIdentities(cloud, settings)
        yield Sender(cloud, Topic(endpoint, settings, identities, session, lambda: cloud.now))


def test_events_arrive_in_one_request_in_their_order(sender: Sender) -> None:
    sender.send(*(replace(ALERT, id=f"e-{number}") for number in range(5)))
    assert [event["id"] for event in sender.azure.event_grid.events] == ["e-0", "e-1", "e-2", "e-3", "e-4"]
    assert sender.azure.calls["event_grid.publish"] == 1


def test_an_event_names_its_app_and_is_a_cloud_event(sender: Sender) -> None:
    sender.send()
    assert sender.azure.event_grid.events == [
        {
            "specversion": "1.0",
            "id": "sales.1.1",
            "source": "/baton/local",
            "type": "baton.run.started",
            "subject": "chains/sales",
            "time": "2026-11-21T05:30:00.000Z",
            "datacontenttype": "application/json",
            "sequence": "000000000001",
            "data": {"chain": "sales"},
        }
    ]


def test_whoever_subscribes_hears_of_each(sender: Sender) -> None:
    heard: list[str] = []
    sender.azure.event_grid.subscribers.append(lambda event: heard.append(event["id"]))
    sender.send()
    assert heard == ["sales.1.1"]


@pytest.mark.parametrize(
    ("status", "code", "named"),
    [
        (401, "unauthorized", "EventGrid Data Sender"),
        (403, "forbidden", "EventGrid Data Sender"),
        (404, "unexpected_answer", "EVENT_GRID_TOPIC_ENDPOINT"),
        (500, "service_unavailable", "HTTP 500"),
        (503, "service_unavailable", "HTTP 503"),
        (504, "service_unavailable", "HTTP 504"),
    ],
)
def test_trouble_of_the_topic_is_for_later_and_says_what_to_do(
    sender: Sender, status: int, code: str, named: str
) -> None:
    sender.fails(status=status)
    with pytest.raises(TryLaterError, match=named) as caught:
        sender.send()
    assert caught.value.code == code
    assert sender.azure.calls["event_grid.publish"] == 1, "nothing repeats by itself"


@pytest.mark.parametrize(
    ("told", "seconds"), [("120", 120), ("Sat, 21 Nov 2026 05:31:30 GMT", 90), ("soon", None)]
)
def test_throttling_says_how_long(sender: Sender, told: str, seconds: float | None) -> None:
    sender.fails(status=429, retry_after=told)
    with pytest.raises(TryLaterError) as caught:
        sender.send()
    assert (caught.value.code, caught.value.after_seconds) == ("throttled", seconds)


def test_a_lost_answer_is_for_later_though_the_events_have_arrived(sender: Sender) -> None:
    sender.fails(when="after", lost=True)
    with pytest.raises(TryLaterError):
        sender.send()
    assert len(sender.azure.event_grid.events) == 1


def test_an_event_that_is_refused_is_told_from_a_topic_that_is_not_there(sender: Sender) -> None:
    sender.azure.event_grid.refused_types.add(ALERT.type)
    with pytest.raises(RefusedError) as caught:
        sender.send()
    assert caught.value.code == "bad_request"
    with pytest.raises(RefusedError) as caught:
        sender.send(replace(ALERT, data={"x": "y" * MOST_BYTES}))
    assert caught.value.code == "too_large"


def test_a_dead_credential_is_no_fault_of_the_events(sender: Sender) -> None:
    class Dead:
        def get_token(self, *scopes: str, **options: object) -> None:
            raise RefusedError("unauthorized", "The client secret has expired.")

    class DeadIdentities(Identities):
        def of(self, credential: Credential) -> Identity:
            return Identity(Dead(), "a test's")  # type: ignore[arg-type]

    settings = Settings.from_mapping(STORAGE)
    topic = Topic("https://x/api/events", settings, DeadIdentities(settings), requests.Session(), lambda: T0)
    with pytest.raises(TryLaterError, match="expired"):
        topic.send([ALERT])


def test_after_a_failure_one_at_a_time_tries_again(sender: Sender) -> None:
    assert not sender.topic.rests()
    sender.fails(status=503)
    with pytest.raises(TryLaterError):
        sender.send()
    assert sender.topic.rests()
    sender.cloud.now += timedelta(seconds=REST_SECONDS)
    assert [sender.topic.rests() for _ in range(3)] == [False, True, True]
    sender.azure.faults.on.clear()
    sender.send()
    assert not sender.topic.rests()


def test_a_wrong_audience_or_no_role_opens_nothing() -> None:
    cloud = Cloud()
    session = requests.Session()
    session.mount("https://", SimulatedAdapter(cloud.azure))
    wrong = Settings.from_mapping({**STORAGE, "EVENT_GRID_SCOPE": "https://management.azure.com/.default"})
    right = Settings.from_mapping(STORAGE)
    for settings, may_send, code in ((wrong, True, "unauthorized"), (right, False, "forbidden")):
        cloud.azure.event_grid.may_send = may_send
        topic = Topic("https://t/api/events", settings, FakeIdentities(cloud, settings), session, lambda: T0)
        with pytest.raises(TryLaterError) as caught:
            topic.send([ALERT])
        assert caught.value.code == code


def test_the_simulated_topic_refuses_what_the_real_one_does() -> None:
    azure = SimulatedAzure(clock=lambda: T0, random=random.Random(1))
    with Server(azure) as server:
        address = f"{server.url}/api/events?api-version=2018-01-01"
        good = {"specversion": "1.0", "id": "1", "source": "/x", "type": "t"}
        batch = "application/cloudevents-batch+json; charset=utf-8"
        token = {"Authorization": f"Bearer https://eventgrid.azure.net|{int(T0.timestamp()) + 60}"}

        def status(body: object, kind: str = batch) -> int:
            headers = {**token, "Content-Type": kind}
            return requests.post(address, data=json.dumps(body), headers=headers, timeout=5).status_code

        assert status([good]) == 200
        assert status([good], "application/json") == 400
        assert status(good) == 400
        assert status([]) == 400
        for change in ({"specversion": "0.3"}, {"id": ""}, {"Sequence": "1"}, {"time": "now"}):
            assert status([{**good, **change}]) == 400, change
        assert status([good] * 5_001) == 400
        assert status([{**good, "data": "x" * MOST_BYTES}]) == 413
        assert requests.post(address, json=[good], timeout=5).status_code == 401


@pytest.mark.parametrize("address", ["http://evgt.example/api/events", "evgt.example", "https://"])
def test_an_endpoint_that_is_no_address_is_refused_at_the_start(address: str) -> None:
    with pytest.raises(SettingsError, match=r"EVENT_GRID_TOPIC_ENDPOINT: must .*https://"):
        Settings.from_mapping({**STORAGE, "EVENT_GRID_TOPIC_ENDPOINT": address})
