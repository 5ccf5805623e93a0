"""`/api/dashboard/sign-in` and `/api/dashboard/sign-out`."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from shared.relay.world import say
from shared.settings import is_loopback
from shared.web.access.door_page import message_page, sign_in_page
from shared.web.access.gate import ENTRA, callers_of
from shared.web.access.session import is_key, new_session, set_cookie
from shared.web.access.visitor import HOME, Visit, check_origin, dashboard_key, go_to, login_address, own_page
from shared.web.answer import Answer, ProblemError

MOST_BODY_BYTES = 4_096


@dataclass(frozen=True, slots=True)
class Entered:
    """What the form sent."""

    key: str
    next_page: str


def sign_in(visit: Visit) -> Answer:
    """The form; with `CALLERS=entra` the way to App Service's own."""
    if callers_of(visit.environment) == ENTRA:
        return go_to(login_address(HOME))
    try:
        dashboard_key(visit.environment)
    except ProblemError as problem:
        return message_page(problem.status, problem.detail)
    return sign_in_page(own_page(_first(urlsplit(visit.url).query, "next")))


def enter_key(visit: Visit, body: bytes, random_text: str) -> Answer:
    """Takes the key and gives a session. `random_text`: fresh for every call."""
    if callers_of(visit.environment) == ENTRA:
        return go_to(login_address(HOME))
    try:
        check_origin(visit)
        return _entered(visit, dashboard_key(visit.environment), _read(body), random_text)
    except ProblemError as problem:
        return message_page(problem.status, problem.detail)


def sign_out(visit: Visit) -> Answer:
    """Ends the session of this browser; with `CALLERS=entra` that of App Service."""
    try:
        check_origin(visit)
    except ProblemError as problem:
        return message_page(problem.status, problem.detail)
    if callers_of(visit.environment) == ENTRA:
        return go_to("/.auth/logout")
    return go_to(HOME, {"Set-Cookie": set_cookie("", secure=_is_secure(visit))})


def _entered(visit: Visit, key: str, entered: Entered, random_text: str) -> Answer:
    if not is_key(entered.key, key):
        say("sign_in_refused", level=logging.WARNING)
        return sign_in_page(entered.next_page, refused=True)
    say("signed_in")
    session = new_session(key, visit.now, random_text)
    return go_to(entered.next_page, {"Set-Cookie": set_cookie(session, secure=_is_secure(visit))})


def _read(body: bytes) -> Entered:
    if len(body) > MOST_BODY_BYTES:
        raise ProblemError(413, "The form is too large.")
    text = body.decode("utf-8", "replace")
    return Entered(key=_first(text, "key").strip(), next_page=own_page(_first(text, "next")))


def _first(form: str, name: str) -> str:
    try:
        return parse_qs(form, max_num_fields=10).get(name, [""])[0]
    except ValueError:
        return ""


def _is_secure(visit: Visit) -> bool:
    """Always, but for the local host, where browsers come by http from the same machine."""
    return not (urlsplit(visit.url).scheme == "http" and is_loopback(visit.url))
