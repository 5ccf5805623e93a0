"""Synapse: what it does not share with Data Factory."""

from __future__ import annotations

from dataclasses import replace

import pytest

from local.simulated_azure.faults import Fault
from local.simulated_azure.messages import Request, Response
from shared.core.definition import Connection
from shared.core.errors import RefusedError, TryLaterError, UnclearError
from shared.services.reach import Reach
from shared.services.synapse import Synapse
from shared.settings import Settings
from tests.services.conftest import SUBSCRIPTION, SYN, Cloud, FakeIdentities, order_of, pipeline_step

STEP = pipeline_step(connection=SYN)


def go() -> bool:
    return True


def answering(cloud: Cloud, status: int) -> None:
    """Every request is served, and its answer's status replaced."""
    handle = cloud.azure.handle

    def answered(request: Request) -> Response:
        return replace(handle(request), status=status)

    cloud.azure.handle = answered  # type: ignore[method-assign]


@pytest.mark.parametrize("status", [200, 202])
def test_both_statuses_that_a_start_is_answered_with_are_taken(cloud: Cloud, status: int) -> None:
    answering(cloud, status)
    job = cloud.synapse.start(order_of(STEP), go)
    assert job.id in cloud.workspace.runs


def test_a_redirected_start_is_not_followed(cloud: Cloud) -> None:
    answering(cloud, 307)
    with pytest.raises(TryLaterError):
        cloud.synapse.start(order_of(STEP), go)
    assert cloud.azure.calls["synapse.create_run"] == 1


def test_a_bare_error_envelope_is_read_too(cloud: Cloud) -> None:
    cloud.azure.faults.on.append(Fault("synapse.create_run", status=400, bare_envelope=True))
    with pytest.raises(RefusedError, match="BadRequest: The request is wrong"):
        cloud.synapse.start(order_of(STEP), go)


def test_a_missing_right_is_answered_by_synapses_own_roles(cloud: Cloud) -> None:
    cloud.azure.faults.on.append(Fault("synapse.*", status=403))
    with pytest.raises(RefusedError, match="WorkspaceSystemIdentity"):
        cloud.synapse.start(order_of(STEP), go)
    [problem] = cloud.synapse.check([STEP])
    assert "Synapse Monitoring Operator" in problem.message


def test_a_pipelines_name_is_one_part_of_the_path(cloud: Cloud) -> None:
    cloud.pipeline.name = "Löad sales|daily"
    cloud.workspace.pipelines = {cloud.pipeline.name: cloud.pipeline}
    job = cloud.synapse.start(order_of(pipeline_step(connection=SYN, pipeline=cloud.pipeline.name)), go)
    assert cloud.workspace.runs[job.id].pipeline == cloud.pipeline.name


def test_a_link_names_the_workspace_where_its_resource_is_known(cloud: Cloud) -> None:
    plain = cloud.synapse.start(order_of(STEP), go)
    assert plain.link == f"https://web.azuresynapse.net/en/monitoring/pipelineruns/{plain.id}"
    known = replace(SYN, subscription=SUBSCRIPTION, resource_group="rg")
    assert (
        workspace_of(cloud, known)
        .start(order_of(STEP), go)
        .link.endswith(
            f"?workspace=%2Fsubscriptions%2F{SUBSCRIPTION}%2FresourceGroups%2Frg"
            "%2Fproviders%2FMicrosoft.Synapse%2Fworkspaces%2Fsyn-1"
        )
    )


def test_another_cloud_is_a_setting(cloud: Cloud) -> None:
    seen: list[str] = []
    handle = cloud.azure.handle

    def watching(request: Request) -> Response:
        seen.append(f"{request.headers['host']} {request.headers['authorization'].split('|')[0]}")
        return handle(request)

    cloud.azure.handle = watching  # type: ignore[method-assign]
    service = workspace_of(
        cloud,
        SYN,
        SYNAPSE_ENDPOINT="https://{workspace}.dev.azuresynapse.azure.cn",
        SYNAPSE_SCOPE="https://dev.azuresynapse.azure.cn/.default",
    )
    with pytest.raises((RefusedError, UnclearError)):
        service.start(order_of(STEP), go)
    assert set(seen) == {"syn-1.dev.azuresynapse.azure.cn Bearer https://dev.azuresynapse.azure.cn"}


def workspace_of(cloud: Cloud, connection: Connection, **more: str) -> Synapse:
    settings = Settings.from_mapping({"AzureWebJobsStorage": "sqlite::memory:", **more})
    reach = Reach(
        settings=settings,
        identities=FakeIdentities(cloud, settings),
        session=cloud.session,
        clock=lambda: cloud.now,
    )
    return Synapse(connection, reach)
