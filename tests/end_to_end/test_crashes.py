"""Hosts killed with SIGKILL, at chosen moments and at any: one pipeline run of each, one counted refresh."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest
import requests

from local.simulated_azure.data_factory import PipelineRun
from local.simulated_azure.faults import Fault
from local.simulated_azure.world import SimulatedAzure
from tests.end_to_end.conftest import HostProcess

START = "/api/chains/sales-daily/runs"
KILLS = 20


def pipeline_runs(azure: SimulatedAzure) -> list[PipelineRun]:
    return [run for factory in azure.data_factory.factories.values() for run in factory.runs.values()]


def assert_done_once(azure: SimulatedAzure) -> None:
    """Each pipeline ran once, and one refresh began after the last of them had ended."""
    runs = pipeline_runs(azure)
    assert Counter(run.pipeline for run in runs) == {"LoadSales": 1, "BuildFeatures": 1}
    refreshes = [r for models in azure.power_bi.workspaces.values() for m in models.values() for r in m.refreshes]
    assert [refresh.outcome for refresh in refreshes] == ["Completed"]
    assert refreshes[0].started_at >= max(run.ended_at() for run in runs)


def start_and_die(host: HostProcess, key: str) -> None:
    with pytest.raises(requests.ConnectionError):
        host.call("POST", START, headers={"Idempotency-Key": key})
    host.wait()


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("post", ["LoadSales/createRun", "BuildFeatures/createRun", "/refreshes"])
def test_a_host_that_dies_around_a_start_starts_nothing_twice(
    host: HostProcess, azure: SimulatedAzure, post: str, moment: str
) -> None:
    host.start(DIE_AT=moment, DIE_ON=post)
    try:
        path = host.call("POST", START, headers={"Idempotency-Key": "k"}).headers["Location"]
        host.wait()
    except requests.ConnectionError:
        host.wait()
        path = ""
    host.start()
    again = host.call("POST", START, headers={"Idempotency-Key": "k"})
    assert again.status_code == 202
    assert path in ("", again.headers["Location"])
    run = host.run_until_over(again.headers["Location"])
    assert run["status"] == "succeeded", run
    assert_done_once(azure)


def test_a_host_killed_at_any_moment_twenty_times_finishes_the_run_once(
    host: HostProcess, azure: SimulatedAzure
) -> None:
    luck = random.Random(7)
    for factory in azure.data_factory.factories.values():
        for pipeline in factory.pipelines.values():
            pipeline.seconds = 6
    host.start()
    path = host.call("POST", START, headers={"Idempotency-Key": "k"}).headers["Location"]
    for _ in range(KILLS):
        time.sleep(luck.random() * 1.2)
        threading.Thread(target=_try_tick, args=(host,)).start()
        time.sleep(luck.random() * 0.05)
        host.kill()
        host.start()
    run = host.run_until_over(path)
    assert run["status"] == "succeeded", run
    assert_done_once(azure)


def _try_tick(host: HostProcess) -> None:
    try:
        host.tick()
    except requests.RequestException:
        return  # it died meanwhile: that is what the test is for


@pytest.mark.parametrize("operation", ["data_factory.create_run", "power_bi.refresh"])
@pytest.mark.parametrize(
    "fault",
    [{"lost": True}, {"status": 503}, {"status": 500}, {"status": 504}, {"status": 502}],
    ids=lambda fault: "-".join(map(str, fault.values())),
)
def test_a_start_that_was_accepted_and_not_answered_well_is_made_once(
    host: HostProcess, azure: SimulatedAzure, operation: str, fault: dict[str, int]
) -> None:
    azure.faults.on.append(Fault(operation, when="after", times=1, **fault))  # type: ignore[arg-type]
    host.start()
    path = host.call("POST", START).headers["Location"]
    run = host.run_until_over(path)
    assert run["status"] == "succeeded", run
    assert_done_once(azure)


def test_a_start_that_never_arrived_is_made_after_a_while(host: HostProcess, azure: SimulatedAzure) -> None:
    azure.faults.on.append(Fault("data_factory.create_run", lost=True, times=1))
    host.start()
    run = host.run_until_over(host.call("POST", START).headers["Location"])
    assert run["status"] == "succeeded", run
    assert_done_once(azure)


def test_the_same_key_fifty_times_at_once_is_one_run(
    make_host: Callable[[], HostProcess], azure: SimulatedAzure
) -> None:
    hosts = [make_host(), make_host()]
    for host in hosts:
        host.start()
    answers: list[requests.Response] = []

    def call(number: int) -> None:
        url = f"{hosts[number % 2].url}{START}"
        headers = {"x-functions-key": "test-key", "Idempotency-Key": "once"}
        answers.append(requests.post(url, headers=headers, timeout=60))

    threads = [threading.Thread(target=call, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert [run.pipeline for run in pipeline_runs(azure)] == ["LoadSales"]


def test_an_executing_refresh_is_waited_for_and_ours_follows(host: HostProcess, azure: SimulatedAzure) -> None:
    [model] = [model for models in azure.power_bi.workspaces.values() for model in models.values()]
    model.seconds = 5
    theirs = azure.power_bi.begin(model, "Scheduled")
    host.start()
    run = host.run_until_over(host.call("POST", START).headers["Location"], 120)
    assert run["status"] == "succeeded", run
    ours, other = model.refreshes
    assert other is theirs
    assert ours.kind == "ViaEnhancedApi"
    assert ours.started_at >= theirs.ended_at()
