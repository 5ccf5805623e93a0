"""The table of call and caller, over every HTTP function that the app really has, through the local host."""

from __future__ import annotations

import base64
import json
import re
from functools import cache
from pathlib import Path

import pytest

from local.host.http_functions import HttpFunctions
from local.host.index import HttpTrigger, load_functions
from local.host.invoke import Invoker
from local.host.keys import Keys
from local.host.messages import WebRequest, WebResponse
from local.host.options import read_options
from shared.core.ids import run_id
from shared.web.access.needs import NEEDS, Need
from tests.api.driving import ROOT, make_api
from tests.unit.relay.small_world import T0

KEY = "test-key"
HOST = "baton.test"
DASHBOARD_KEY = "a-dashboard-key-of-enough-characters"
OPTIONS = read_options(json.loads((ROOT / "host.json").read_text()), {})
ROLE_TYPE = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"
OBJECT_ID = "http://schemas.microsoft.com/identity/claims/objectidentifier"


def principal(*roles: str, kind: str = ROLE_TYPE, provider: str = "aad") -> str:
    claims = [{"typ": OBJECT_ID, "val": "0d9c"}, {"typ": "name", "val": "Ada"}]
    claims += [{"typ": kind, "val": role} for role in roles]
    told = {"auth_typ": provider, "claims": claims, "name_typ": "name", "role_typ": ROLE_TYPE}
    return base64.b64encode(json.dumps(told).encode()).decode()


def signed(*roles: str) -> dict[str, str]:
    """A caller with an Entra token, as App Service hands it on."""
    return {"authorization": "Bearer token", "x-ms-client-principal": principal(*roles)}


def browser(*roles: str, site: str) -> dict[str, str]:
    """A caller with the cookie of App Service's sign-in."""
    return {"x-ms-client-principal": principal(*roles), "sec-fetch-site": site, "host": HOST}


CALLERS: dict[str, dict[str, str]] = {
    "nobody": {},
    "key": {"x-functions-key": KEY},
    "wrong key": {"x-functions-key": "guess"},
    "reader": signed("Baton.Read"),
    "operator": signed("Baton.Operate"),
    "no role": signed(),
    "another role": signed("Baton.Owner"),
    "broken principal": {"authorization": "Bearer token", "x-ms-client-principal": "e30=%"},
    "another provider": {
        "authorization": "Bearer token",
        "x-ms-client-principal": principal("Baton.Operate", provider="google"),
    },
    "own page": browser("Baton.Operate", site="same-origin"),
    "other site": browser("Baton.Operate", site="cross-site"),
    "sibling site": browser("Baton.Operate", site="same-site"),
    "other origin": {
        "x-ms-client-principal": principal("Baton.Operate"), "origin": "https://evil.test", "host": HOST
    },
    "own origin": {
        "x-ms-client-principal": principal("Baton.Operate"), "origin": f"https://{HOST}", "host": HOST
    },
    "cookie without a word": {"x-ms-client-principal": principal("Baton.Operate"), "host": HOST},
}  # fmt: skip
SERVED = "served"
Row = dict[str, tuple[int | str, ...]]
# What the API answers whom, in the order of COLUMNS. With Entra a key opens nothing but the webhook for events.
COLUMNS: tuple[Need, ...] = (Need.READ, Need.OPERATE, Need.KEY)
KEYS_TABLE: Row = {
    **dict.fromkeys(CALLERS, (401, 401, 401)),  # also whoever forges the header
    "key": (SERVED, SERVED, SERVED),
}
ENTRA_TABLE: Row = {
    "nobody": (401, 401, 401),
    "key": (401, 401, SERVED),
    "wrong key": (401, 401, 401),
    "reader": (SERVED, 403, 401),
    "operator": (SERVED, SERVED, 401),
    "no role": (403, 403, 401),
    "another role": (403, 403, 401),
    "broken principal": (401, 401, 401),
    "another provider": (401, 401, 401),
    "own page": (SERVED, SERVED, 401),
    "other site": (SERVED, 403, 401),
    "sibling site": (SERVED, 403, 401),
    "other origin": (SERVED, 403, 401),
    "own origin": (SERVED, SERVED, 401),
    "cookie without a word": (SERVED, 403, 401),
}
UNCHECKED_TABLE: Row = {
    **dict.fromkeys(CALLERS, (503, 503, 401)),
    "key": (503, 503, SERVED),
}
TABLES: dict[str, Row] = {"keys": KEYS_TABLE, "entra": ENTRA_TABLE, "entra, platform off": UNCHECKED_TABLE}


@cache
def functions() -> dict[str, HttpTrigger]:
    """Every HTTP function of the app. Not read before a test runs: reading replaces the imported app."""
    entries = load_functions(ROOT, {}, OPTIONS)
    return {entry.name: entry.trigger for entry in entries if isinstance(entry.trigger, HttpTrigger)}


def api() -> list[str]:
    """What is neither a page nor looks for itself who calls."""
    pages = {name for name, trigger in functions().items() if trigger.route.full.startswith("api/dashboard")}
    return sorted(name for name in functions().keys() - pages if NEEDS.get(name) is not Need.OPEN)


class Site:
    """The whole app in one mode, over a fresh world with one run."""

    def __init__(self, folder: Path, environment: pytest.MonkeyPatch, mode: str, **settings: str) -> None:
        told = {"DASHBOARD_KEY": DASHBOARD_KEY, "CALLERS": "entra" if mode.startswith("entra") else "keys"}
        if mode == "entra":
            told["WEBSITE_AUTH_ENABLED"] = "True"
        for name, value in {**told, **settings}.items():
            environment.setenv(name, value)
        self.api = make_api(folder, small=None, **told)
        entries = load_functions(ROOT, {}, OPTIONS)
        keys = Keys(master="master", function=KEY, event_grid="grid")
        self._functions = HttpFunctions(entries, keys=keys, invoker=Invoker(threads=1), most_at_once=8)

    def call(
        self, method: str, path: str, headers: dict[str, str], body: bytes = b"", query: str = ""
    ) -> WebResponse:
        return self._functions.answer(WebRequest(method, path, query, headers, body))

    def call_function(self, name: str, headers: dict[str, str]) -> WebResponse:
        route = functions()[name].route
        names = {"chain": "open", "id": run_id("open", T0, 1), "name": "adf"}
        path = re.sub(r"{(\w+)}", lambda found: names.get(found[1], "load"), route.full)
        return self.call(min(route.methods or {"GET"}), f"/{path}", headers)


def test_every_function_has_its_place_in_the_table() -> None:
    assert set(functions()) <= set(NEEDS)
    assert all(caller in table for table in TABLES.values() for caller in CALLERS)


def test_what_only_reads_is_got_and_what_changes_something_is_posted() -> None:
    for name, trigger in functions().items():
        if NEEDS[name] in (Need.READ, Need.OPERATE):
            assert set(trigger.route.methods or ()) == {"GET" if NEEDS[name] is Need.READ else "POST"}, name


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("mode", TABLES)
def test_the_table_of_call_and_caller(
    mode: str, caller: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(tmp_path, monkeypatch, mode)
    expected = dict(zip(COLUMNS, TABLES[mode][caller], strict=True))
    for name in api():
        answer = site.call_function(name, CALLERS[caller])
        refused = answer.status if _is_refusal(answer) else SERVED
        assert refused == expected[NEEDS[name]], (name, answer)


def test_refusals_are_problems_that_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(tmp_path, monkeypatch, "entra")
    nobody = site.call_function("start_run", {})
    assert ("www-authenticate", "Bearer") in nobody.headers
    assert "Authorization: Bearer" in json.loads(nobody.body)["detail"]
    reader = site.call_function("start_run", CALLERS["reader"])
    assert "Baton.Operate" in json.loads(reader.body)["detail"]
    monkeypatch.setenv("WEBSITE_AUTH_ENABLED", "False")
    off = site.call_function("start_run", CALLERS["operator"])
    assert (off.status, "entraClientId" in json.loads(off.body)["detail"]) == (503, True)


def test_a_refused_start_starts_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(tmp_path, monkeypatch, "entra")
    for caller in ("nobody", "reader", "other site", "key"):
        site.call_function("start_run", CALLERS[caller])
    assert site.api.small.service.jobs == {}
    assert site.call_function("start_run", CALLERS["operator"]).status == 202


@pytest.mark.parametrize("kind", ["roles", ROLE_TYPE])
def test_roles_come_as_either_claim(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(tmp_path, monkeypatch, "entra")
    header = principal("Baton.Read", kind=kind)
    assert site.call_function("list_runs", {"x-ms-client-principal": header}).status == 200


def test_a_word_for_callers_that_is_unknown_opens_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(tmp_path, monkeypatch, "keys", CALLERS="Entra")
    assert site.call_function("list_runs", signed("Baton.Operate")).status == 401


def _is_refusal(answer: WebResponse) -> bool:
    """Whether the gate, and not the call itself, answered so."""
    if answer.status == 503:
        return b"CALLERS is 'entra'" in answer.body
    return answer.status in (401, 403) and b"WEBHOOK_ORIGINS" not in answer.body
