"""Baton's HTTP functions on a port, over a small world whose clock and jobs tests move."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType

from playwright.sync_api import BrowserContext

from local.host.http import LoopbackServer
from shared.app import baton
from shared.core.definition import Chain
from shared.core.facts import Verdict
from shared.core.run import Error
from shared.ports import History, JobPage, JobQuery, JobSummary
from shared.web.access.session import COOKIE, form_word, new_session
from tests.api.driving import make_api
from tests.unit.relay.small_world import FakeService, SmallWorld

DASHBOARD_KEY = "a-dashboard-key-of-enough-characters"
CHAINS = """
connections:
  sales-adf: {type: data_factory, subscription: 00000000-0000-0000-0000-00000000ba70, resource_group: rg-data, factory: adf-sales}
  finance-adf: {type: data_factory, subscription: 00000000-0000-0000-0000-00000000ba70, resource_group: rg-fin, factory: adf-finance}
  reporting: {type: power_bi, workspace: 5f0f6c64-0000-0000-0000-000000000002}
chains:
  sales-daily:
    description: Load yesterday's sales, build features, refresh the report.
    schedule: {cron: "30 4 * * *", time_zone: Europe/Berlin}
    parameters: {region: {default: emea}, full: {default: false}, days: {default: 1}}
    steps:
      load: {connection: sales-adf, pipeline: LoadSales, retries: 1, retry_delay: 10s, parameters: {region: "{{ parameters.region }}"}}
      check: {after: [load], connection: sales-adf, pipeline: CheckSales}
      features: {after: [load], connection: sales-adf, pipeline: BuildFeatures}
      refresh: {after: [check, features], connection: reporting, dataset: 22222222-0000-0000-0000-000000000002}
  finance-close:
    description: Post the ledger and refresh the board's report.
    schedule: {cron: "0 3 * * *", time_zone: Europe/Berlin}
    steps:
      post: {connection: finance-adf, pipeline: PostLedger}
      refresh: {after: [post], connection: reporting, dataset: 33333333-0000-0000-0000-000000000003}
  stock-hourly:
    description: Stock levels of all warehouses.
    schedule: {cron: "0 * * * *"}
    steps:
      load: {connection: sales-adf, pipeline: LoadStock}
      refresh: {after: [load], connection: reporting, dataset: 44444444-0000-0000-0000-000000000004}
  customer-360:
    description: By hand, after a campaign.
    parameters: {campaign: }
    steps:
      join: {connection: sales-adf, pipeline: JoinCustomers}
  web-events:
    schedule: {cron: "15 2 * * *"}
    steps:
      load: {connection: sales-adf, pipeline: LoadEvents}
"""  # noqa: E501 - as people write it


@dataclass(slots=True)
class TellingService(FakeService):
    """Its history is what tests put into `history_jobs`."""

    history_jobs: list[JobSummary] = field(default_factory=list)
    list_fails: Exception | None = None

    @property
    def history(self) -> History:
        return History(narrowed_by="pipeline", form=".*", statuses=("InProgress", "Succeeded", "Failed"))

    def list_jobs(self, query: JobQuery) -> JobPage:
        if self.list_fails is not None:
            raise self.list_fails
        return JobPage(jobs=tuple(self.history_jobs), cursor=None)


class Site:
    """Serves until it is closed. Use it as a context manager."""

    def __init__(self, folder: Path, chains: str = CHAINS) -> None:
        self._environment = os.environ.get("DASHBOARD_KEY")
        os.environ["DASHBOARD_KEY"] = DASHBOARD_KEY
        self._session = new_session(DASHBOARD_KEY, datetime.now(UTC), "random")
        self.small = SmallWorld()
        self.service = TellingService(self.small)
        self.small.service = self.service
        self._api = make_api(folder, chains, self.small)
        self._server = LoopbackServer(0, self._api.functions.answer)
        self._server.start()
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return self._server.base_url

    @property
    def home(self) -> str:
        return f"{self.url}/api/dashboard"

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries: the cookie of somebody who has entered the key."""
        return {"cookie": f"{COOKIE}={self._session}"}

    def let_in(self, context: BrowserContext) -> None:
        """Gives a browser the cookie."""
        context.add_cookies([{"name": COOKIE, "value": self._session, "url": self.home}])

    @property
    def csrf(self) -> str:
        """What this session's forms carry."""
        return form_word(DASHBOARD_KEY, f"session {self._session}")

    def chain(self, name: str) -> Chain:
        return baton().chains_file.chains[name]

    @property
    def chains(self) -> Sequence[Chain]:
        return list(baton().chains_file.chains.values())

    def pass_time(self, seconds: float) -> None:
        self.small.pass_time(seconds)

    def end_job(self, number: int, error: Error | None = None) -> None:
        """The job ends, and a look shows it."""
        if error is None:
            self.service.end(f"job-{number}", Verdict.SUCCEEDED)
        else:
            self.service.end(f"job-{number}", Verdict.FAILED, error=error)
        self.pass_time(65)

    def tell_jobs(self, ours: str, other: str, *, error: Error, link: str | None = None) -> None:
        """Has the service's history hold a job of Baton's and a failed one of somebody else's."""
        now = self.small.now
        told = [
            (ours, "Succeeded", "baton", None, timedelta(minutes=9)),
            (other, "Failed", "Nightly", error, timedelta(hours=3)),
        ]
        self.service.history_jobs = [
            JobSummary(
                id=job_id,
                status=status,
                what="LoadSales",
                started_at=now - age,
                ended_at=now - age / 2,
                invoked_by=by,
                parameters={},
                error=why,
                link=link or f"https://adf.azure.com/{job_id}",
            )
            for job_id, status, by, why, age in told
        ]

    def __enter__(self) -> Site:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop_listening()
        self._server.close_connections(2)
        self.small.storage.close()
        if self._environment is None:
            del os.environ["DASHBOARD_KEY"]
        else:
            os.environ["DASHBOARD_KEY"] = self._environment
