"""What a page costs: reads that do not grow with chains or runs, and bytes. Times are printed, never asserted."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from bench.counting import CountingTable
from shared.app import baton, install
from shared.store.places import PlaceStore
from shared.store.runs import RunStore
from shared.store.troubles import TroubleStore
from shared.web.pages.assets import asset_address
from tests.browser.site import Site
from tests.browser.stored import Ending, store_many, store_run

HEAD = """
connections:
  adf: {type: data_factory, subscription: 00000000-0000-0000-0000-00000000ba70, resource_group: rg, factory: adf-1}
chains:
"""
CHAIN = """
  chain-{number}:
    description: Number {number} of many, which loads a table and then refreshes the model that is made of it.
    schedule: {{cron: "{minute} 5 * * *", time_zone: Europe/Berlin}}
    steps: {{load: {{connection: adf, pipeline: P}}, refresh: {{after: [load], connection: adf, pipeline: Q}}}}
"""


def chains_file(count: int) -> str:
    return HEAD + "".join(CHAIN.format(number=number, minute=number % 60) for number in range(count))


@pytest.fixture(params=[20, 100])
def many(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """A site with 10,000 runs of so many chains, and a dozen under way."""
    with Site(tmp_path, chains_file(request.param)) as site:
        store_many(site.small, site.chains, 10_000, until=site.small.now)
        for chain in site.chains[:12]:
            site.small.start(chain)
        yield site


def counted(site: Site) -> Counter[str]:
    """From now on, what is asked of the table."""
    counts: Counter[str] = Counter()
    table = CountingTable(site.small.storage.table("baton"), counts)
    world = replace(site.small.world, runs=RunStore(table), places=PlaceStore(table), troubles=TroubleStore(table))
    install(replace(baton(), world=world))
    return counts


def fetched(site: Site, path: str = "") -> requests.Response:
    answer = requests.get(site.home + path, headers=site.headers, timeout=30)
    assert answer.status_code == 200
    return answer


def test_the_first_page_takes_a_handful_of_reads_with_10_000_runs(many: Site) -> None:
    fetched(many)
    counts = counted(many)
    began = time.perf_counter()
    page = fetched(many)
    took = (time.perf_counter() - began) * 1_000
    print(f"\n{len(many.chains)} chains, 10,000 runs: {took:.0f} ms, {len(page.content):,} bytes, {dict(counts)}")  # noqa: T201 - for `pytest -s`
    assert counts["scan page"] <= 6
    assert counts["get"] <= 8
    assert counts["write"] == 0
    assert counts["rows scanned"] <= 400


def test_pages_and_their_files_stay_light(many: Site) -> None:
    run = many.small.world.runs.newest(status=None, limit=1, cursor=None).runs[0]
    files = sum(
        len(requests.get(many.url + asset_address(name), timeout=30).content) for name in ("baton.css", "baton.js")
    )
    most = 1_400 * len(many.chains) + 40_000  # 68 KB with 20 chains
    for path in ("", f"/runs/{run.id}", "/chains/chain-3", "/connections/adf"):
        assert len(fetched(many, path).content) + files < most, path


def test_the_script_stays_under_five_kilobytes() -> None:
    static = Path(__file__).resolve().parents[3] / "shared" / "web" / "pages" / "static"
    assert (static / "baton.js").stat().st_size <= 5 * 1_024


def test_a_chains_page_takes_a_handful_of_reads_with_10_000_runs(tmp_path: Path) -> None:
    with Site(tmp_path, chains_file(1)) as site:
        store_many(site.small, site.chains, 1_000, until=site.small.now)
        counts = counted(site)
        fetched(site, "/chains/chain-0")
        assert counts == Counter({"scan page": 1, "rows scanned": 50, "get": 1})


def test_a_chain_that_ran_long_ago_still_knows_its_last_success(tmp_path: Path) -> None:
    with Site(tmp_path, chains_file(2)) as site:
        quiet, busy = site.chains
        store_run(site.small, quiet, site.small.now - timedelta(days=40), Ending(seconds=60))
        store_many(site.small, [busy], 400, until=site.small.now)
        assert "39 d ago" in fetched(site).text
