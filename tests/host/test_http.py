"""HTTP functions over real connections."""

from __future__ import annotations

import http.client
import json
import logging
import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from local.host import Host
from local.host.http import MAX_BODY_BYTES
from tests.host.running import KEYS, Reply, call, running


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with running("web") as (started, _):
        yield started


def raw(host: Host, request: bytes) -> bytes:
    """Everything that comes back for these bytes until the server ends the connection."""
    address = urlsplit(host.base_url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while piece := connection.recv(65_536):
            received += piece
    return received


def described(reply: Reply) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(reply.body)
    return found


def test_a_function_gets_the_request_as_it_was_sent(host: Host) -> None:
    reply = call(host, "POST", "/api/echo/7/a%20b?x=1&y=%C3%BC", body="hello", headers={"X-One": "1"})
    seen = described(reply)
    assert (reply.status, reply.header("content-type")) == (200, "application/json")
    assert (seen["method"], seen["body"]) == ("POST", "hello")
    assert seen["url"] == f"{host.base_url}/api/echo/7/a%20b?x=1&y=%C3%BC"
    assert seen["params"] == {"x": "1", "y": "ü"}
    assert seen["route_params"] == {"id": "7", "tail": "a b"}
    assert seen["headers"]["x-one"] == "1"


def test_empty_query_values_are_dropped_and_repeated_ones_are_joined(host: Host) -> None:
    assert described(call(host, "GET", "/api/echo/7?a=&b&c=1&c=2"))["params"] == {"c": "1,2"}


def test_an_optional_value_that_is_missing_is_not_in_the_route_values(host: Host) -> None:
    assert described(call(host, "GET", "/api/echo/7"))["route_params"] == {"id": "7"}


def test_a_path_that_fails_one_routes_constraint_goes_to_the_next_route(host: Host) -> None:
    assert call(host, "GET", "/api/echo/seven").body == b"name seven"


@pytest.mark.parametrize(
    "target", ["/api/unknown", "/echo/7", "/api", "/", "/api/runs/7", "/runtime/webhooks/other"]
)
def test_an_unknown_route_is_a_404_with_an_empty_body(host: Host, target: str) -> None:
    reply = call(host, "GET", target)
    assert (reply.status, reply.body) == (404, b"")


@pytest.mark.parametrize("method", ["DELETE", "HEAD", "OPTIONS", "BREW"])
def test_a_known_route_with_another_method_is_a_404(host: Host, method: str) -> None:
    assert call(host, method, "/api/echo/7").status == 404


@pytest.mark.parametrize("method", ["GET", "DELETE", "QUERY", "BREW"])
def test_a_route_without_methods_takes_every_method(host: Host, method: str) -> None:
    assert call(host, method, "/api/files/a").body == b"a"


def test_head_gets_the_headers_and_no_body(host: Host) -> None:
    reply = call(host, "HEAD", "/api/files/abc")
    assert (reply.status, reply.header("content-length"), reply.body) == (200, "3", b"")


@pytest.mark.parametrize(
    ("target", "headers", "status"),
    [
        ("/api/guarded", {}, 401),
        ("/api/guarded", {"x-functions-key": "wrong"}, 401),
        ("/api/guarded?code=wrong", {}, 401),
        ("/api/guarded?code=", {}, 401),
        ("/api/guarded", {"x-functions-key": "grid-key"}, 401),
        ("/api/guarded", {"x-functions-key": "function-key"}, 200),
        ("/api/guarded?code=function-key", {}, 200),
        ("/api/guarded?Code=function-key", {}, 200),
        ("/api/guarded", {"x-functions-key": "master-key"}, 200),
        ("/api/guarded?code=function-key", {"x-functions-key": "wrong"}, 401),
        ("/api/guarded?code=sch%C3%BCssel", {}, 401),
        ("/api/master", {"x-functions-key": "function-key"}, 401),
        ("/api/master", {"x-functions-key": "master-key"}, 200),
        ("/api/master?code=master-key", {}, 200),
    ],
)
def test_keys_open_what_their_level_allows(host: Host, target: str, headers: dict[str, str], status: int) -> None:
    reply = call(host, "GET", target, headers=headers)
    assert reply.status == status
    assert (reply.body == b"") == (status == 401)


def test_keys_are_in_no_log_line(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        raw(host, b"GET /api/guarded?code=function-key HTTP/9.9\r\n\r\n")
        raw(host, b"GET /api/guarded?code=function-key extra HTTP/1.1\r\n\r\n")
        call(host, "GET", "/api/guarded?code=function-key", headers={"x-functions-key": "master-key"})
        deadline = time.monotonic() + 5
        while "GET /api/guarded 200" not in caplog.text:  # it is written after the answer
            assert time.monotonic() < deadline
            time.sleep(0.005)
    assert "-key" not in caplog.text.replace("x-functions-key", "")


def test_keys_are_not_in_the_repr_of_keys() -> None:
    assert "key" not in repr(KEYS)


def test_a_function_that_raises_is_a_500_with_an_empty_body_and_a_logged_traceback(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    reply = call(host, "GET", "/api/broken")
    assert (reply.status, reply.body) == (500, b"")
    assert "secret details" in caplog.text
    assert "Traceback" in caplog.text


def test_a_function_that_returns_nothing_is_a_500(host: Host) -> None:
    assert call(host, "GET", "/api/nothing").status == 500


def test_json_returned_as_a_string_is_indented_and_sent_as_text(host: Host) -> None:
    reply = call(host, "GET", "/api/json-text")
    assert (reply.body, reply.header("content-type")) == (b'{\n  "a": 1\n}', "text/plain; charset=utf-8")


def test_a_response_keeps_its_status_headers_cookies_and_charset(host: Host) -> None:
    reply = call(host, "GET", "/api/rendered")
    assert (reply.status, reply.body) == (201, "grüße".encode("iso-8859-1"))
    assert reply.header("content-type") == "text/html; charset=iso-8859-1"
    assert (reply.header("location"), reply.header("x-function")) == ("/api/runs/1", "rendered")
    assert [value for name, value in reply.headers if name.lower() == "set-cookie"] == ["a=1; Path=/", "b=2"]
    assert reply.header("content-length") == "5"


def test_a_204_has_neither_body_nor_length(host: Host) -> None:
    reply = call(host, "GET", "/api/no-content")
    assert (reply.status, reply.body, reply.header("content-length")) == (204, b"", None)


def test_an_async_function_is_awaited(host: Host) -> None:
    assert call(host, "GET", "/api/asynchronous").body == b"awaited"


def test_a_chunked_body_reaches_the_function_empty(host: Host) -> None:
    reply = call(host, "POST", "/api/echo/7", body=iter([b"he", b"llo"]))
    assert described(reply)["body"] == ""


def test_a_connection_is_kept_alive_even_after_a_chunked_body(host: Host) -> None:
    connection = http.client.HTTPConnection(urlsplit(host.base_url).netloc, timeout=10)
    try:
        sockets = set()
        for body in (iter([b"he", b"llo"]), b"second"):
            connection.request("POST", "/api/echo/7", body=body)
            sockets.add(connection.sock.getsockname())
            seen = json.loads(connection.getresponse().read())
        assert (len(sockets), seen["body"]) == (1, "second")
    finally:
        connection.close()


def test_a_client_that_waits_for_100_continue_is_told_to_go_on(host: Host) -> None:
    request = (
        b"POST /api/echo/7 HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n"
        b"Connection: close\r\n\r\nhi"
    )
    assert raw(host, request).startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


def test_a_body_over_the_limit_is_a_413_without_being_read(host: Host) -> None:
    head = f"POST /api/echo/7 HTTP/1.1\r\nHost: x\r\nContent-Length: {MAX_BODY_BYTES + 1}\r\n\r\n"
    received = raw(host, head.encode())
    assert received.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in received


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST /api/echo/7 HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"POST /api/echo/7 HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/echo/7 HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nshort",
        b"POST /api/echo/7 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"POST /api/echo/7 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc",
        b"POST /api/echo/7 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /api/echo/7 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    ],
)
def test_a_request_whose_body_cannot_be_framed_is_a_400(host: Host, request_bytes: bytes) -> None:
    assert raw(host, request_bytes).startswith(b"HTTP/1.1 400 ")


def test_a_chunk_over_the_limit_is_a_413(host: Host) -> None:
    head = b"POST /api/echo/7 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert raw(host, head + b"%x\r\n" % (MAX_BODY_BYTES + 1)).startswith(b"HTTP/1.1 413 ")


def test_only_loopback_is_listened_on(host: Host) -> None:
    assert urlsplit(host.base_url).hostname == "127.0.0.1"
