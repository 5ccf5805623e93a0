"""What people come for: why it failed, cancel, rerun, start; with a mouse, a keyboard, and without JavaScript."""

from __future__ import annotations

from datetime import timedelta

from playwright.sync_api import Page, expect

from shared.core.facts import Verdict
from shared.core.run import Error, Run
from tests.browser.conftest import Open
from tests.browser.site import Site
from tests.browser.stored import ADF_ERROR, Ending, store_run

REASON = "Cannot open server 'sql-sales' requested by the login"


def last_night(site: Site) -> Run:
    """Two good nights, then a failed one."""
    chain = site.chain("finance-close")
    for days in (2, 1):
        store_run(site.small, chain, site.small.now - timedelta(days=days), Ending(seconds=600))
    return store_run(site.small, chain, site.small.now - timedelta(hours=3), Ending(fails_at="post"))


def test_two_clicks_lead_from_the_overview_to_why_last_nights_run_failed(site: Site, open_page: Open) -> None:
    last_night(site)
    page = open_page()
    card = page.locator("#a-finance-close")
    expect(card).to_contain_text("post: Activity 'Copy orders' failed")
    card.get_by_role("link", name="See why").click()
    expect(page.get_by_role("heading", name="Why it failed")).to_be_in_viewport()
    expect(page.get_by_text(REASON).first).to_be_in_viewport()
    portal = page.get_by_role("link", name="Open the job at its service")
    assert portal.get_attribute("href") == "https://adf.azure.com/en/monitoring"


def test_a_red_bar_leads_to_its_run(site: Site, open_page: Open) -> None:
    run = last_night(site)
    page = open_page()
    page.locator("#c-finance-close .bars path.f").click()
    expect(page).to_have_url(f"{site.home}/runs/{run.id}")


def test_a_run_is_cancelled_and_rerun_by_buttons(site: Site, open_page: Open) -> None:
    run = site.small.start(site.chain("finance-close"))
    page = open_page(f"/api/dashboard/runs/{run.id}")
    page.get_by_text("Cancel…").click()
    page.get_by_role("button", name="Yes, cancel this run").click()
    assert site.service.cancelled == ["job-1"]
    site.pass_time(65)
    page.get_by_role("link", name="Refresh", exact=True).click()
    expect(page.locator(".title .pill")).to_have_text("cancelled")
    page.get_by_role("button", name="Rerun").click()
    expect(page.get_by_text("Rerun of")).to_be_visible()
    expect(page.locator(".title .pill")).to_have_text("running")
    assert page.url != f"{site.home}/runs/{run.id}"


def test_a_rerun_can_begin_at_a_step(site: Site, open_page: Open) -> None:
    chain = site.chain("finance-close")
    run = store_run(site.small, chain, site.small.now - timedelta(hours=1), Ending())
    page = open_page(f"/api/dashboard/runs/{run.id}")
    page.get_by_label("Rerun from").select_option("step refresh and all after it")
    page.get_by_role("button", name="Rerun").click()
    expect(page.locator("#row-post")).to_contain_text("kept from an earlier run")
    expect(page.locator("#row-refresh")).to_contain_text("running")


def test_a_run_is_started_with_the_parameters_that_were_filled_in(site: Site, open_page: Open) -> None:
    page = open_page()
    page.locator("#c-sales-daily").get_by_role("link", name="Start").click()
    page.get_by_label("region").fill("apac")
    page.get_by_label("full").select_option("true")
    page.get_by_label("days").fill("3")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Run of sales-daily")
    (run,) = site.small.world.runs.newest(status=None, limit=5, cursor=None).runs
    assert run.parameters == {"region": "apac", "full": True, "days": 3}


def test_what_was_filled_in_wrongly_comes_back_with_the_reason(site: Site, open_page: Open) -> None:
    page = open_page("/api/dashboard/chains/sales-daily")
    page.get_by_label("region").fill("apac")
    page.get_by_label("days").fill("three")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("alert")).to_contain_text("parameters.days: must be a number")
    expect(page.get_by_label("region")).to_have_value("apac")
    assert not site.small.world.runs.newest(status=None, limit=5, cursor=None).runs


def test_the_keyboard_alone_does_it(site: Site, open_page: Open) -> None:
    last_night(site)
    page = open_page()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page, "See why")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Why it failed")).to_be_visible()
    tab_to(page, "Rerun")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Rerun of")).to_be_visible()


def tab_to(page: Page, words: str) -> None:
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.innerText").startswith(words):
            return
    raise AssertionError(f"the keyboard does not reach {words!r}")


def test_everything_works_without_javascript(site: Site, open_page: Open) -> None:
    last_night(site)
    page = open_page(java_script_enabled=False)
    expect(page.locator("#c-finance-close")).to_contain_text("UTC")
    page.locator("#a-finance-close").get_by_role("link", name="See why").click()
    page.get_by_role("button", name="Rerun").click()
    page.get_by_text("Cancel…").click()
    page.get_by_role("button", name="Yes, cancel this run").click()
    site.pass_time(65)
    page.get_by_role("link", name="Refresh", exact=True).click()
    expect(page.locator(".title .pill")).to_have_text("cancelled")


def test_a_step_that_ends_shows_without_a_reload(site: Site, open_page: Open) -> None:
    run = site.small.start(site.chain("finance-close"))
    page = open_page(f"/api/dashboard/runs/{run.id}")
    expect(page.locator("#row-post .pill")).to_have_text("running")
    page.evaluate("window.untouched = true")
    page.locator("#step-refresh summary").click()
    page.locator("#step-post summary").focus()
    site.end_job(1)
    expect(page.locator("#row-post .pill")).to_have_text("succeeded")
    expect(page.locator("#row-refresh .pill")).to_have_text("running")
    assert page.evaluate("window.untouched"), "it was loaded anew"
    expect(page.locator("#step-post summary")).to_be_focused()
    assert page.locator("#step-refresh").get_attribute("open") is not None


def test_a_half_filled_form_survives_the_refresh(site: Site, open_page: Open) -> None:
    site.small.start(site.chain("sales-daily"))
    page = open_page("/api/dashboard/chains/sales-daily")
    page.get_by_label("region").fill("half")
    site.service.end("job-1", Verdict.FAILED, error=Error("job_failed", "no"))
    site.pass_time(120)
    expect(page.locator("#updated time")).to_have_text("21 Nov, 06:32")
    expect(page.get_by_label("region")).to_have_value("half")


def test_updates_can_be_paused(site: Site, open_page: Open) -> None:
    site.small.start(site.chain("finance-close"))
    page = open_page()
    page.get_by_role("button", name="Pause updates").click()
    expect(page.get_by_role("button", name="Resume updates")).to_be_visible()
    site.pass_time(120)
    page.wait_for_timeout(4_000)
    expect(page.locator("#updated time")).to_have_text("21 Nov, 06:30")
    page.get_by_role("button", name="Resume updates").click()
    expect(page.locator("#updated time")).to_have_text("21 Nov, 06:32")


def test_a_page_that_cannot_be_refreshed_says_so_and_recovers(site: Site, open_page: Open) -> None:
    site.small.start(site.chain("finance-close"))
    page = open_page()
    page.route("**/api/dashboard", lambda route: route.abort("connectionclosed"))
    expect(page.locator("#updated")).to_contain_text("cannot be refreshed")
    page.unroute("**/api/dashboard")
    site.pass_time(120)
    expect(page.locator("#updated")).to_have_text("As of 21 Nov, 06:32", timeout=30_000)


def test_times_are_shown_in_the_readers_zone(site: Site, open_page: Open) -> None:
    last_night(site)
    page = open_page(timezone_id="Asia/Tokyo")
    expect(page.locator("#c-finance-close td").nth(1).locator("time")).to_have_text("20 Nov, 14:40")
    expect(page.locator("#zone")).to_contain_text("Asia/Tokyo")


def test_a_connections_own_jobs_lead_to_baton_and_to_the_portal(site: Site, open_page: Open) -> None:
    run = site.small.start(site.chain("sales-daily"))
    site.tell_jobs("job-1", "somebody-elses", error=ADF_ERROR)
    page = open_page()
    page.locator("#p-sales-adf").get_by_role("link").click()
    ours, others = page.locator("tbody tr").all()
    expect(ours.get_by_role("link", name="Baton")).to_have_attribute("href", f"/api/dashboard/runs/{run.id}")
    expect(others).to_contain_text("Nightly")
    expect(others).to_contain_text("Activity 'Copy orders' failed")
    expect(others.get_by_role("link", name="Open")).to_have_attribute(
        "href", "https://adf.azure.com/somebody-elses"
    )
