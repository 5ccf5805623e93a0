"""`POST /api/runs/{id}/steps/{step}/callback?token=`, called as a pipeline calls it: without a key."""

from __future__ import annotations

import logging
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from shared.relay.called_back import LOOK_AFTER_SECONDS
from tests.api.driving import Api, Reply, make_api
from tests.unit.relay.small_world import SmallWorld
from tests.unit.relay.test_callbacks import with_callbacks

CHAINS = """
connections:
  adf: {type: data_factory, subscription: 00000000-0000-0000-0000-00000000ba70, resource_group: rg, factory: adf-1}
chains:
  open:
    steps:
      load: {connection: adf, pipeline: P, parameters: {baton_callback: "{{ callback_url }}"}}
"""


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return make_api(tmp_path, CHAINS, small=with_callbacks(SmallWorld()))


def call(api: Api, path: str, query: str, body: bytes = b"{}") -> Reply:
    return api.call("POST", path, body, query=query, key="")


def test_a_pipeline_that_calls_back_is_seen_at_once(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    run = api.start()
    place = urlsplit(api.small.service.orders["job-1"].parameters["baton_callback"])
    api.small.pass_time(900)
    api.small.service.end("job-1")
    with caplog.at_level(logging.DEBUG):
        for body in (b"{}", b"", b"no JSON", b"x" * 300_000):
            assert call(api, place.path, place.query, body).status == 202
        api.small.pass_time(LOOK_AFTER_SECONDS + 1)
    assert api.call("GET", f"/api/runs/{run.json()['id']}").json()["status"] == "succeeded"
    assert call(api, place.path, place.query).status == 202
    assert place.query not in caplog.text


def test_a_wrong_token_learns_nothing_and_does_nothing(api: Api) -> None:
    run = api.start().json()["id"]
    looks, messages = api.small.service.looks, api.small.queue.length()
    told = {
        call(api, path, query).body
        for path in (f"/api/runs/{run}/steps/load/callback", "/api/runs/open.x/steps/none/callback")
        for query in ("", "token=", f"token=1.{'0' * 64}", "token=%C3%A9")
    }
    assert len(told) == 1
    assert (api.small.service.looks, api.small.queue.length()) == (looks, messages)


def test_the_address_is_shown_nowhere(api: Api) -> None:
    run = api.start().json()["id"]
    for path in (f"/api/runs/{run}", "/api/runs"):
        assert b"token=" not in api.call("GET", path).body
