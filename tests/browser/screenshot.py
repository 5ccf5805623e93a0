"""`make screenshot`: docs/images/dashboard.png, of a made-up team's morning."""

from __future__ import annotations

import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.chromium import ROOT, launched
from tests.browser.site import Site
from tests.browser.stored import Ending, store_run

PICTURE = ROOT / "docs" / "images" / "dashboard.png"


def morning(site: Site) -> None:
    """One chain fresh, one failed, one under way, one that nobody has started yet."""
    small = site.small
    now = small.now
    for day in range(20, -1, -1):
        seconds = 1_400 + 37 * (day * 7 % 11) + (900 if day == 6 else 0)
        sales = Ending(seconds=seconds, fails_at="features" if day == 12 else None)
        store_run(small, site.chain("sales-daily"), now - timedelta(days=day, hours=2), sales)
        ledger = Ending(seconds=620 + 20 * (day * 5 % 7), cancelled=day == 9, fails_at=None if day else "post")
        store_run(small, site.chain("finance-close"), now - timedelta(days=day, hours=3.5), ledger)
        store_run(
            small, site.chain("web-events"), now - timedelta(days=day, hours=3.2), Ending(seconds=80 + day % 5)
        )
        stock = Ending(seconds=170 + 11 * (day * 3 % 8))
        store_run(small, site.chain("stock-hourly"), now - timedelta(hours=day, minutes=30), stock)
    small.start(site.chain("stock-hourly"))
    small.start(site.chain("customer-360"), campaign="autumn")
    site.pass_time(75)
    site.end_job(1)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, Site(Path(folder)) as site, sync_playwright() as playwright:
        morning(site)
        browser = launched(playwright)
        if browser is None:
            sys.exit("There is no Chromium here: `make chromium`, or name one as CHROMIUM.")
        context = browser.new_context(
            viewport={"width": 1120, "height": 800},
            color_scheme="light",
            locale="en-GB",
            timezone_id="Europe/Berlin",
        )
        site.let_in(context)
        page = context.new_page()
        page.goto(site.home)
        PICTURE.parent.mkdir(exist_ok=True)
        page.screenshot(path=PICTURE, full_page=True)
        browser.close()


if __name__ == "__main__":
    main()
