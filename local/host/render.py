"""Turns what an HTTP function returned into a response, as Azure's worker and host do together."""

from __future__ import annotations

import json

import azure.functions as func

from local.host.messages import Headers, WebResponse, text_response

# The server writes these itself; a function's own could break the framing.
_SERVER_HEADERS = frozenset({"connection", "content-length", "date", "keep-alive", "transfer-encoding"})


def render(result: object) -> WebResponse:
    """Raises TypeError or ValueError for what cannot be sent; the invocation then counts as failed."""
    if isinstance(result, str):
        return text_response(200, _indented(result))
    if not isinstance(result, func.HttpResponse):
        raise TypeError(f"an HTTP function must return an HttpResponse or a string, not {type(result).__name__}")
    status = int(result.status_code)
    if not 200 <= status <= 599:
        raise ValueError(f"an HTTP function returned the status {status}")
    return WebResponse(status, result.get_body(), _headers(result))


def _headers(response: func.HttpResponse) -> Headers:
    # Of a header given twice Azure sends the last one, cookies apart.
    cookies = [("set-cookie", value) for name, value in response.headers.items() if name.lower() == "set-cookie"]
    single = {name.lower(): str(value) for name, value in response.headers.items()}
    single.setdefault("content-type", _content_type(response))
    kept = [(name, value) for name, value in single.items() if name not in _SERVER_HEADERS | {"set-cookie"}]
    for name, value in kept + cookies:
        _check_header(name, value)
    return tuple(kept + cookies)


def _content_type(response: func.HttpResponse) -> str:
    if response.mimetype.startswith("text/"):
        return f"{response.mimetype}; charset={response.charset}"
    return str(response.mimetype)


def _check_header(name: str, value: str) -> None:
    printable = all(character == "\t" or " " <= character <= "~" or character >= "\xa0" for character in value)
    if not (name.isascii() and printable):
        raise ValueError(f"the response header {name!r} holds characters that cannot be sent")
    value.encode("latin-1")


def _indented(text: str) -> str:
    # The real host parses a returned string; JSON objects and arrays come out indented.
    if not text.lstrip().startswith(("{", "[")):
        return text
    try:
        return json.dumps(json.loads(text), indent=2)
    except ValueError:
        return text
