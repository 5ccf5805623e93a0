"""Who looks at the dashboard: App Service's sign-in says it with `CALLERS=entra`, else a session of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlsplit

from shared.relay.world import say
from shared.web.access.door_page import message_page
from shared.web.access.gate import ENTRA, callers_of, entra_caller
from shared.web.access.needs import NEEDS, Need
from shared.web.access.origin import is_same_origin
from shared.web.access.principal import OPERATE_ROLE, READ_ROLE, is_known
from shared.web.access.session import LEAST_KEY_CHARACTERS, form_word, is_session, session_in
from shared.web.answer import Answer, ProblemError

HOME = "/api/dashboard"
SIGN_IN = f"{HOME}/sign-in"
_OWN_PAGE = re.compile(r"/api/dashboard(/(?!\.)[A-Za-z0-9._~%-]+)*")
_NO_KEY = (
    "The dashboard is switched off. Set the app setting DASHBOARD_KEY to a secret of"
    f" {LEAST_KEY_CHARACTERS} characters or more, or let people sign in (CALLERS=entra)."
)
_SHORT_KEY = f"The app setting DASHBOARD_KEY is too short: it needs {LEAST_KEY_CHARACTERS} characters or more."


@dataclass(frozen=True, slots=True)
class Visitor:
    """What pages need to know. `csrf` goes into every form and comes back with it."""

    may_operate: bool
    csrf: str
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request for a page. The names of headers are lower case. `secret` signs forms with `CALLERS=entra`."""

    function: str
    method: str
    url: str
    headers: Mapping[str, str]
    environment: Mapping[str, str]
    now: datetime
    secret: Callable[[], str]


def enter(visit: Visit) -> Visitor | Answer:
    """Whoever may see the page, or the answer for who may not."""
    try:
        check_origin(visit)
        if callers_of(visit.environment) == ENTRA:
            return _by_role(visit)
        return _by_session(visit)
    except ProblemError as problem:
        return message_page(problem.status, problem.detail)


def check_origin(visit: Visit) -> None:
    """Raises ProblemError for what another site sends."""
    hostname = visit.environment.get("WEBSITE_HOSTNAME", "")
    if visit.method.upper() == "POST" and is_same_origin(visit.headers, hostname) is False:
        say("form_refused", function=visit.function)
        raise ProblemError(403, "This form was sent by a page of another site.")


def dashboard_key(environment: Mapping[str, str]) -> str:
    """Raises ProblemError where there is none that is good enough."""
    key = environment.get("DASHBOARD_KEY", "").strip()
    if not key:
        raise ProblemError(404, _NO_KEY)
    if len(key) < LEAST_KEY_CHARACTERS:
        raise ProblemError(503, _SHORT_KEY)
    return key


def own_page(path: str) -> str:
    """The path, if it is one of the dashboard's pages; else its first page. No other place can be led to."""
    return path if _OWN_PAGE.fullmatch(path) else HOME


def page_asked(visit: Visit) -> str:
    """Where to go after signing in. Without the query: it might hold a key."""
    return own_page(urlsplit(visit.url).path) if visit.method.upper() == "GET" else HOME


def go_to(address: str, headers: Mapping[str, str] | None = None) -> Answer:
    """303: what comes next is asked for by GET."""
    told = {"Location": address, "Cache-Control": "no-store", **(headers or {})}
    return Answer(status=303, body="", mimetype="text/html", headers=told)


def login_address(page: str) -> str:
    """App Service's own sign-in, which comes back to the page."""
    return f"/.auth/login/aad?post_login_redirect_uri={quote(page, safe='')}"


def _by_role(visit: Visit) -> Visitor | Answer:
    caller = entra_caller(visit.headers, visit.environment)
    if not is_known(caller):
        return go_to(login_address(page_asked(visit)))
    need = NEEDS[visit.function]
    if not (caller.may_operate if need is Need.OPERATE else caller.may_read):
        role = OPERATE_ROLE if need is Need.OPERATE else READ_ROLE
        say("call_refused", function=visit.function, status=403)
        raise ProblemError(403, f"This needs the app role {role}, which you have not been given.")
    return Visitor(caller.may_operate, form_word(visit.secret(), f"principal {caller.id}"), caller.name)


def _by_session(visit: Visit) -> Visitor | Answer:
    key = dashboard_key(visit.environment)
    session = session_in(visit.headers.get("cookie", ""))
    if not is_session(key, session, visit.now):
        return go_to(f"{SIGN_IN}?next={quote(page_asked(visit), safe='')}")
    return Visitor(may_operate=True, csrf=form_word(key, f"session {session}"))
