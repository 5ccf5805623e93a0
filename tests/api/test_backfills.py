"""Backfills over HTTP; every answer is one that the description has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.api.driving import Api, Reply, make_api

NOBODY = "open.20261121T053000123Z.aaaaaaaa"


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return make_api(tmp_path)


def begin(api: Api, chain: str = "open", **body: Any) -> Reply:
    return api.call("POST", f"/api/chains/{chain}/backfill", json.dumps(body).encode())


def test_the_times_of_a_range_are_those_of_the_schedule_in_its_zone(api: Api) -> None:
    told = begin(api, **{"from": "2026-10-24T03:30:00Z", "to": "2026-10-27T04:30:00Z"})
    assert told.status == 202
    times = [
        each["time"] for each in told.json()["times"]
    ]  # half past five in Berlin; its clocks go back on the 25th
    assert times == ["2026-10-24T03:30:00.000Z", "2026-10-25T04:30:00.000Z", "2026-10-26T04:30:00.000Z"]


def test_a_backfill_is_shown_from_its_beginning_to_its_end(api: Api) -> None:
    told = begin(api, times=["2026-11-03T04:30:00Z", "2026-11-02T04:30:00Z"], parallelism=2)
    path = told.headers["location"]
    assert told.json()["counts"] == {"waiting": 2}
    api.small.pass_time(60)
    shown = api.call("GET", path)
    assert (shown.json()["counts"], "retry-after" in shown.headers) == ({"running": 2}, True)
    run = api.call("GET", f"/api/runs/{shown.json()['times'][0]['run']}").json()
    assert (run["trigger"], run["backfill"]) == (
        {"type": "schedule", "time": "2026-11-02T04:30:00.000Z"},
        told.json()["id"],
    )
    stopped = api.call("POST", f"{path}/cancel", b'{"runs": "cancel"}')
    assert stopped.status == 202
    api.small.pass_time(60)
    assert api.call("GET", path).json()["status"] == "cancelled"
    assert api.call("POST", f"{path}/cancel").status == 409


def test_the_key_gives_the_same_backfill(api: Api) -> None:
    body = b'{"times": ["2026-11-02T04:30:00Z"]}'
    told = [api.call("POST", "/api/chains/open/backfill", body, Idempotency_Key="k").json()["id"] for _ in "ab"]
    assert told[0] == told[1]


def test_a_paused_chain_is_not_backfilled_unless_it_is_forced(api: Api) -> None:
    api.call("POST", "/api/chains/open/pause")
    refused = begin(api, times=["2026-11-02T04:30:00Z"])
    assert (refused.status, "force" in refused.json()["detail"]) == (409, True)
    assert begin(api, times=["2026-11-02T04:30:00Z"], force=True).status == 202


@pytest.mark.parametrize(
    ("body", "places"),
    [
        ({}, ["from", "to"]),
        ({"from": "2026-11-02T00:00:00Z", "to": "2026-11-01T00:00:00Z"}, ["from"]),
        ({"from": "2026-11-02T00:00:00Z", "to": "2026-11-02T01:00:00Z"}, ["from"]),
        ({"from": "2016-11-02T00:00:00Z", "to": "2026-11-02T01:00:00Z"}, ["from"]),
        ({"from": "2026-11-02T00:00:00Z", "to": "2027-11-02T01:00:00Z"}, ["to"]),
        ({"from": "2026-11-02", "to": 5}, ["from", "to"]),
        ({"times": []}, ["times"]),
        ({"times": "2026-11-02T00:00:00Z", "to": "2026-11-02T00:00:00Z"}, ["to", "times"]),
        ({"times": ["x", "2027-01-01T00:00:00Z", "2026-11-02T00:00:00.5Z"]}, ["times[0]", "times[1]", "times[2]"]),
        ({"times": ["2026-11-02T00:00:00Z"] * 2}, ["times[1]"]),
        ({"times": ["2026-11-02T00:00:00Z"] * 1_001}, ["times"]),
        (
            {
                "times": ["2026-11-02T00:00:00Z"],
                "parallelism": True,
                "parameters": [],
                "rerun": "yes",
                "on_failure": "go",
                "force": 1,
                "x": 1,
            },
            ["x", "parameters", "parallelism", "on_failure", "rerun", "force"],
        ),
        ({"times": ["2026-11-02T00:00:00Z"], "parallelism": 0}, ["parallelism"]),
        ({"times": ["2026-11-02T00:00:00Z"], "parallelism": 1.5}, ["parallelism"]),
        ({"times": ["2026-11-02T00:00:00Z"], "on_failure": []}, ["on_failure"]),
        ({"times": ["2026-11-02T00:00:00Z"], "parameters": {"nobody": 1}}, ["parameters.nobody"]),
    ],
)
def test_a_bad_body_is_told_with_every_place(api: Api, body: dict[str, Any], places: list[str]) -> None:
    answer = begin(api, **body)
    assert (answer.status, answer.paths) == (400, places)


def test_a_chain_without_a_schedule_takes_times_only(api: Api) -> None:
    region = {"region": "emea"}
    told = begin(api, "one", **{"from": "2026-11-01T00:00:00Z", "to": "2026-11-03T00:00:00Z"}, parameters=region)
    assert (told.status, told.paths) == (400, ["from"])
    assert begin(api, "one", times=["2026-11-02T00:00:00Z"], parameters=region).status == 202


def test_what_is_not_there_is_not_found(api: Api) -> None:
    assert begin(api, "nobody").status == 404
    for backfill in (NOBODY, "x", "%2F", "a" * 300):
        assert api.call("GET", f"/api/backfills/{backfill}").status == 404
        assert api.call("POST", f"/api/backfills/{backfill}/cancel").status == 404
    assert api.call("POST", f"/api/backfills/{NOBODY}/cancel", b'{"runs": 1, "x": 2}').paths == ["x", "runs"]
