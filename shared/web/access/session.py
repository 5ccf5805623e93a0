"""The dashboard's sessions with `CALLERS=keys`: what is in the cookie, and the word that forms carry.

Nothing is kept on the server. A session is its end and some random text, signed with a key that comes of
`DASHBOARD_KEY`: another key ends all sessions.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta
from http.cookies import CookieError, SimpleCookie

COOKIE = "baton_session"
PATH = "/api/dashboard"
LASTS = timedelta(hours=12)
LEAST_KEY_CHARACTERS = 24
MOST_COOKIE_CHARACTERS = 8_192


def new_session(key: str, now: datetime, random_text: str) -> str:
    """The cookie's value. `random_text` holds letters, digits, - and _ only."""
    told = f"{int((now + LASTS).timestamp())}.{random_text}"
    return f"{told}.{_signed(_derived(key, 'session'), told)}"


def is_session(key: str, session: str, now: datetime) -> bool:
    """Whether the value was made with this key, and has not come to its end."""
    told, _, signature = session.rpartition(".")
    if not hmac.compare_digest(signature.encode(), _signed(_derived(key, "session"), told).encode()):
        return False
    return now.timestamp() < int(told.partition(".")[0])


def session_in(header: str) -> str:
    """The session among a request's cookies; "" when there is none."""
    try:
        found = SimpleCookie(header[:MOST_COOKIE_CHARACTERS]).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


def set_cookie(session: str, *, secure: bool) -> str:
    """The header that gives a browser the session; "" takes it away."""
    seconds = int(LASTS.total_seconds()) if session else 0
    told = f"{COOKIE}={session}; Max-Age={seconds}; Path={PATH}; HttpOnly; SameSite=Strict"
    return f"{told}; Secure" if secure else told


def is_key(entered: str, key: str) -> bool:
    """Compared in a time that tells nothing about the key, not even its length."""
    return hmac.compare_digest(hashlib.sha256(entered.encode()).digest(), hashlib.sha256(key.encode()).digest())


def form_word(secret: str, who: str) -> str:
    """What a form carries to show that this visitor's own page sent it. `who`: a session, or a principal's id."""
    return _signed(_derived(secret, "form"), who)


def _derived(key: str, purpose: str) -> bytes:
    return hmac.digest(key.encode(), f"baton {purpose}".encode(), "sha256")


def _signed(key: bytes, text: str) -> str:
    return hmac.digest(key, text.encode(), "sha256").hex()
