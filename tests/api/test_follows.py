"""What the API shows of follows: as declared, of a run that one has started, and when one does not work."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.app import baton
from shared.core.errors import TryLaterError
from shared.core.facts import Verdict
from shared.core.follows import SeenJob
from shared.work import declared_chains, on_message, on_tick
from tests.api.driving import Api, make_api

CHAINS = """
connections:
  adf: {type: data_factory, subscription: 00000000-0000-0000-0000-00000000ba70, resource_group: rg, factory: adf-1}
chains:
  reports:
    follows:
      - {connection: adf, pipeline: Nightly, on: completed, parameters: {region: "{{ job.parameters.region }}"}}
    parameters: {region: }
    steps:
      load: {connection: adf, pipeline: P, parameters: {of: "{{ trigger.job.id }}"}}
"""


@pytest.fixture
def api(tmp_path: Path) -> Api:
    made = make_api(tmp_path, CHAINS)
    minute(made)
    return made


def minute(api: Api) -> None:
    """A tick, as the timer makes it, and all messages, as the queue brings them."""
    made = baton()
    api.small.now += timedelta(seconds=60)
    on_tick(made)
    while messages := api.small.queue.receive(limit=32):
        for message in messages:
            on_message(made.world, message.body, 1, lambda: declared_chains(made))
            api.small.queue.delete(message)


def ends(api: Api, job_id: str, **parameters: str) -> None:
    job = SeenJob(
        id=job_id,
        what="Nightly",
        verdict=Verdict.FAILED,
        status="Failed",
        updated_at=api.small.now,
        link="https://example.test/n",
        parameters=parameters,
    )
    api.small.service.others.append(job)


def problems(api: Api) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.call("GET", "/api/health").json()["connections"][0]["problems"]
    return found


def test_a_followed_job_is_shown_with_its_run(api: Api) -> None:
    ends(api, "n-1", region="emea")
    minute(api)
    [run] = api.call("GET", "/api/runs").json()["runs"]
    assert run["parameters"] == {"region": "emea"}
    assert run["trigger"]["type"] == "pipeline"
    job = run["trigger"]["job"]
    assert (job["id"], job["pipeline"], job["status"], job["outcome"]) == ("n-1", "Nightly", "Failed", "failed")
    assert api.small.service.orders["job-1"].parameters == {"of": "n-1"}
    again = api.call("POST", f"/api/runs/{run['id']}/cancel")
    assert again.json()["trigger"]["job"] == job


def test_what_is_followed_is_shown_with_its_chain(api: Api) -> None:
    [chain] = api.call("GET", "/api/chains").json()["chains"]
    [follow] = chain["follows"]
    assert (follow["connection"], follow["pipeline"], follow["on"], follow["own"]) == (
        "adf",
        "Nightly",
        "completed",
        False,
    )
    assert follow["catch_up_seconds"] == 3_600


def test_health_tells_of_a_job_that_cannot_start_its_run_until_another_can(api: Api) -> None:
    ends(api, "poor")
    minute(api)
    [problem] = problems(api)
    assert problem["code"] == "follow_refused"
    assert problem["message"].startswith(
        "Job poor of 'Nightly' did not start chain 'reports': parameters.region: "
    )
    ends(api, "rich", region="emea")
    minute(api)
    assert problems(api) == []


def test_health_tells_of_a_place_that_cannot_be_asked(api: Api) -> None:
    api.small.service.jobs_since_fails = [TryLaterError("throttled", "HTTP 429")]
    minute(api)
    [problem] = problems(api)
    assert problem["code"] == "look_failed"
    assert problem["message"] == "What is followed cannot be looked at (1 times in a row). throttled: HTTP 429"
    minute(api)
    assert problems(api) == []


def test_a_broken_chains_file_loses_no_job(api: Api) -> None:
    ends(api, "n-1", region="emea")
    made = baton()
    held = made.world.follows.all()
    for one in held:
        body = f'{{"kind": "follow", "place": "{one.key}", "token": "{one.followed.token}"}}'
        on_message(made.world, body)  # nobody knows what is declared
    minute(api)
    assert len(api.call("GET", "/api/runs").json()["runs"]) == 1
