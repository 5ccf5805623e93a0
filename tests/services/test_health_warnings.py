"""`GET /api/health` with credentials: what is failing, and what will be."""

from __future__ import annotations

import json
from datetime import UTC, timedelta
from pathlib import Path

import pytest
import requests

from local.simulated_azure.adapter import SimulatedAdapter
from local.simulated_azure.power_bi import Dataset
from shared.app import Baton, build
from shared.settings import Settings
from shared.storage.sqlite import SqliteStorage
from shared.web.health import health
from tests.services.identity_world import CLIENT, TENANT, World, client_certificate

WORKSPACE = "5f0f6c64-0000-0000-0000-000000000002"
DATASET = "22222222-0000-0000-0000-000000000002"
FILE = f"""
connections:
  reporting: {{type: power_bi, workspace: {WORKSPACE}, credential: signed}}
credentials:
  signed: {{type: client_certificate, tenant: {TENANT}, client_id: {CLIENT}, certificate: "%CERT%"}}
chains:
  c: {{steps: {{s: {{connection: reporting, dataset: {DATASET}}}}}}}
"""


@pytest.fixture
def world() -> World:
    made = World()
    made.azure.power_bi.dataset(WORKSPACE, Dataset(DATASET, "Sales", seconds=60))
    return made


def baton_with(world: World, folder: Path, pem: str) -> Baton:
    (folder / "chains.yaml").write_text(FILE)
    session = requests.Session()
    session.mount("https://", SimulatedAdapter(world.azure))
    settings = Settings.from_mapping({"AzureWebJobsStorage": "sqlite::memory:", "CERT": pem})
    storage = SqliteStorage(None, clock=lambda: world.now.astimezone(UTC))
    return build(settings, storage=storage, root=folder, session=session, clock=lambda: world.now)


def test_a_certificate_that_ends_soon_is_a_warning_and_no_failure(world: World, tmp_path: Path) -> None:
    made = client_certificate(world.now + timedelta(days=10, hours=1))
    world.application.certificate_pem = made.public
    answer = health(baton_with(world, tmp_path, made.pem))
    (reporting,) = json.loads(answer.body)["connections"]
    assert (answer.status, reporting["status"], reporting["problems"]) == (200, "ok", [])
    assert [warning["code"] for warning in reporting["warnings"]] == ["expires_soon"]
    assert "the app setting CERT expires in 10 days" in reporting["warnings"][0]["message"]


def test_a_certificate_that_entra_refuses_fails_the_connection_by_name(world: World, tmp_path: Path) -> None:
    made = client_certificate(world.now + timedelta(days=200))
    answer = health(baton_with(world, tmp_path, made.pem))
    (reporting,) = json.loads(answer.body)["connections"]
    assert (answer.status, reporting["status"]) == (503, "failing")
    assert "credential 'signed'" in reporting["problems"][0]["message"]
    assert "AADSTS700027" in reporting["problems"][0]["message"]
