"""The Event Grid topic: one POST, once, and what its answer means. Repeating is for whoever keeps the events."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from shared.core.alerts import Alert
from shared.core.definition import Credential
from shared.core.errors import BatonError, RefusedError, TryLaterError
from shared.events.cloud_events import BATCH, cloud_event, source_of

if TYPE_CHECKING:
    import requests

    from shared.identity import Identities
    from shared.ports import Clock
    from shared.settings import Settings

API_VERSION = "2018-01-01"
CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0  # a lost answer costs a repetition, which is harmless
REST_SECONDS = 30.0  # after a failure: so long this process leaves the topic alone
LONGEST_REST_SECONDS = 300.0
_MOST_TEXT = 500

_ROLE = (
    "Give the app's identity the role 'EventGrid Data Sender' at the topic"
    " (it takes some minutes), and let the topic take the networks that the app calls from."
)
_ENDPOINT = "Check EVENT_GRID_TOPIC_ENDPOINT: the topic's endpoint, with /api/events at its end."
_SCHEMA = "Does the topic's input schema say 'Cloud Event Schema v1.0'?"


class Topic:
    """Sends events with the app's own identity. Safe across threads."""

    def __init__(
        self, endpoint: str, settings: Settings, identities: Identities, session: requests.Session, clock: Clock
    ) -> None:
        self._endpoint = endpoint
        self._scope = settings.event_grid_scope
        self._source = source_of(settings.site_name)
        self._identities = identities
        self._session = session
        self._clock = clock
        self._rests_until: datetime | None = None
        self._lock = threading.Lock()

    def send(self, alerts: Sequence[Alert]) -> None:
        """As `AlertSink.send`: RefusedError is about these events, TryLaterError about the topic."""
        try:
            self._post(alerts)
        except TryLaterError as error:
            rest = min(max(REST_SECONDS, error.after_seconds or 0), LONGEST_REST_SECONDS)
            self._rest_until(self._clock() + timedelta(seconds=rest))
            raise
        self._rest_until(None)

    def rests(self) -> bool:
        """Whether the last try failed just now. Who is told that it is over tries alone: others still rest."""
        with self._lock:
            now = self._clock()
            if self._rests_until is None:
                return False
            if now < self._rests_until:
                return True
            self._rests_until = now + timedelta(seconds=REST_SECONDS)
            return False

    def _rest_until(self, time: datetime | None) -> None:
        with self._lock:
            self._rests_until = time

    def _post(self, alerts: Sequence[Alert]) -> None:
        import requests

        try:
            bearer = self._identities.of(Credential()).bearer(self._scope)
        except RefusedError as error:  # nothing is wrong with the events
            raise TryLaterError(error.code, error.message) from error
        try:
            answer = self._session.request(
                "POST",
                self._endpoint,
                params={"api-version": API_VERSION},
                json=[cloud_event(alert, self._source) for alert in alerts],
                headers={"Authorization": bearer, "Content-Type": BATCH},
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise TryLaterError("no_answer", f"No answer from the topic: {type(error).__name__}") from error
        if answer.status_code != 200:
            raise _bad(answer, self._clock())


def _bad(answer: requests.Response, now: datetime) -> BatonError:
    """What an answer that is not 200 means."""
    status = answer.status_code
    told = f"The topic answered HTTP {status}: {' '.join(answer.text.split())[:_MOST_TEXT]}"
    match status:
        case 400:
            return RefusedError("bad_request", f"{told} {_SCHEMA}")
        case 413:
            return RefusedError("too_large", told)
        case 401 | 403:
            code = "unauthorized" if status == 401 else "forbidden"
            return TryLaterError(code, f"{told} {_ROLE}")
        case 429:
            return TryLaterError("throttled", told, _retry_after_seconds(answer, now))
        case _ if status >= 500 or status == 408:
            return TryLaterError("service_unavailable", told, _retry_after_seconds(answer, now))
    return TryLaterError("unexpected_answer", f"{told} {_ENDPOINT}")


def _retry_after_seconds(answer: requests.Response, now: datetime) -> float | None:
    told = answer.headers.get("Retry-After")
    if told is None:
        return None
    try:
        seconds = float(told)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(told) - now).total_seconds()
        except (TypeError, ValueError):
            return None
    return max(0.0, seconds)
