"""Whether a request comes from a page of this app itself. Browsers say so; other clients say nothing."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit


def is_same_origin(headers: Mapping[str, str], hostname: str = "") -> bool | None:
    """None when the request does not tell. The names of headers are lower case; `hostname`: the app's own."""
    site = headers.get("sec-fetch-site")
    origin = headers.get("origin")
    if site is None and origin is None:
        return None
    if site is not None and site.lower() != "same-origin":
        return False
    return origin is None or _host(origin) in {headers.get("host", "").lower(), hostname.lower()} - {""}


def _host(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
