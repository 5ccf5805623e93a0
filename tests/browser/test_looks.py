"""How pages look and sound: axe-core's rules in both colour schemes, phone width, long names, hostile texts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from shared.core.run import Error
from tests.browser.chromium import axe_source
from tests.browser.conftest import Open
from tests.browser.site import CHAINS, Site
from tests.browser.stored import ADF_ERROR, Ending, store_many, store_run

LONG = "a-chain-whose-name-is-as-long-as-names-may-be-and-has-no-spaces"
LONG_CHAINS = f"""{CHAINS}
  {LONG}:
    description: {"An endless description of what it is for. " * 6}
    steps:
      {LONG[:63]}: {{connection: sales-adf, pipeline: {"P" * 140}}}
"""
HOSTILE = (
    "<script>document.body.dataset.hurt = 'yes'</script><img src=x onerror=\"document.body.dataset.hurt='yes'\">"
)
PAGES = ("home", "failed", "running", "chain", "connection", "wrong")
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@pytest.fixture
def addresses(site: Site) -> dict[str, str]:
    """The pages of a site where something of everything has happened."""
    now = site.small.now
    for chain in site.chains[:3]:
        for days in range(6, 0, -1):
            store_run(site.small, chain, now - timedelta(days=days), Ending(seconds=200 + 30 * days))
    failed = store_run(site.small, site.chain("finance-close"), now - timedelta(hours=1), Ending(fails_at="post"))
    store_run(site.small, site.chain("stock-hourly"), now - timedelta(hours=1), Ending(cancelled=True))
    running = site.small.start(site.chain("sales-daily"))
    site.end_job(1)
    site.tell_jobs("job-1", "somebody-elses", error=ADF_ERROR)
    home = "/api/dashboard"
    return {
        "home": home,
        "failed": f"{home}/runs/{failed.id}",
        "running": f"{home}/runs/{running.id}",
        "chain": f"{home}/chains/sales-daily",
        "connection": f"{home}/connections/sales-adf",
        "wrong": f"{home}/chains/nowhere",
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(name: str, scheme: str, addresses: dict[str, str], open_page: Open) -> None:
    rules = axe_source()
    if rules is None:
        pytest.skip("axe-core is not installed: `make axe`")
    for width in (1280, 360):
        page = open_page(addresses[name], color_scheme=scheme, width=width, bypass_csp=True)
        page.evaluate(rules)
        found = page.evaluate("rules => axe.run(document, rules)", RULES)
        told = [f"{each['id']}: {node['html'][:200]}" for each in found["violations"] for node in each["nodes"]]
        assert told == []
        assert len(found["passes"]) > 15


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_wider_than_a_phone(name: str, addresses: dict[str, str], open_page: Open) -> None:
    assert too_wide(open_page(addresses[name], width=360)) == []


def too_wide(page: Page) -> list[str]:
    """What reaches beyond the right edge, and so makes the page scroll sideways."""
    found: list[str] = page.evaluate(
        """() => document.documentElement.scrollWidth <= innerWidth ? [] :
        [...document.querySelectorAll("main *, header *")]
        .filter(e => e.getBoundingClientRect().right > innerWidth)
        .map(e => e.outerHTML.slice(0, 120))"""
    )
    return found


@pytest.fixture
def long_site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path, LONG_CHAINS) as made:
        yield made


def test_long_names_fit_on_a_phone(long_site: Site, browser: Browser) -> None:
    now = long_site.small.now
    error = Error("job_failed", "x" * 1_400)
    run = store_run(long_site.small, long_site.chain(LONG), now - timedelta(1), Ending(fails_at=LONG, error=error))
    home = "/api/dashboard"
    for path in (home, f"{home}/chains/{LONG}", f"{home}/runs/{run.id}"):
        context = browser.new_context(viewport={"width": 360, "height": 800})
        long_site.let_in(context)
        page = context.new_page()
        page.goto(long_site.url + path)
        assert too_wide(page) == [], path
        context.close()


def test_what_services_and_callers_say_is_text_and_nothing_else(site: Site, open_page: Open) -> None:
    error = Error("job_failed", HOSTILE)
    chain = site.chain("finance-close")
    failed = store_run(
        site.small, chain, site.small.now - timedelta(hours=1), Ending(fails_at="post", error=error)
    )
    started = site.small.start(site.chain("sales-daily"), region=HOSTILE)
    site.tell_jobs(HOSTILE, "other", error=error, link="javascript:document.body.dataset.hurt='yes'")
    home = "/api/dashboard"
    for path in (
        home,
        f"{home}/runs/{failed.id}",
        f"{home}/runs/{started.id}",
        f"{home}/chains/finance-close",
        f"{home}/connections/sales-adf",
    ):
        page = open_page(path)
        expect(page.get_by_text("<script>document.body").first).to_be_attached()
        assert page.evaluate("document.body.dataset.hurt") is None, path
        assert page.locator("a[href^='javascript:']").count() == 0
        assert page.locator("main script, main img").count() == 0


@pytest.mark.parametrize("name", ["..%2Fx", "%2E%2E%2Fx", "a%22%3E%3Cscript%3E", "%3Cscript%3Ealert(1)"])
def test_a_chain_of_a_strange_name_is_just_not_there(name: str, site: Site, open_page: Open) -> None:
    page = open_page(f"/api/dashboard/chains/{name}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Not Found")
    assert page.evaluate("document.scripts.length") == 1
    assert page.request.get(f"{site.home}/chains/../x").status == 404


def test_the_first_page_tells_newcomers_what_to_do(site: Site, open_page: Open) -> None:
    page = open_page()
    expect(page.get_by_role("heading", name="Nothing has run yet")).to_be_visible()
    expect(page.locator("pre")).to_contain_text("curl -X POST")


def test_a_hundred_runs_of_each_chain_are_read_at_a_glance(site: Site, open_page: Open) -> None:
    store_many(site.small, site.chains, 500, until=site.small.now)
    page = open_page()
    expect(page.locator("#c-stock-hourly .bars a")).to_have_count(16)
    page.locator("#c-stock-hourly th a").click()
    expect(page.locator(".plot .dot")).to_have_count(53)  # 50 runs and three in the legend
    page.get_by_role("link", name="failed", exact=True).click()
    expect(page.locator("tbody tr .pill").first).to_have_text("failed")
    page.get_by_role("link", name="all", exact=True).click()
    page.get_by_role("link", name="Older").click()
    expect(page.get_by_role("link", name="Newest")).to_be_visible()
