"""Two ways for a person to sign in, both through msal: a code typed on any device, or this machine's browser."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    import msal

_WAIT_SECONDS = 300.0
_PAGE = b"<!doctype html><title>Baton</title><p>You can close this page and go back to the terminal."


class SignInError(Exception):
    """Nobody has signed in. The message says why."""


def with_device_code(
    application: msal.PublicClientApplication, scopes: Sequence[str], say: Callable[[str], object]
) -> dict[str, Any]:
    """Entra's answer with its tokens. Raises SignInError."""
    flow = application.initiate_device_flow(scopes=list(scopes))
    if "user_code" not in flow:
        raise _refused(flow)
    say(str(flow["message"]))
    return _granted(application.acquire_token_by_device_flow(flow))


def with_browser(
    application: msal.ClientApplication,
    scopes: Sequence[str],
    open_browser: Callable[[str], object],
    say: Callable[[str], object],
) -> dict[str, Any]:
    """The same with an authorization code and PKCE: Entra sends the browser back to this machine."""
    with _Receiver() as receiver:
        flow = application.initiate_auth_code_flow(
            list(scopes),
            redirect_uri=receiver.address,
            response_mode="form_post",  # a code in an address would stay in the browser's history
        )
        if "auth_uri" not in flow:
            raise _refused(flow)
        say(f"Sign in with your browser; if it does not open, go to {flow['auth_uri']}")
        open_browser(flow["auth_uri"])
        sent_back = receiver.wait()
    try:
        return _granted(application.acquire_token_by_auth_code_flow(flow, sent_back))
    except ValueError as error:  # another state than ours: not the answer to this sign-in
        raise SignInError(f"The browser came back with something else: {error}") from error


class _Receiver(HTTPServer):
    """Waits on loopback for the browser to be sent back. Closed when the `with` ends."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.timeout = _WAIT_SECONDS
        self.sent_back: dict[str, str] = {}

    @property
    def address(self) -> str:
        return f"http://localhost:{self.server_address[1]}"

    def wait(self) -> dict[str, str]:
        """What the browser brought. Raises SignInError when it does not come."""
        self.handle_request()  # another page that calls here, or nobody in time, ends it
        if not self.sent_back:
            raise SignInError("The browser did not come back in five minutes. Try again, or without --browser.")
        return self.sent_back


class _Handler(BaseHTTPRequestHandler):
    server: _Receiver

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.server.sent_back = dict(parse_qsl(self.rfile.read(length).decode()))
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(_PAGE)))
        self.end_headers()
        self.wfile.write(_PAGE)

    def log_message(self, format: str, *arguments: object) -> None:
        """Quiet: the terminal tells what matters."""


def _granted(answer: dict[str, Any]) -> dict[str, Any]:
    if "access_token" not in answer:
        raise _refused(answer)
    return answer


def _refused(answer: dict[str, Any]) -> SignInError:
    text = str(answer.get("error_description") or answer.get("error") or "no reason was given")
    return SignInError(f"Entra says: {' '.join(text.split('Trace ID:', maxsplit=1)[0].split())}")
