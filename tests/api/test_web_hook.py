"""A start with a `callBackUri`, over HTTP: what is taken, what is refused, and that nothing tells the address."""

import json
from pathlib import Path

import pytest

from tests.api.driving import Api, make_api

ADDRESS = "https://dpeastus.svc.datafactory.azure.com/workflow/callback/SECRET"
START = "/api/chains/open/runs"


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return make_api(tmp_path, CALLBACK_HOSTS="*.callbacks.example.com")


def started(api: Api, address: object, key: str = "a") -> str:
    answer = api.call("POST", START, json.dumps({"callBackUri": address}).encode(), Idempotency_Key=key)
    assert answer.status == 202
    assert b"SECRET" not in answer.body
    return str(answer.json()["id"])


def test_the_address_is_called_when_the_run_has_ended_and_is_never_shown(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    run = started(api, ADDRESS)
    api.small.service.end("job-1")
    api.small.pass_time(200)
    api.small.service.end("job-2")
    api.small.pass_time(200)
    assert [address for address, _ in api.small.post_back.told] == [ADDRESS]
    for path in (f"/api/runs/{run}", "/api/runs", "/api/chains"):
        assert b"SECRET" not in api.call("GET", path).body
    assert "SECRET" not in caplog.text


def test_the_same_key_joins_the_run_and_adds_an_address(api: Api) -> None:
    other = "https://one.callbacks.example.com/SECRET"
    assert started(api, ADDRESS) == started(api, other) == started(api, None)
    assert {debt.address for debt in api.small.world.web_hooks.all()} == {ADDRESS, other}


@pytest.mark.parametrize("address", [5, "", "https://evil.test/SECRET", "http://127.0.0.1/SECRET", "\udc00"])
def test_an_address_that_is_not_to_be_called_starts_nothing(api: Api, address: object) -> None:
    answer = api.call("POST", START, json.dumps({"callBackUri": address}).encode())
    assert (answer.status, answer.paths) == (400, ["callBackUri"])
    assert b"SECRET" not in answer.body
    assert api.call("GET", "/api/runs").json()["runs"] == []


def test_an_unknown_host_is_named_with_the_setting_that_adds_it(api: Api) -> None:
    answer = api.call("POST", START, b'{"callBackUri": "https://evil.test/SECRET"}')
    detail = answer.json()["errors"][0]["detail"]
    assert ("evil.test" in detail, "CALLBACK_HOSTS" in detail) == (True, True)
