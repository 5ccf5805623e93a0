"""What every service needs to reach its API: settings, identities, and the session that carries requests."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

import requests

from shared.identity import Identities
from shared.ports import Clock
from shared.settings import Settings

CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """`session` carries all requests: the one seam where tests put another world."""

    settings: Settings
    identities: Identities
    session: requests.Session
    clock: Clock


def is_plain_http(endpoint: str) -> bool:
    """Only ever true for a loopback address: settings refuse the rest."""
    return urlsplit(endpoint).scheme == "http"
