"""Looks at healthy jobs that go wrong: nothing is cancelled, failed or started again because of them."""

from __future__ import annotations

from typing import Any

import pytest

from shared.core.run import RunStatus
from tests.peers.story import (
    CANCEL_REFRESH,
    CANCEL_RUN,
    CREATE,
    GET_REFRESH,
    HISTORY,
    HOUR,
    QUERY,
    REFRESH,
    Story,
    load,
    refresh,
)

BAD_READS: list[dict[str, Any]] = [
    {"status": 401},
    {"status": 403},
    {"status": 429},
    {"status": 429, "body": '{"message": "RequestBlocked: blocked by the upstream service until ..."}'},
    {"status": 429, "body": ""},
    {"status": 404},
    {"status": 500},
    {"status": 503},
    {"status": 200, "body": "{}"},
    {"status": 200, "body": "<html>gateway</html>"},
    {"status": 200, "body": '{"value": [{}]}'},
    {"status": 302, "body": ""},
    {"lost": True},
    {"no_status": True},
]


def named(fault: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in fault.items()) or "none"


def untouched(story: Story, run_id: str) -> None:
    """The run has succeeded at its first attempt, and the service saw one start of each and no cancel."""
    run = story.run(run_id)
    assert run.status is RunStatus.SUCCEEDED, run.error
    assert {step.attempt for step in run.steps} == {1}
    assert len(story.calls(CREATE)) == len(story.calls(REFRESH)) == 1
    assert story.calls(CANCEL_RUN) == story.calls(CANCEL_REFRESH) == []


@pytest.mark.parametrize("fault", BAD_READS, ids=named)
def test_one_bad_read_neither_cancels_nor_fails_nor_repeats_a_healthy_job(
    story: Story, fault: dict[str, Any]
) -> None:
    run_id = story.start(load(), refresh())
    for operation in (QUERY, HISTORY):
        story.goes_wrong(operation, times=1, **fault)
    story.until_over(run_id)
    untouched(story, run_id)


@pytest.mark.parametrize("fault", BAD_READS, ids=named)
def test_reads_that_fail_for_hours_give_no_verdict(story: Story, fault: dict[str, Any]) -> None:
    faults = [story.goes_wrong(operation, **fault) for operation in (QUERY, HISTORY, GET_REFRESH, "*.get_run")]
    run_id = story.start(load(), refresh())
    story.wait(5 * HOUR)
    assert story.run(run_id).status is RunStatus.RUNNING
    assert story.step(run_id).attempt == 1
    story.mends(*faults)
    story.until_over(run_id, within=HOUR)
    untouched(story, run_id)
