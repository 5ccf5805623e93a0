"""The ways of docs/callers.md, run as they stand there, each in a process of its own, against a local host."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from local.simulated_azure.entra import Application
from local.simulated_azure.pipelines import Pipeline
from local.simulated_azure.sample import FACTORY, GROUP, SUBSCRIPTION, sample_azure
from local.simulated_azure.server import Server
from local.simulated_azure.world import SimulatedAzure
from tests.callers.door import RESOURCE, SCOPE, Door
from tests.callers.page import blocks, count_of_fences
from tests.end_to_end.conftest import HostProcess, free_port
from tests.end_to_end.host_process import KEY, ROOT

HERE = Path(__file__).resolve().parent
APPLICATION = Application(tenant="t-1", client_id="caller", client_secret="s3cret")
CHAINS = f"""
connections:
  adf: {{type: data_factory, subscription: "{SUBSCRIPTION}", resource_group: {GROUP}, factory: {FACTORY}}}
chains:
  sales-daily:
    parameters: {{region: {{default: apac}}}}
    steps:
      load:
        connection: adf
        pipeline: LoadSales
        parameters: {{region: "{{{{ parameters.region }}}}", run_date: x}}
"""
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
DATABRICKS = """
import os
from types import SimpleNamespace
dbutils = SimpleNamespace(
    secrets=SimpleNamespace(get=lambda scope, key: os.environ[f"SECRET_{scope}_{key}".upper().replace("-", "_")]),
    widgets=SimpleNamespace(get=lambda name: os.environ[f"WIDGET_{name}".upper()]),
)
"""


@pytest.fixture(scope="module")
def azure() -> SimulatedAzure:
    made = sample_azure(lambda: datetime.now(UTC), speed=20)
    made.identity.applications.append(APPLICATION)
    return made


@pytest.fixture(scope="module")
def server(azure: SimulatedAzure) -> Iterator[Server]:
    with Server(azure) as made:
        yield made


@pytest.fixture(scope="module")
def host(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    folder = tmp_path_factory.mktemp("host")
    (folder / "chains.yaml").write_text(CHAINS)
    storage = f"sqlite:{folder}/baton.db"
    settings = {**server.settings(), "CHAINS_FILE": str(folder / "chains.yaml"), "AzureWebJobsStorage": storage}
    host = HostProcess(settings, free_port())
    host.start()
    yield host
    host.kill()


@pytest.fixture
def door(host: HostProcess) -> Iterator[Door]:
    made = Door(host.url, KEY)
    yield made
    made.close()


class Caller:
    """A folder with the page's files in it, and an environment like the caller's own."""

    def __init__(self, folder: Path, door: Door, server: Server) -> None:
        self.folder, self.door = folder, door
        code = blocks()
        for name in ("baton_client.py", "start-and-wait.sh"):
            (folder / name).write_text(code[name])
        (folder / "home").mkdir()
        (folder / "home" / ".baton-key").write_text(KEY)
        self._put_az(folder / "bin")
        self.environment = {
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "HOME": str(folder / "home"),
            "PYTHONPATH": f"{folder}:{HERE / 'standins'}",
            "AZURE_AUTHORITY_HOST": server.url,
            "GITHUB_RUN_ID": folder.name,
            "GITHUB_RUN_ATTEMPT": "1",
            "SECRET_BATON_URL": door.url,
            "SECRET_BATON_KEY": KEY,
            "SECRET_BATON_TENANT": APPLICATION.tenant,
            "SECRET_BATON_CLIENT_ID": APPLICATION.client_id,
            "SECRET_BATON_CLIENT_SECRET": str(APPLICATION.client_secret),
            "SECRET_BATON_SCOPE": SCOPE,
            "WIDGET_CAUSE": f"{folder.name}-0",
            "STANDIN_RUN_ID": f"scheduled__{folder.name}",
            "STANDIN_BATON_HOST": door.url,
            "STANDIN_BATON_PASSWORD": KEY,
            "STANDIN_BATON_LOGIN": SCOPE,
            "IDENTITY_ENDPOINT": server.settings()["IDENTITY_ENDPOINT"],
            "IDENTITY_HEADER": server.settings()["IDENTITY_HEADER"],
        }

    def here(self, code: str) -> str:
        """The code with this Baton's names in the places of the page's."""
        return code.replace("https://NAME.azurewebsites.net", self.door.url).replace("api://CLIENT_ID", RESOURCE)

    def shell(self, code: str, **more: str) -> subprocess.CompletedProcess[str]:
        return self._done(["bash", "-eo", "pipefail", "-c", self.here(code)], more)

    def python(self, *code: str) -> subprocess.CompletedProcess[str]:
        (self.folder / "main.py").write_text("\n".join(code))
        return self._done([sys.executable, "main.py"], {})

    def _done(self, command: list[str], more: dict[str, str]) -> subprocess.CompletedProcess[str]:
        environment = {**self.environment, **more}
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=90, check=False
        )

    def _put_az(self, folder: Path) -> None:
        """Somebody who is signed in with the Azure CLI."""
        folder.mkdir()
        (folder / "az").write_text(f'#!/bin/sh\n[ "$4" = "{SCOPE}" ] && echo "{SCOPE}|4000000000"\n')
        (folder / "az").chmod(0o755)


@pytest.fixture
def caller(tmp_path: Path, door: Door, server: Server) -> Caller:
    return Caller(tmp_path, door, server)


def assert_started_once_and_waited(caller: Caller, done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stdout + done.stderr
    starts = [each for each in caller.door.asked if each[0] == "POST"]
    assert {path for _, path, _ in starts} == {"/api/chains/sales-daily/runs"}
    assert len({key for _, _, key in starts}) == 1
    assert starts[0][2]
    reads = [path for method, path, _ in caller.door.asked if method == "GET"]
    assert len(set(reads)) == 1
    assert 1 <= len(reads) < 30


@needs_curl
@pytest.mark.parametrize("way", ["shell with a key", "shell with a token"])
def test_the_shell_ways_work(caller: Caller, way: str) -> None:
    done = caller.shell(blocks()[way].replace("$(date -u +%F)", caller.folder.name))
    assert_started_once_and_waited(caller, done)
    assert done.stdout.splitlines()[-1] == "succeeded"


@needs_curl
@pytest.mark.parametrize("way", ["github with a key", "github with a token"])
def test_the_steps_of_the_workflows_work(caller: Caller, way: str) -> None:
    workflow = yaml.safe_load(blocks()[way])
    job = workflow["jobs"]["refresh"]
    [step] = [step for step in job["steps"] if "run" in step]
    given = {"${{ secrets.BATON_KEY }}": KEY}
    environment = {
        name: caller.here(given.get(value, value)) for name, value in {**job["env"], **step.get("env", {})}.items()
    }
    assert_started_once_and_waited(caller, caller.shell(step["run"], **environment))
    assert caller.door.asked[0][2] == f"github-{caller.folder.name}-1"


@pytest.mark.parametrize("way", ["databricks with a key", "databricks with a token"])
def test_the_databricks_ways_work(caller: Caller, way: str) -> None:
    done = caller.python(DATABRICKS, blocks()[way])
    assert_started_once_and_waited(caller, done)
    assert caller.door.asked[0][2] == caller.environment["WIDGET_CAUSE"]


def test_the_airflow_dag_works_with_a_key(caller: Caller) -> None:
    done = caller.python(blocks()["airflow with a key"])
    assert_started_once_and_waited(caller, done)
    assert caller.door.asked[0][2] == f"scheduled__{caller.folder.name}-1"


def test_the_airflow_dag_works_with_a_token(caller: Caller) -> None:
    """Its own `baton` takes the place of the other one, as the page says."""
    whole = blocks()["airflow with a key"]
    head, tail = whole.split("def baton():")[0], whole[whole.index("@dag(") :]
    del caller.environment["STANDIN_BATON_PASSWORD"]
    assert_started_once_and_waited(caller, caller.python(head, blocks()["airflow with a token"], tail))


def test_a_lost_answer_of_a_start_gives_one_run(caller: Caller, azure: SimulatedAzure) -> None:
    before = azure.calls["data_factory.create_run"]
    caller.door.loses = 2
    assert_started_once_and_waited(caller, caller.python(DATABRICKS, blocks()["databricks with a key"]))
    assert len([each for each in caller.door.asked if each[0] == "POST"]) == 3
    assert azure.calls["data_factory.create_run"] - before == 1


@needs_curl
def test_a_failed_run_fails_the_callers_with_its_reason(caller: Caller, azure: SimulatedAzure) -> None:
    pipelines = azure.data_factory.factory(SUBSCRIPTION, GROUP, FACTORY).pipelines
    whole, pipelines["LoadSales"] = (
        pipelines["LoadSales"],
        Pipeline(
            "LoadSales", seconds=0.2, parameters={"region": None, "run_date": None}, fails="The disk is full."
        ),
    )
    try:
        done = caller.python(DATABRICKS, blocks()["databricks with a key"])
        assert done.returncode == 1
        assert "The disk is full." in done.stderr
        done = caller.shell("bash start-and-wait.sh sales-daily", BATON_URL=caller.door.url, BATON_KEY=KEY)
        assert done.returncode == 1
        assert "The disk is full." in done.stderr
    finally:
        pipelines["LoadSales"] = whole


@needs_curl
def test_a_refused_start_is_told_and_fails_at_once(caller: Caller) -> None:
    ways: list[subprocess.CompletedProcess[str]] = [
        caller.shell("bash start-and-wait.sh nosuch", BATON_URL=caller.door.url, BATON_KEY=KEY),
        caller.python(DATABRICKS, blocks()["databricks with a key"].replace('"sales-daily"', '"nosuch"')),
    ]
    for done in ways:
        assert done.returncode not in (0, 6)
        assert "sales-daily" in done.stderr
    assert len(caller.door.asked) == 2


def test_every_block_of_the_page_is_named_and_each_way_comes_with_key_and_token() -> None:
    named = blocks()
    assert len(named) == count_of_fences()
    ways = {name.partition(" with a ")[0] for name in named if " with a " in name} - {"chains.yaml"}
    assert ways == {"shell", "github", "databricks", "airflow", "adf", "power automate"}
    assert all({f"{way} with a key", f"{way} with a token"} <= named.keys() for way in ways)


def test_links_of_the_page_lead_to_its_headings() -> None:
    text = (ROOT / "docs" / "callers.md").read_text()
    headings = {
        re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-")
        for head in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= headings
