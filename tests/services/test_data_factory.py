"""Data Factory: what it does not share with Synapse, and why its client's own repetition is switched off."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from local.simulated_azure.faults import Fault
from tests.services.conftest import Cloud, order_of, pipeline_step


def test_a_link_leads_to_the_run_in_the_factorys_portal(cloud: Cloud) -> None:
    job = cloud.data_factory.start(order_of(pipeline_step()), lambda: True)
    assert job.link.startswith(
        f"https://adf.azure.com/en/monitoring/pipelineruns/{job.id}?factory=%2Fsubscriptions%2F"
    )


def test_check_names_the_rights_that_are_missing(cloud: Cloud) -> None:
    cloud.azure.faults.on.append(Fault("data_factory.query_runs", status=403))
    [problem] = cloud.data_factory.check([pipeline_step(parameters={"day": "mon"})])
    assert "querypipelineruns" in problem.message


@pytest.fixture
def default_client_posts(cloud: Cloud) -> Callable[[], int]:
    """How many POSTs the client sends by default: why Baton switches its repetition off."""
    import requests
    from azure.core.exceptions import AzureError
    from azure.core.pipeline.transport import RequestsTransport
    from azure.mgmt.datafactory import DataFactoryManagementClient

    from local.simulated_azure.adapter import SimulatedAdapter
    from tests.services.conftest import SUBSCRIPTION, FakeCredential

    def count() -> int:
        session = requests.Session()
        session.mount("https://", SimulatedAdapter(cloud.azure))
        client = DataFactoryManagementClient(
            FakeCredential(cloud), SUBSCRIPTION, transport=RequestsTransport(session=session, session_owner=False)
        )
        with pytest.raises(AzureError):
            client.pipelines.create_run("rg", "f-1", "P", parameters={"day": "mon"}, retry_backoff_factor=0)
        return cloud.azure.calls["data_factory.create_run"]

    return count


def test_the_client_by_itself_would_have_started_four_times(
    cloud: Cloud, default_client_posts: Callable[[], int]
) -> None:
    cloud.azure.faults.on.append(Fault("data_factory.create_run", when="after", status=503))
    assert default_client_posts() == 4
    assert len(cloud.factory.runs) == 4
