"""The call back to a pipeline: where it goes, where it never goes, and which answers are worth another try."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from shared.core.errors import RefusedError, TryLaterError
from shared.services.web_hook import PostBack

ADDRESS = "https://dpeastus.svc.datafactory.azure.com/workflow/callback/SECRET?token=SECRET"


class Receiver:
    """A server on this machine that answers as told, and keeps what it got."""

    def __init__(self) -> None:
        self.status, self.headers = 200, dict[str, str]()
        self.got: list[tuple[str, str | None, object]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((self.path, self.headers["Content-Type"], json.loads(body)))
                self.send_response(receiver.status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:
                """Quiet."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def post_back() -> PostBack:
    return PostBack([], loopback=True)


def test_the_body_is_posted_as_json_to_the_very_address(receiver: Receiver, post_back: PostBack) -> None:
    post_back(f"{receiver.url}/workflow/callback/abc?token=x%2Fy&n=1", {"StatusCode": "200"})
    assert receiver.got == [("/workflow/callback/abc?token=x%2Fy&n=1", "application/json", {"StatusCode": "200"})]


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_what_may_pass_is_tried_again_when_the_service_wishes(
    receiver: Receiver, post_back: PostBack, status: int
) -> None:
    receiver.status, receiver.headers = status, {"Retry-After": "17"}
    with pytest.raises(TryLaterError) as raised:
        post_back(f"{receiver.url}/SECRET", {})
    assert raised.value.after_seconds == 17


@pytest.mark.parametrize("status", [302, 307, 400, 404, 410])
def test_a_definite_no_and_a_redirect_are_not_repeated_or_followed(
    receiver: Receiver, post_back: PostBack, status: int
) -> None:
    receiver.status, receiver.headers = status, {"Location": f"{receiver.url}/elsewhere"}
    with pytest.raises(RefusedError):
        post_back(f"{receiver.url}/SECRET", {})
    assert len(receiver.got) == 1


@pytest.mark.parametrize(
    "ip",
    ["127.0.0.1", "10.1.2.3", "169.254.169.254", "192.168.0.1", "::1", "fd00::1", "::ffff:10.0.0.1", "0.0.0.0"],
)
def test_a_known_host_that_leads_to_an_inner_address_is_not_called(ip: str) -> None:
    for found in ([ip], ["20.42.0.1", ip]):
        post_back = PostBack([], loopback=True, resolve=lambda _host, _port, found=found: found)  # type: ignore[misc]
        with pytest.raises(RefusedError) as raised:
            post_back(ADDRESS, {})
        assert raised.value.code == "internal_address"
        assert "SECRET" not in raised.value.message


def test_no_error_repeats_the_address(post_back: PostBack, receiver: Receiver) -> None:
    receiver.close()
    with pytest.raises(TryLaterError) as raised:
        post_back(f"{receiver.url}/SECRET", {})
    assert "SECRET" not in str(raised.value) + repr(raised.value.__cause__)

    def nowhere(_host: str, _port: int) -> list[str]:
        raise OSError("no such host")

    with pytest.raises(TryLaterError):
        PostBack([], loopback=False, resolve=nowhere)(ADDRESS, {})


def test_an_address_that_is_not_allowed_any_more_is_not_called() -> None:
    with pytest.raises(RefusedError):
        PostBack([], loopback=False)("http://127.0.0.1:1/SECRET", {})
