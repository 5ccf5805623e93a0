"""What pages answer besides their looks: headers, refusals, mistakes, double clicks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from shared.app import baton, install
from shared.core.errors import RefusedError, TryLaterError
from shared.core.run import RunStatus
from shared.relay.pause import pause, resume
from shared.relay.world import World
from shared.storage.base import StorageUnavailableError
from shared.store.runs import RunStore
from shared.web.pages import site as pages
from shared.web.pages.assets import asset_address
from shared.web.pages.viewer import Viewer
from shared.web.pages.words import first_sentence, safe_link
from tests.browser.site import CHAINS, Site
from tests.browser.stored import Ending, store_run

HOME = "/api/dashboard"
READER = Viewer(may_operate=False, csrf="t", name="Ann")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as made:
        yield made


def get(site: Site, path: str = HOME) -> requests.Response:
    return requests.get(site.url + path, headers=site.headers, timeout=30)


def post(site: Site, path: str, **form: str) -> requests.Response:
    told = {"csrf": site.csrf, **form}
    return requests.post(site.url + path, told, headers=site.headers, timeout=30, allow_redirects=False)


def runs(world: World) -> int:
    return len(world.runs.newest(status=None, limit=100, cursor=None).runs)


def test_every_page_says_what_browsers_may_do_with_it(site: Site) -> None:
    run = site.small.start(site.chain("finance-close"))
    for path in (
        "",
        f"/runs/{run.id}",
        "/chains/sales-daily",
        "/connections/sales-adf",
        "/runs/none",
        "/chains/x",
    ):
        answer = get(site, HOME + path)
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.headers["content-security-policy"].startswith("default-src 'none';")
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert " style=" not in answer.text
        assert "onclick" not in answer.text


def test_files_are_kept_by_browsers_and_need_no_key(site: Site) -> None:
    for name, kind in (("baton.css", "text/css"), ("baton.js", "text/javascript")):
        answer = requests.get(site.url + asset_address(name), timeout=30)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(kind)
        assert "immutable" in answer.headers["cache-control"]
    assert requests.get(f"{site.home}/assets/baton.css", timeout=30).status_code == 404


def test_pages_are_for_who_has_entered_the_key(site: Site) -> None:
    for method, path in (("GET", ""), ("POST", "/chains/sales-daily/runs")):
        answer = requests.request(method, site.home + path, timeout=30, allow_redirects=False)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/api/dashboard/sign-in?next=")
    assert runs(site.small.world) == 0


def test_what_is_not_there_is_a_page_that_says_so(site: Site) -> None:
    for path in ("/runs/none", "/runs/sales-daily.20261121T053000000Z.aaaaaaaa", "/chains/x", "/connections/x"):
        answer = get(site, HOME + path)
        assert answer.status_code == 404
        assert "Not Found" in answer.text


def test_all_mistakes_of_the_chains_file_are_on_the_page(tmp_path: Path) -> None:
    broken = CHAINS.replace("after: [load]", "after: [lod]").replace(
        "connection: finance-adf", "connection: nowhere"
    )
    with Site(tmp_path, broken) as site:
        answer = get(site)
    assert answer.status_code == 503
    assert "no step &#39;lod&#39;" in answer.text
    assert "nowhere" in answer.text


def test_storage_that_does_not_answer_is_a_page_that_says_so(site: Site) -> None:
    class Broken(RunStore):
        def pasts(self, most: int) -> dict[str, object]:  # type: ignore[override]
            raise StorageUnavailableError("the account sleeps")

    world = replace(site.small.world, runs=Broken(site.small.storage.table("baton")))
    install(replace(baton(), world=world))
    answer = get(site)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert "the account sleeps" in answer.text


@pytest.mark.parametrize(
    "error", [RefusedError("unauthorized", "No role <b>"), TryLaterError("throttled", "Wait")]
)
def test_what_a_service_says_instead_of_jobs_is_part_of_the_page(error: Exception, site: Site) -> None:
    site.service.list_fails = error
    answer = get(site, f"{HOME}/connections/sales-adf")
    assert answer.status_code == 200
    assert "The service did not tell" in answer.text
    assert "<b>" not in answer.text.split("The service did not tell")[1]


def test_a_form_sent_twice_starts_one_run(site: Site) -> None:
    form = {"key": "0123456789abcdef"}
    first, second = (post(site, f"{HOME}/chains/finance-close/runs", **form) for _ in range(2))
    assert first.status_code == second.status_code == 303
    assert first.headers["location"] == second.headers["location"]
    assert runs(site.small.world) == 1


def test_a_required_parameter_that_is_missing_is_named(site: Site) -> None:
    answer = post(site, f"{HOME}/chains/customer-360/runs", **{"p.campaign": ""})
    assert answer.status_code == 400
    assert "parameters.campaign" in answer.text
    assert runs(site.small.world) == 0


def test_cancelling_what_has_ended_says_so(site: Site) -> None:
    ended = store_run(site.small, site.chain("finance-close"), site.small.now - timedelta(hours=1), Ending())
    answer = post(site, f"{HOME}/runs/{ended.id}/cancel")
    assert answer.status_code == 409
    assert "succeeded already" in answer.text


def test_who_may_only_look_has_no_buttons_and_no_use_of_forms(site: Site) -> None:
    run = site.small.start(site.chain("sales-daily"))
    for answer in (
        pages.overview_page(READER),
        pages.run_page(READER, run.id),
        pages.chain_page(READER, "sales-daily", {}),
    ):
        assert answer.status == 200
        assert 'method="post"' not in answer.body
    for answer in (
        pages.cancel_form(READER, run.id, b"csrf=t"),
        pages.rerun_form(READER, run.id, b"csrf=t"),
        pages.start_form(READER, "sales-daily", b"csrf=t"),
    ):
        assert answer.status == 403
    assert runs(site.small.world) == 1
    assert site.small.run(run.id).cancel_requested_at is None


def test_a_form_of_another_site_is_refused(site: Site) -> None:
    operator = Viewer(may_operate=True, csrf="secret")
    assert pages.start_form(operator, "finance-close", b"csrf=guess").status == 403
    assert pages.start_form(operator, "finance-close", b"").status == 403
    assert pages.start_form(operator, "finance-close", b"csrf=secret").status == 303


def test_a_chain_that_is_declared_no_more_keeps_its_history(site: Site) -> None:
    gone = replace(site.chain("finance-close"), name="gone")
    store_run(site.small, gone, site.small.now - timedelta(hours=1), Ending())
    answer = get(site, f"{HOME}/chains/gone")
    assert answer.status_code == 200
    assert "does not declare this chain any more" in answer.text
    assert "Start a run" not in answer.text


def test_a_watch_that_cannot_look_is_told_without_asking_the_service(site: Site) -> None:
    site.small.start(site.chain("sales-daily"))
    site.service.observe_fails = [TryLaterError("throttled", "Too many looks.") for _ in range(50)]
    site.pass_time(30)
    text = get(site).text
    assert "Its running jobs cannot be looked at." in text
    assert "Too many looks." in text


def test_only_web_addresses_become_links() -> None:
    assert safe_link("https://adf.azure.com/x?y=1") == "https://adf.azure.com/x?y=1"
    for address in ("javascript:alert(1)", " https://a", "java\nscript:x", "data:text/html,x", "//a/b", "", None):
        assert safe_link(address) is None


def test_the_first_sentence_ends_where_sentences_end() -> None:
    assert first_sentence("Activity 'A' failed. Then more.") == "Activity 'A' failed."
    assert first_sentence("version 1.5 of adf-1.x is old\nsecond line") == "version 1.5 of adf-1.x is old"
    assert len(first_sentence("x" * 900)) == 240


def test_queued_runs_say_that_they_wait(tmp_path: Path) -> None:
    limited = CHAINS.replace("    parameters: {campaign: }", "    max_running: 1\n    parameters: {campaign: }")
    with Site(tmp_path, limited) as site:
        first = site.small.start(site.chain("customer-360"), campaign="a")
        second = site.small.start(site.chain("customer-360"), campaign="b")
        assert first.status is RunStatus.RUNNING
        assert "Waits until an earlier run of this chain has ended." in get(site, f"{HOME}/runs/{second.id}").text
        assert "waits its turn" in get(site).text


def test_a_paused_chain_says_so(site: Site) -> None:
    pause(site.small.world, "sales-daily", "month end")
    for path in ("", "/chains/sales-daily"):
        assert ">paused<" in get(site, HOME + path).text
    resume(site.small.world, "sales-daily")
    assert ">paused<" not in get(site).text


def test_whoever_signs_out_is_asked_for_the_key_again(site: Site) -> None:
    assert f'action="{HOME}/sign-out"' in get(site).text
    answer = post(site, f"{HOME}/sign-out")
    assert answer.status_code == 303
    assert "baton_session=;" in answer.headers["set-cookie"]
