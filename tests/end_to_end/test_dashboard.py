"""The dashboard of a real host over the simulated Azure: a failed pipeline, its reason, its rerun."""

from __future__ import annotations

import re
import time

import requests

from local.simulated_azure.sample import FACTORY, GROUP, SUBSCRIPTION
from local.simulated_azure.world import SimulatedAzure
from tests.end_to_end.conftest import HostProcess

HOME = "/api/dashboard"
DASHBOARD_KEY = "a-dashboard-key-of-enough-characters"


def page_with(host: HostProcess, path: str, words: str, seconds: float = 60) -> str:
    """The page once it holds the words; the timer ticks meanwhile."""
    deadline = time.monotonic() + seconds
    while True:
        text = host.call("GET", path).text
        if words in text:
            return text
        assert time.monotonic() < deadline, text
        host.tick()
        time.sleep(0.5)


def send(host: HostProcess, page: str, form: str, said: dict[str, str]) -> requests.Response:
    """Sends a form of the page, with the word that the page gave it."""
    csrf = re.search(r'name="csrf" value="([^"]+)"', host.call("GET", page).text)
    assert csrf is not None
    return host.call("POST", f"{page}{form}", data={"csrf": csrf[1], **said}, allow_redirects=False)


def test_forms_start_a_run_and_rerun_what_failed_and_pages_tell_of_it(
    host: HostProcess, azure: SimulatedAzure
) -> None:
    pipelines = azure.data_factory.factory(SUBSCRIPTION, GROUP, FACTORY).pipelines
    pipelines["BuildFeatures"].fails = "Invalid object name 'dbo.Features'."
    host.start(DASHBOARD_KEY=DASHBOARD_KEY)
    entered = host.call("POST", f"{HOME}/sign-in", data={"key": DASHBOARD_KEY})
    assert entered.url == f"{host.url}{HOME}"
    started = send(host, f"{HOME}/chains/sales-daily", "/runs", {"p.region": "apac"})
    assert started.status_code == 303
    failed = page_with(host, started.headers["location"], "Why it failed")
    assert "Invalid object name &#39;dbo.Features&#39;." in failed
    overview = page_with(host, HOME, "Needs attention")
    assert started.headers["location"] in overview

    pipelines["BuildFeatures"].fails = None
    again = send(host, started.headers["location"], "/rerun", {"from": "failed"})
    page_with(host, again.headers["location"], "3 of 3 steps succeeded")
    page_with(host, HOME, 'class="pill fresh"')
    jobs = host.call("GET", f"{HOME}/connections/sales-adf").text
    assert len(re.findall(r">Baton<", jobs)) >= 2
    assert host.call("GET", f"{HOME}/connections/reporting").status_code == 200
