"""Getting into the dashboard: the key and its session, App Service's sign-in, and what other sites send."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest

from shared.web.access.session import LASTS, new_session, set_cookie
from shared.web.access.sign_in import enter_key, sign_in, sign_out
from shared.web.access.visitor import Visit, Visitor, enter, own_page
from shared.web.answer import Answer
from tests.web.test_who_may_do_what import CALLERS, principal

KEY = "a-dashboard-key-of-enough-characters"
NOW = datetime(2026, 11, 21, 5, 30, tzinfo=UTC)
ADDRESS = "https://baton.test"
OTHER_SITE = {"sec-fetch-site": "cross-site", "origin": "https://evil.test", "host": "baton.test"}
OWN_SITE = {"sec-fetch-site": "same-origin", "origin": ADDRESS, "host": "baton.test"}


@dataclass
class Door:
    """One browser before the dashboard."""

    environment: dict[str, str] = field(default_factory=lambda: {"DASHBOARD_KEY": KEY})
    now: datetime = NOW
    address: str = ADDRESS
    cookie: str = ""

    def visit(self, function: str, method: str, path: str, headers: Mapping[str, str]) -> Visit:
        told = {"cookie": self.cookie, **headers} if self.cookie else dict(headers)
        return Visit(
            function=function,
            method=method,
            url=f"{self.address}{path}",
            headers=told,
            environment=self.environment,
            now=self.now,
            secret=lambda: "the app's own secret",
        )

    def open(self, function: str = "dashboard", path: str = "/api/dashboard", **headers: str) -> Visitor | Answer:
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        method = "POST" if function in ("dashboard_cancel", "dashboard_start") else "GET"
        return enter(self.visit(function, method, path, told))

    def enter_key(self, key: str = KEY, next_page: str = "", **headers: str) -> Answer:
        body = urlencode({"key": key, "next": next_page}).encode()
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = enter_key(self.visit("dashboard_enter", "POST", "/api/dashboard/sign-in", told), body, "random")
        self.cookie = answer.headers.get("Set-Cookie", self.cookie).partition(";")[0]
        return answer

    def visitor(self) -> Visitor:
        seen = self.open()
        assert isinstance(seen, Visitor)
        return seen


def entra(**more: str) -> Door:
    return Door(environment={"CALLERS": "entra", "WEBSITE_AUTH_ENABLED": "True", **more})


def sent_to(answer: Visitor | Answer) -> str:
    assert isinstance(answer, Answer)
    assert answer.status == 303
    return answer.headers["Location"]


def refused(answer: Visitor | Answer) -> int:
    assert isinstance(answer, Answer)
    assert "script" not in answer.body
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    return answer.status


def test_the_key_is_entered_once_and_gives_a_session_of_twelve_hours() -> None:
    door = Door()
    path = "/api/dashboard/runs/sales-daily.1"
    assert sent_to(door.open(path=path)) == "/api/dashboard/sign-in?next=%2Fapi%2Fdashboard%2Fruns%2Fsales-daily.1"
    answer = door.enter_key(next_page=path)
    assert sent_to(answer) == path
    cookie = answer.headers["Set-Cookie"]
    assert cookie.endswith("; Max-Age=43200; Path=/api/dashboard; HttpOnly; SameSite=Strict; Secure")
    assert KEY not in cookie
    assert door.visitor().may_operate
    door.now = NOW + LASTS - timedelta(seconds=1)
    assert door.visitor().may_operate
    door.now = NOW + LASTS
    assert sent_to(door.open()).startswith("/api/dashboard/sign-in")


@pytest.mark.parametrize("entered", ["", "a", KEY[:-1], KEY + "x", KEY.upper(), "é" * 30])
def test_a_wrong_key_gives_no_session_and_is_in_no_log(entered: str, caplog: pytest.LogCaptureFixture) -> None:
    door = Door()
    with caplog.at_level(logging.INFO):
        answer = door.enter_key(entered)
    assert (refused(answer), door.cookie) == (403, "")
    assert "action=sign_in_refused" in caplog.text
    assert len(entered) < 2 or entered not in caplog.text + answer.body


def test_another_key_ends_all_sessions() -> None:
    door = Door()
    door.enter_key()
    door.environment["DASHBOARD_KEY"] = KEY + "-new"
    assert sent_to(door.open()).startswith("/api/dashboard/sign-in")


def test_a_session_cannot_be_made_longer() -> None:
    session = new_session(KEY, NOW, "random")
    later = f"{int(session.partition('.')[0]) + 3_600}.{session.partition('.')[2]}"
    for value in (later, session[:-1], session + "0", "", ".", "..", "999999999999.random.", "é.é.é"):
        door = Door(cookie=f"baton_session={value}")
        assert isinstance(door.open(), Answer), value
    assert isinstance(Door(cookie=f"other=1; baton_session={session}").open(), Visitor)


def test_without_a_key_the_dashboard_says_how_to_switch_it_on() -> None:
    for environment, status in (({}, 404), ({"DASHBOARD_KEY": "short"}, 503)):
        door = Door(environment=dict(environment))
        answers = (door.open(), door.enter_key("short"), sign_in(door.visit("dashboard_sign_in", "GET", "/", {})))
        for answer in answers:
            assert refused(answer) == status
            assert isinstance(answer, Answer)
            assert "DASHBOARD_KEY" in answer.body


def test_the_cookie_is_secure_but_for_http_on_the_same_machine() -> None:
    assert "; Secure" not in Door(address="http://127.0.0.1:7071").enter_key().headers["Set-Cookie"]
    assert "; Secure" in Door(address="http://baton.test").enter_key().headers["Set-Cookie"]
    assert "Max-Age=0" in set_cookie("", secure=True)


@pytest.mark.parametrize(
    "path",
    ["https://evil.test", "//evil.test", "/\\evil.test", "/api/dashboard//evil.test", "/api/dashboardx", "",
     "/.auth/logout", "/api/dashboard/../../.auth/logout", "/api/dashboard/\r\nSet-Cookie: a=b",
     "/api/dashboard@evil.test"],
)  # fmt: skip
def test_signing_in_leads_nowhere_else(path: str) -> None:
    assert own_page(path) == "/api/dashboard"
    assert sent_to(Door().enter_key(next_page=path)) == "/api/dashboard"


def test_the_key_of_an_address_goes_no_further() -> None:
    assert "code" not in sent_to(Door().open(path="/api/dashboard?code=function-key"))


def test_other_sites_can_neither_sign_in_nor_out_nor_send_forms() -> None:
    door = Door()
    assert refused(enter_key(door.visit("dashboard_enter", "POST", "/", OTHER_SITE), b"key=x", "r")) == 403
    door.enter_key()
    assert refused(sign_out(door.visit("dashboard_sign_out", "POST", "/", OTHER_SITE))) == 403
    visit = door.visit("dashboard_cancel", "POST", "/api/dashboard/runs/x/cancel", OTHER_SITE)
    assert refused(enter(visit)) == 403
    visit = door.visit("dashboard_cancel", "POST", "/api/dashboard/runs/x/cancel", OWN_SITE)
    assert isinstance(enter(visit), Visitor)
    assert "Max-Age=0" in sign_out(door.visit("dashboard_sign_out", "POST", "/", OWN_SITE)).headers["Set-Cookie"]


def test_each_session_has_a_word_of_its_own_for_its_forms() -> None:
    door = Door()
    door.enter_key()
    first = door.visitor().csrf
    assert (len(first), door.visitor().csrf == first) == (64, True)
    door.now += timedelta(seconds=1)
    door.enter_key()
    assert door.visitor().csrf != first
    assert first not in door.cookie


def test_with_entra_the_platform_says_who_it_is() -> None:
    reader = entra().open(x_ms_client_principal=principal("Baton.Read"))
    assert isinstance(reader, Visitor)
    assert (reader.may_operate, reader.name, len(reader.csrf)) == (False, "Ada", 64)
    operator = entra().open(x_ms_client_principal=principal("Baton.Operate"))
    assert isinstance(operator, Visitor)
    assert operator.may_operate
    assert refused(entra().open(x_ms_client_principal=principal())) == 403
    assert refused(entra().open("dashboard_cancel", x_ms_client_principal=principal("Baton.Read"))) == 403


def test_with_entra_nobody_is_sent_to_the_platforms_sign_in_and_back() -> None:
    login = "/.auth/login/aad?post_login_redirect_uri="
    assert sent_to(entra().open(path="/api/dashboard/runs/a.b")) == f"{login}%2Fapi%2Fdashboard%2Fruns%2Fa.b"
    assert sent_to(entra().open(path="/api/dashboard//evil.test")) == f"{login}%2Fapi%2Fdashboard"
    assert sent_to(sign_in(entra().visit("dashboard_sign_in", "GET", "/", {}))) == f"{login}%2Fapi%2Fdashboard"
    assert sent_to(sign_out(entra().visit("dashboard_sign_out", "POST", "/", OWN_SITE))) == "/.auth/logout"


def test_with_entra_the_dashboards_key_opens_nothing() -> None:
    door = entra(DASHBOARD_KEY=KEY)
    assert sent_to(door.enter_key()).startswith("/.auth/login/aad")
    door.cookie = f"baton_session={new_session(KEY, NOW, 'random')}"
    assert sent_to(door.open()).startswith("/.auth/login/aad")


def test_nobody_is_believed_where_the_platform_does_not_check() -> None:
    door = entra(WEBSITE_AUTH_ENABLED="False")
    assert refused(door.open(x_ms_client_principal=principal("Baton.Operate"))) == 503
    forged = Door().open(x_ms_client_principal=CALLERS["operator"]["x-ms-client-principal"])
    assert sent_to(forged).startswith("/api/dashboard/sign-in")
