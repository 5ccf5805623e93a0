"""A connection's page over the simulated services: Power BI's history is one of each model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from shared.app import Baton
from shared.core.definition import Connection
from shared.identity import Identities
from shared.ports import Service
from shared.settings import Settings
from shared.web.pages.connection_page import ConnectionPage, load_connection
from tests.services.conftest import DATASET, SUBSCRIPTION, WORKSPACE, Cloud
from tests.unit.relay.small_world import SmallWorld

FILE = f"""
connections:
  adf: {{type: data_factory, subscription: {SUBSCRIPTION}, resource_group: rg, factory: f-1}}
  pbi: {{type: power_bi, workspace: {WORKSPACE}}}
  lone: {{type: power_bi, workspace: {WORKSPACE}}}
chains:
  c:
    steps:
      load: {{connection: adf, pipeline: P}}
      refresh: {{after: [load], connection: pbi, dataset: {DATASET}}}
"""

Look = Callable[..., ConnectionPage]


@pytest.fixture
def look(cloud: Cloud, tmp_path: Path) -> Look:
    (tmp_path / "chains.yaml").write_text(FILE)
    settings = Settings.from_mapping({"AzureWebJobsStorage": "sqlite::memory:"})
    services: dict[str, Service] = {"adf": cloud.data_factory, "pbi": cloud.power_bi, "lone": cloud.power_bi}

    def service_of(connection: Connection) -> Service:
        return services[connection.name]

    small = SmallWorld()
    world = replace(small.world, services=service_of, clock=lambda: cloud.now)
    poison = small.storage.queue("baton-work-poison")
    baton = Baton(settings=settings, world=world, root=tmp_path, identities=Identities(settings), poison=poison)
    return lambda name, **query: load_connection(baton, name, query)


def test_a_model_that_a_chain_names_is_shown_without_being_asked_for(look: Look) -> None:
    page = look("pbi")
    assert (page.what, page.problem, page.asked) == (DATASET, None, True)
    assert [(what, here) for what, _, here in page.offers] == [(DATASET, True)]


def test_where_no_chain_names_a_model_the_page_asks_which(look: Look) -> None:
    page = look("lone")
    assert (page.asked, page.required, page.jobs, page.problem) == (False, True, (), None)


def test_a_query_that_does_not_fit_is_told_on_the_page(look: Look) -> None:
    page = look("pbi", dataset="no id")
    assert page.problem == "The query does not fit."
    assert [mistake.path for mistake in page.mistakes] == ["dataset"]


def test_a_factorys_history_needs_no_choice(look: Look) -> None:
    page = look("adf", hours="168", status="Failed")
    assert (page.problem, page.required) == (None, False)
    assert [choice.value for choice in page.spans if choice.chosen] == ["168"]
    assert [choice.value for choice in page.statuses if choice.chosen] == ["Failed"]
