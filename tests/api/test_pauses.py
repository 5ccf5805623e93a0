"""Pausing and resuming over HTTP; every answer is one that the description has."""

from pathlib import Path

import pytest

from tests.api.driving import CHAINS, Api, make_api


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return make_api(tmp_path)


def shown(api: Api) -> object:
    return api.call("GET", "/api/chains").json()["chains"][0]["paused"]


def test_a_paused_chain_says_since_when_and_why_and_refuses_starts(api: Api) -> None:
    told = api.call("POST", "/api/chains/open/pause", b'{"reason": "moving", "until": "2026-11-22T00:00:00Z"}')
    assert told.status == 200
    assert told.json()["paused"]["reason"] == "moving"
    assert shown(api) == told.json()["paused"]
    refused = api.start({})
    assert refused.status == 409
    assert refused.json()["paused"] == told.json()["paused"]
    assert "moving" in refused.json()["detail"]
    assert "/resume" in refused.json()["detail"]
    forced = api.call("POST", "/api/chains/open/runs", b'{"force": true}')
    assert forced.status == 202


def test_resuming_ends_it_and_may_be_said_twice(api: Api) -> None:
    api.call("POST", "/api/chains/open/pause")
    for _ in range(2):
        told = api.call("POST", "/api/chains/open/resume")
        assert (told.status, told.json()["paused"]) == (200, None)
    assert shown(api) is None
    assert api.start({}).status == 202


def test_a_chain_that_is_gone_can_still_be_resumed_and_one_that_never_was_cannot(api: Api, tmp_path: Path) -> None:
    api.call("POST", "/api/chains/open/pause")
    later = make_api(tmp_path, CHAINS.replace("  open:", "  other:"), api.small)
    assert later.call("POST", "/api/chains/open/pause").status == 404
    assert later.call("POST", "/api/chains/open/resume").status == 200
    assert later.call("POST", "/api/chains/never/resume").status == 404
    assert later.call("POST", "/api/chains/%2F/resume").status == 404


@pytest.mark.parametrize(
    ("body", "places"),
    [
        (b'{"reason": 1, "until": "soon", "who": "me"}', ["who", "reason", "until"]),
        (b'{"until": "2026-11-01T00:00:00Z"}', ["until"]),
        (b'{"until": "2026-12-01T00:00:00"}', ["until"]),
        (b'{"until": 5}', ["until"]),
    ],
)
def test_a_bad_body_is_told_with_every_place(api: Api, body: bytes, places: list[str]) -> None:
    answer = api.call("POST", "/api/chains/open/pause", body)
    assert (answer.status, answer.paths) == (400, places)
    assert shown(api) is None
