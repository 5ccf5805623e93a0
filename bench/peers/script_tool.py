"""A plain script with a poll loop, as people write it in an afternoon; and dagster-powerbi's own loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

import requests

from bench.peers.stage import (
    CLIENT_ID,
    CLIENT_SECRET,
    FACTORY,
    GROUP,
    REPORTS,
    SUBSCRIPTION,
    TENANT,
    Stage,
)
from bench.peers.virtual_time import CrashError

POLL_SECONDS = 30.0  # our choice: the script has no default


class ProcessTool:
    """A process for each run that does one thing after the other, and is not started again when it dies."""

    def __init__(self, stage: Stage, work: Callable[[Stage, int], None]) -> None:
        self._stage = stage
        self._work = work

    def begin(self, number: int) -> None:
        try:
            self._work(self._stage, number)
        except CrashError:
            self._stage.tell(number, "died")
        except Exception:  # noqa: BLE001 - whatever ends it, it has failed
            self._stage.tell(number, "failed")
        else:
            self._stage.tell(number, "succeeded")


def load_and_refresh(stage: Stage, number: int) -> None:
    """The script: Azure's own client with its own retries for the pipeline, plain requests for the refresh."""
    from azure.identity import ClientSecretCredential
    from azure.mgmt.datafactory import DataFactoryManagementClient

    credential = ClientSecretCredential(TENANT, CLIENT_ID, CLIENT_SECRET)
    client = DataFactoryManagementClient(credential, SUBSCRIPTION)
    pipeline = stage.pipeline(number)
    run = client.pipelines.create_run(GROUP, FACTORY, pipeline, parameters={"run": str(number)})
    while True:
        status = client.pipeline_runs.get(GROUP, FACTORY, run.run_id).status
        if status not in ("Queued", "InProgress", "Canceling"):
            break
        time.sleep(POLL_SECONDS)
    if status != "Succeeded":
        raise SystemError(status)
    _refresh(stage, number, credential)


def refresh_only(stage: Stage, number: int) -> None:
    from azure.identity import ClientSecretCredential

    _refresh(stage, number, ClientSecretCredential(TENANT, CLIENT_ID, CLIENT_SECRET))


def _refresh(stage: Stage, number: int, credential: Any) -> None:
    url = f"https://api.powerbi.com/v1.0/myorg/groups/{REPORTS}/datasets/{stage.model(number)}/refreshes"

    def headers() -> dict[str, str]:
        token = credential.get_token("https://analysis.windows.net/powerbi/api/.default").token
        return {"Authorization": f"Bearer {token}"}

    requests.post(url, headers=headers(), timeout=60).raise_for_status()
    while True:
        time.sleep(POLL_SECONDS)
        answer = requests.get(url, params={"$top": 1}, headers=headers(), timeout=60)
        answer.raise_for_status()
        status = answer.json()["value"][0]["status"]
        if status == "Completed":
            return
        if status != "Unknown":
            raise SystemError(status)


def dagster_refresh(stage: Stage, number: int) -> None:
    """What dagster-powerbi's asset does: start, then poll every 5 seconds for at most 300."""
    found = import_module("dagster_powerbi")
    principal = found.PowerBIServicePrincipal(client_id=CLIENT_ID, client_secret=CLIENT_SECRET, tenant_id=TENANT)
    workspace = found.PowerBIWorkspace(credentials=principal, workspace_id=REPORTS)
    workspace.trigger_and_poll_refresh(stage.model(number))
