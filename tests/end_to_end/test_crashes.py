"""Hosts killed with SIGKILL, at chosen moments and at any: one pipeline run of each, one counted refresh."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

import pytest
import requests

from local.simulated_azure.world import SimulatedAzure
from tests.end_to_end.conftest import HostProcess
from tests.end_to_end.outcome import START, assert_done_once, pipeline_runs

KILLS = 20


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
