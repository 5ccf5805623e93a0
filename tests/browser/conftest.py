"""A browser for all tests, and a site of its own for each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from tests.browser.chromium import launched
from tests.browser.site import Site

Open = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        made = launched(playwright)
        if made is None:
            pytest.skip("no Chromium on this machine: `make chromium`, or name one as CHROMIUM")
        yield made
        made.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as made:
        yield made


@pytest.fixture
def open_page(browser: Browser, site: Site) -> Iterator[Open]:
    """Opens a page of the site, in a context with the given options. What the console says is a failure."""
    contexts: list[BrowserContext] = []
    said: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        expected = re.match(
            r"Failed to load resource: (the server responded with a status of|net::ERR_CONNECTION_CLOSED)",
            message.text,
        )
        if message.type in ("error", "warning") and not expected:
            said.append(message.text)

    def opened(path: str = "/api/dashboard", **options: Any) -> Page:
        width = options.pop("width", 1280)
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            locale="en-GB",
            **{"timezone_id": "Europe/Berlin", **options},
        )
        site.let_in(context)
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", heard)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(site.url + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []
