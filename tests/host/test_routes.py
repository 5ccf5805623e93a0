"""Route templates: which paths they take and what values they give."""

from __future__ import annotations

import pytest

from local.host.routes import RouteError, match_route, parse_route

GUID = "0d9c1d0e-0000-4000-8000-00000000000a"


@pytest.mark.parametrize(
    ("template", "path", "values"),
    [
        ("health", "/api/health", {}),
        ("health", "/api/health/", {}),
        ("health", "/API/Health", {}),
        ("runs/{id}", "/api/runs/7", {"id": "7"}),
        ("runs/{id}", "/api/runs/a%20b%C3%BC", {"id": "a bü"}),
        ("runs/{id}", "/api/runs/a%2Fb", {"id": "a%2Fb"}),
        ("runs/{id}", "/api/runs/%25", {"id": "%"}),
        ("runs/{id}", "/api/runs/%2541", {"id": "%41"}),
        ("runs/{id}", "/api/runs/%ff", {"id": "%ff"}),
        ("runs/{id}", "/api/runs/a+b", {"id": "a+b"}),
        ("runs/{id:guid}", f"/api/runs/{GUID}", {"id": GUID}),
        ("runs/{id:guid}", f"/api/runs/{GUID.replace('-', '')}", {"id": GUID.replace("-", "")}),
        ("runs/{id:guid}", f"/api/runs/{{{GUID}}}", {"id": f"{{{GUID}}}"}),
        ("pages/{n:int}", "/api/pages/-12", {"n": "-12"}),
        ("pages/{n:int:min(1)}", "/api/pages/3", {"n": "3"}),
        ("pages/{n:range(1,5)}", "/api/pages/5", {"n": "5"}),
        ("names/{n:alpha:maxlength(3)}", "/api/names/abc", {"n": "abc"}),
        ("runs/{id}/{step?}", "/api/runs/7", {"id": "7"}),
        ("runs/{id}/{step?}", "/api/runs/7/load", {"id": "7", "step": "load"}),
        ("runs/{id:guid?}", "/api/runs", {}),
        ("runs/{id=latest}", "/api/runs", {"id": "latest"}),
        ("files/{*rest}", "/api/files/a/b%20c", {"rest": "a/b c"}),
        ("files/{**rest}", "/api/files", {}),
    ],
)
def test_a_path_that_fits_gives_its_values(template: str, path: str, values: dict[str, str]) -> None:
    assert match_route([parse_route(template, None, prefix="api")], "GET", path) == (0, values)


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("health", "/health"),
        ("health", "/api/health/more"),
        ("health", "/api//health"),
        ("runs/{id}", "/api/runs"),
        ("runs/{id}", "/api/runs//"),
        ("runs/{id:guid}", "/api/runs/7"),
        ("runs/{id:guid}", f"/api/runs/({GUID}}}"),
        ("pages/{n:int}", "/api/pages/2147483648"),
        ("pages/{n:int}", "/api/pages/x"),
        ("pages/{n:min(1)}", "/api/pages/0"),
        ("names/{n:length(2,3)}", "/api/names/abcd"),
        ("flags/{f:bool}", "/api/flags/yes"),
        ("runs/{id:guid?}", "/api/runs/x"),
    ],
)
def test_a_path_that_does_not_fit_is_not_taken(template: str, path: str) -> None:
    assert match_route([parse_route(template, None, prefix="api")], "GET", path) is None


def test_the_first_declared_route_that_fits_wins() -> None:
    routes = [parse_route("runs/{id}", None), parse_route("runs/latest", None)]
    assert match_route(routes, "GET", "/runs/latest") == (0, {"id": "latest"})


def test_a_route_whose_method_does_not_fit_leaves_the_path_to_the_next() -> None:
    routes = [parse_route("runs", frozenset({"GET"})), parse_route("{any}", frozenset({"POST"}))]
    assert match_route(routes, "POST", "/runs") == (1, {"any": "runs"})
    assert match_route(routes, "DELETE", "/runs") is None


def test_an_empty_prefix_puts_routes_at_the_root() -> None:
    assert match_route([parse_route("health", None, prefix="")], "GET", "/health") == (0, {})


@pytest.mark.parametrize(
    "template", ["a/{b?}/c", "a/{*b}/c", "{a}/{A}", "a/{b", "a/{b:length(x)}", "a/{b:range(1)}"]
)
def test_a_template_that_the_host_does_not_know_is_refused(template: str) -> None:
    with pytest.raises(RouteError):
        parse_route(template, None)
