"""Event Grid's delivery: subscriptions with a handshake and filters, in both schemas, redelivered and dropped.

At least once, in no promised order. Success is 200 to 204. 400, 401, 403 and 413 drop the event at once; anything
else is tried again after 10 s, 30 s, 1 min and so on, at most 30 times within a day.
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

import requests

from local.simulated_azure.messages import long_time

Post = Callable[[str, str, bytes, Mapping[str, str]], tuple[int, Mapping[str, str], bytes]]
Schema = Literal["EventGridSchema", "CloudEventSchemaV1_0"]

RETRY_SECONDS = (10, 30, 60, 300, 600, 1_800, 3_600, 10_800, 21_600, 43_200)
MOST_ATTEMPTS = 30
MOST_AGE = timedelta(minutes=1_440)
ANSWER_SECONDS = 30
DELIVERED = frozenset({200, 201, 202, 203, 204})
DROPPED = frozenset({400, 401, 403, 413})
ORIGIN = "eventgrid.azure.net"


class HandshakeError(Exception):
    """The endpoint has not confirmed that it wants events."""


@dataclass(slots=True, kw_only=True)
class Subscription:
    """`function`: the endpoint is an Azure Function, which needs no handshake. Filters are as Event Grid's."""

    name: str
    endpoint: str
    schema: Schema = "CloudEventSchemaV1_0"
    types: tuple[str, ...] = ()
    subject_begins: str = ""
    subject_ends: str = ""
    function: bool = False

    def wants(self, event: Mapping[str, Any]) -> bool:
        subject = str(event.get("subject", "")).lower()
        return (
            (not self.types or str(event["type"]).lower() in {one.lower() for one in self.types})
            and subject.startswith(self.subject_begins.lower())
            and subject.endswith(self.subject_ends.lower())
        )


@dataclass(slots=True, kw_only=True)
class Delivery:
    """One event on its way to one subscription."""

    subscription: Subscription
    event: Mapping[str, Any]
    published_at: datetime
    due_at: datetime
    attempts: int = 0
    statuses: list[int | None] = field(default_factory=list)  # None: no answer
    outcome: Literal["waiting", "delivered", "dropped", "expired"] = "waiting"


class EventDelivery:
    """Call it with a CloudEvent to publish that. `deliver_due` does what is due; `run` keeps doing so."""

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        post: Post | None = None,
        chance: random.Random | None = None,
        speed: float = 1.0,
    ) -> None:
        """`speed` 10 waits a tenth of the real service's times before it delivers again."""
        self.subscriptions: list[Subscription] = []
        self.deliveries: list[Delivery] = []
        self.duplicates = 0.0  # how probably an event that was delivered comes once more
        self.shuffled = False
        self._clock = clock
        self._post = post or over_http
        self._chance = chance or random.Random()
        self._speed = speed
        self._lock = threading.Lock()

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Publishes a CloudEvent to every subscription that wants it."""
        now = self._clock()
        with self._lock:
            self.deliveries += [
                Delivery(subscription=one, event=event, published_at=now, due_at=now)
                for one in self.subscriptions
                if one.wants(event)
            ]

    def subscribe(self, subscription: Subscription) -> None:
        """Raises HandshakeError when the endpoint does not confirm."""
        if not subscription.function:
            self._shake_hands(subscription)
        with self._lock:
            self.subscriptions.append(subscription)

    def deliver_due(self) -> int:
        """How many were tried."""
        with self._lock:
            due = [one for one in self.deliveries if one.outcome == "waiting" and one.due_at <= self._clock()]
        if self.shuffled:
            self._chance.shuffle(due)
        for delivery in due:
            self._try(delivery)
        return len(due)

    def run(self, stop: threading.Event, pause_seconds: float = 0.1) -> None:
        """For a thread of its own."""
        while not stop.wait(pause_seconds):
            self.deliver_due()

    @property
    def waiting(self) -> int:
        return sum(one.outcome == "waiting" for one in self.deliveries)

    def _try(self, delivery: Delivery) -> None:
        delivery.attempts += 1
        body, headers = _wire(delivery)
        try:
            status: int | None = self._post("POST", delivery.subscription.endpoint, body, headers)[0]
        except OSError:
            status = None
        delivery.statuses.append(status)
        if status in DELIVERED:
            again = self._chance.random() < self.duplicates
            delivery.outcome = "waiting" if again else "delivered"
            delivery.due_at = self._clock()
        elif status in DROPPED:
            delivery.outcome = "dropped"
        else:
            self._put_off(delivery)

    def _put_off(self, delivery: Delivery) -> None:
        seconds = RETRY_SECONDS[min(delivery.attempts, len(RETRY_SECONDS)) - 1]
        delivery.due_at = self._clock() + timedelta(seconds=seconds / self._speed)
        age = delivery.due_at - delivery.published_at
        if delivery.attempts >= MOST_ATTEMPTS or age * self._speed > MOST_AGE:
            delivery.outcome = "expired"

    def _shake_hands(self, subscription: Subscription) -> None:
        if subscription.schema == "CloudEventSchemaV1_0":
            asked = {"WebHook-Request-Origin": ORIGIN}
            status, headers, _ = self._post("OPTIONS", subscription.endpoint, b"", asked)
            allowed = {name.lower(): value for name, value in headers.items()}.get("webhook-allowed-origin")
            if status != 200 or allowed not in (ORIGIN, "*"):
                raise HandshakeError(f"{subscription.name}: HTTP {status}, WebHook-Allowed-Origin {allowed}")
            return
        code = f"{self._chance.getrandbits(128):032X}"
        event = {
            "id": f"{self._chance.getrandbits(128):032x}",
            "topic": "",
            "subject": "",
            "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
            "eventTime": long_time(self._clock()),
            "metadataVersion": "1",
            "dataVersion": "2",
            "data": {"validationCode": code, "validationUrl": "https://rp-westeurope.eventgrid.azure.net:553/v"},
        }
        headers = {"aeg-event-type": "SubscriptionValidation", "Content-Type": "application/json; charset=utf-8"}
        status, _, told = self._post("POST", subscription.endpoint, json.dumps([event]).encode(), headers)
        if status != 200 or json.loads(told or b"{}").get("validationResponse") != code:
            raise HandshakeError(f"{subscription.name}: HTTP {status}, and not the code")


def over_http(
    method: str, url: str, body: bytes, headers: Mapping[str, str]
) -> tuple[int, Mapping[str, str], bytes]:
    """Raises OSError when there is no answer."""
    answer = requests.request(method, url, data=body, headers=dict(headers), timeout=ANSWER_SECONDS)
    return answer.status_code, answer.headers, answer.content


def grid_form(event: Mapping[str, Any]) -> dict[str, Any]:
    """A CloudEvent in Event Grid's own schema."""
    return {
        "id": event["id"],
        "topic": event["source"],
        "subject": event.get("subject", ""),
        "eventType": event["type"],
        "eventTime": event.get("time"),
        "dataVersion": "",
        "metadataVersion": "1",
        "data": event.get("data"),
    }


def blob_created(
    account: str, container: str, path: str, *, at: datetime, id: str, api: str = "PutBlob", size: int = 0
) -> dict[str, Any]:
    """What a storage account tells of a new blob, as a CloudEvent. `account`: its resource id."""
    name = account.rsplit("/", 1)[-1]
    data = {
        "api": api,
        "clientRequestId": id,
        "requestId": id,
        "eTag": "0x8D4BCC2E4835CD0",
        "contentType": "text/csv",
        "contentLength": size,
        "blobType": "BlockBlob",
        "url": f"https://{name}.blob.core.windows.net/{container}/{path}",
        "sequencer": f"{int(at.timestamp() * 1e6):032x}",
        "storageDiagnostics": {"batchId": id},
    }
    return {
        "specversion": "1.0",
        "id": id,
        "type": "Microsoft.Storage.BlobCreated",
        "source": account,
        "subject": f"/blobServices/default/containers/{container}/blobs/{path}",
        "time": long_time(at),
        "data": data,
    }


def _wire(delivery: Delivery) -> tuple[bytes, dict[str, str]]:
    """One event alone: an array of one in Event Grid's schema, the bare event as a CloudEvent."""
    headers = {
        "aeg-event-type": "Notification",
        "aeg-subscription-name": delivery.subscription.name.upper(),
        "aeg-delivery-count": str(delivery.attempts - 1),
    }
    if delivery.subscription.schema == "EventGridSchema":
        headers |= {"Content-Type": "application/json; charset=utf-8", "aeg-metadata-version": "1"}
        return json.dumps([grid_form(delivery.event)]).encode(), headers
    return json.dumps(delivery.event).encode(), headers | {
        "Content-Type": "application/cloudevents+json; charset=utf-8"
    }
