"""What answers mean: every HTTP status ends as one of three errors, and only a failed connection sent nothing."""

from __future__ import annotations

import socket
import threading
from datetime import UTC, datetime

import pytest
import requests

from shared.core.errors import RefusedError, TryLaterError, UnclearError
from shared.services.answers import bad_answer, error_of, never_sent, no_answer, retry_after_seconds
from shared.services.wire import time_of, wire_time


@pytest.mark.parametrize("status", [s for s in range(300, 600) if s not in (429, 430)])
def test_a_start_is_clear_only_when_the_service_said_no(status: int) -> None:
    error = bad_answer("start", status, {}, "", starting=True)
    if status >= 500 or status == 408:
        assert isinstance(error, UnclearError)
    elif status < 400:
        assert isinstance(error, TryLaterError)
    else:
        assert isinstance(error, RefusedError)


@pytest.mark.parametrize("status", range(300, 600))
def test_a_read_is_never_unclear(status: int) -> None:
    assert not isinstance(bad_answer("read", status, {}, "", starting=False), UnclearError)


@pytest.mark.parametrize("status", [429, 430])
def test_a_throttled_start_did_not_happen(status: int) -> None:
    error = bad_answer("start", status, {"Retry-After": "9"}, "", starting=True)
    assert isinstance(error, TryLaterError)
    assert (error.code, error.after_seconds) == ("throttled", 9)


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ('{"error": {"code": "A", "message": "b"}}', "A", "b"),
        ('{"message": "Retry in 5 seconds."}', "", "Retry in 5 seconds."),
        ('{"error": "invalid_client", "error_description": "AADSTS1: x"}', "invalid_client", "AADSTS1: x"),
        ('{"error": {"code": "C", "pbi.error": {"details": [{"detail": {"value": "why"}}]}}}', "C", "why"),
        ('{"errorCode": "E", "message": "b", "moreDetails": [{"message": "c"}, 7]}', "E", "b; c"),
        ("<html>Bad Gateway</html>", "", "<html>Bad Gateway</html>"),
        ("[]", "", ""),
        ("", "", ""),
    ],
)
def test_every_envelope_gives_its_code_and_message(body: str, code: str, message: str) -> None:
    assert error_of(body) == (code, message)


def test_retry_after_may_be_seconds_or_a_date_or_nonsense() -> None:
    assert retry_after_seconds({"retry-after": "3392"}) == 3392
    assert retry_after_seconds({"Retry-After": "Sat, 21 Nov 2020 05:30:00 GMT"}) == 0
    assert retry_after_seconds({"Retry-After": "soon"}) is None
    for endless in ("inf", "1e300", "Fri, 31 Dec 9999 23:59:59 GMT"):
        assert retry_after_seconds({"Retry-After": endless}) == 86_400
    assert retry_after_seconds({"Retry-After": "nan"}) == retry_after_seconds({"Retry-After": "-5"}) == 0
    assert retry_after_seconds({}) is None


def test_a_retry_after_date_is_read_against_the_answers_own_clock() -> None:
    answer = {"Date": "Sat, 21 Nov 2026 05:30:00 GMT", "Retry-After": "Sat, 21 Nov 2026 05:32:00 GMT"}
    assert retry_after_seconds(answer) == 120
    assert retry_after_seconds({**answer, "Date": "today"}) is None


def _failure(url: str) -> requests.RequestException:
    with pytest.raises(requests.RequestException) as failed:
        requests.post(url, timeout=0.3)
    return failed.value


def test_a_refused_connection_sent_nothing() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    error = _failure(f"http://127.0.0.1:{port}/")
    assert never_sent(error)
    assert isinstance(no_answer("start", error, starting=True), TryLaterError)


@pytest.mark.parametrize("answers", [False, True], ids=["silent", "closed"])
def test_a_dropped_connection_and_a_read_timeout_may_have_been_served(answers: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1_000)
                if not answers:
                    served.wait(5)

        served = threading.Event()
        thread = threading.Thread(target=accept)
        thread.start()
        error = _failure(f"http://127.0.0.1:{server.getsockname()[1]}/")
        served.set()
        thread.join()
    assert not never_sent(error)
    assert isinstance(no_answer("start", error, starting=True), UnclearError)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2018-06-16T00:37:44.6257014Z", datetime(2018, 6, 16, 0, 37, 44, 625701, tzinfo=UTC)),
        ("2021-12-10T08:40:31.57", datetime(2021, 12, 10, 8, 40, 31, 570000, tzinfo=UTC)),
        ("2021-12-10T08:40:31", datetime(2021, 12, 10, 8, 40, 31, tzinfo=UTC)),
        ("2021-12-10T08:40:31+02:00", datetime(2021, 12, 10, 6, 40, 31, tzinfo=UTC)),
        ("yesterday", None),
        (None, None),
        (7, None),
    ],
)
def test_times_are_read_in_every_form_that_services_write(text: object, time: datetime | None) -> None:
    assert time_of(text) == time
    if time is not None:
        assert time_of(wire_time(time)) == time
