"""Power BI's dataflows against the simulated ones: refreshes without an id, found by their transactions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from local.simulated_azure.dataflows import Dataflow
from local.simulated_azure.faults import Fault
from shared.core.definition import StepDefinition
from shared.core.errors import RefusedError, TryLaterError, UnclearError
from shared.core.facts import Verdict
from shared.core.run import Job
from shared.services.answers import unchanged
from shared.services.power_bi_dataflows import observation_of
from shared.services.power_bi_workspace import PowerBiWorkspace
from tests.services.conftest import DATASET, PBI, T0, WORKSPACE, Cloud, order_of, refresh_step, watched

DATAFLOW = "33333333-0000-0000-0000-000000000003"
STEP = StepDefinition(name="prepare", connection=PBI, dataflow=DATAFLOW)


@pytest.fixture
def flow(cloud: Cloud) -> Dataflow:
    made = Dataflow(DATAFLOW, "Customers", seconds=60)
    return cloud.azure.power_bi.dataflows.dataflow(WORKSPACE, made)


@pytest.fixture
def service(cloud: Cloud, flow: Dataflow) -> PowerBiWorkspace:
    return PowerBiWorkspace(PBI, cloud.reach)


def go() -> bool:
    return True


def started(service: PowerBiWorkspace, cloud: Cloud) -> Job:
    with pytest.raises(UnclearError, match="names no transaction") as unclear:
        service.start(order_of(STEP, {}, at=cloud.now), go)
    assert unclear.value.code == "accepted_without_id"
    [job] = service.find_started(order_of(STEP, {}, at=cloud.now))
    return job


def test_a_start_is_unclear_until_its_transaction_is_found(
    cloud: Cloud, flow: Dataflow, service: PowerBiWorkspace
) -> None:
    job = started(service, cloud)
    assert [made.id for made in flow.transactions] == [job.id]
    assert job.status == "InProgress"
    assert DATAFLOW in job.link


@pytest.mark.parametrize("fault", [{"lost": True}, {"status": 503}, {"status": 504}])
def test_a_start_without_a_clear_answer_is_found_the_same_way(
    cloud: Cloud, flow: Dataflow, service: PowerBiWorkspace, fault: dict[str, Any]
) -> None:
    cloud.azure.faults.on.append(Fault("power_bi.refresh_dataflow", when="after", times=1, **fault))
    with pytest.raises(UnclearError):
        service.start(order_of(STEP, {}), go)
    assert [job.id for job in service.find_started(order_of(STEP, {}))] == [flow.transactions[0].id]


def test_a_refresh_under_way_is_waited_for_and_nothing_is_sent(
    cloud: Cloud, flow: Dataflow, service: PowerBiWorkspace
) -> None:
    cloud.azure.power_bi.dataflows.begin(flow)
    with pytest.raises(TryLaterError, match="is executing") as later:
        service.start(order_of(STEP, {}), go)
    assert later.value.code == "busy"
    assert cloud.azure.calls["power_bi.refresh_dataflow"] == 0
    cloud.wait(61)
    started(service, cloud)
    assert len(flow.transactions) == 2


def test_a_scheduled_an_earlier_or_a_much_later_refresh_is_never_taken_for_ours(
    cloud: Cloud, flow: Dataflow, service: PowerBiWorkspace
) -> None:
    begin = cloud.azure.power_bi.dataflows.begin
    begin(flow)
    cloud.wait(100)
    begin(flow, "Scheduled")
    cloud.wait(100)
    theirs = begin(flow)
    at = T0 + timedelta(seconds=100)
    assert service.find_started(order_of(STEP, {}, at=at, latest_at=at + timedelta(seconds=90))) == []
    wide = order_of(STEP, {}, at=at, clocks_differ=timedelta(seconds=200), ready_at=at)
    assert [job.id for job in service.find_started(wide)] == [theirs.id]


def test_the_refresh_nearest_to_the_intent_is_the_likeliest_not_the_newest(
    cloud: Cloud, flow: Dataflow, service: PowerBiWorkspace
) -> None:
    made = []
    for _ in range(3):
        made.append(cloud.azure.power_bi.dataflows.begin(flow).id)
        cloud.wait(10)
    found = [job.id for job in service.find_started(order_of(STEP, {}, at=T0 + timedelta(seconds=11)))]
    assert found == [made[1], made[2], made[0]]


def test_a_transaction_that_is_not_listed_yet_is_not_found(
    cloud: Cloud, flow: Dataflow, service: PowerBiWorkspace
) -> None:
    cloud.azure.faults.on.append(Fault("power_bi.refresh_dataflow", hide_seconds=30))
    with pytest.raises(UnclearError):
        service.start(order_of(STEP, {}), go)
    assert service.find_started(order_of(STEP, {})) == []
    cloud.wait(31)
    assert len(service.find_started(order_of(STEP, {}))) == 1


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [("Success", Verdict.SUCCEEDED), ("Failed", Verdict.FAILED), ("Cancelled", Verdict.CANCELLED)],
)
def test_the_transactions_tell_how_a_refresh_goes_on_and_ends(
    cloud: Cloud, flow: Dataflow, service: PowerBiWorkspace, outcome: str, verdict: Verdict
) -> None:
    flow.outcome = outcome
    job, place = started(service, cloud), service.place(STEP)
    assert service.observe(place, [watched(job)], None)[job.id].verdict is Verdict.ACTIVE
    cloud.wait(61)
    seen = service.observe(place, [watched(job)], None)[job.id]
    assert (seen.verdict, seen.status) == (verdict, outcome)
    assert (seen.started_at, seen.ended_at) == (T0, T0 + timedelta(seconds=60))
    assert (seen.error is not None) == (verdict is Verdict.FAILED)


def test_a_word_that_nobody_knows_is_no_end_and_none_at_all_no_verdict() -> None:
    seen = observation_of({"id": "x", "status": "Pondering"})
    assert seen is not None
    assert seen.verdict is Verdict.ACTIVE
    assert observation_of({"id": "x"}) is None


def test_a_transaction_that_is_gone_is_left_out(flow: Dataflow, cloud: Cloud, service: PowerBiWorkspace) -> None:
    job = started(service, cloud)
    flow.transactions.clear()
    assert service.observe(service.place(STEP), [watched(job)], None) == {}


def test_a_transaction_without_a_status_is_there_and_unchanged(
    cloud: Cloud, flow: Dataflow, service: PowerBiWorkspace
) -> None:
    job = started(service, cloud)
    body = f'{{"value": [{{"id": "{job.id}"}}]}}'
    cloud.azure.faults.on.append(Fault("power_bi.transactions", status=200, body=body))
    assert service.observe(service.place(STEP), [watched(job)], None) == {job.id: unchanged(watched(job))}


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_a_failed_look_raises_and_gives_no_verdict(
    cloud: Cloud, flow: Dataflow, service: PowerBiWorkspace, status: int
) -> None:
    job = started(service, cloud)
    cloud.azure.faults.on.append(Fault("power_bi.transactions", status=status))
    with pytest.raises((RefusedError, TryLaterError)):
        service.observe(service.place(STEP), [watched(job)], None)
    with pytest.raises((RefusedError, TryLaterError)):
        service.find_started(order_of(STEP, {}))


def test_a_refresh_is_cancelled_and_one_that_is_over_is_no_error(
    cloud: Cloud, flow: Dataflow, service: PowerBiWorkspace
) -> None:
    job = started(service, cloud)
    service.cancel(STEP, job)
    service.cancel(STEP, job)
    service.cancel(STEP, Job(id="gone", status="", link=""))
    assert service.observe(service.place(STEP), [watched(job)], None)[job.id].verdict is Verdict.CANCELLED


def test_a_cancel_that_the_service_calls_invalid_is_told(
    cloud: Cloud, flow: Dataflow, service: PowerBiWorkspace
) -> None:
    job = started(service, cloud)
    fault = Fault("power_bi.cancel_transaction", status=200, body='{"status": "invalid"}')
    cloud.azure.faults.on.append(fault)
    with pytest.raises(RefusedError, match="cannot be cancelled"):
        service.cancel(STEP, job)
    cloud.azure.faults.on[:] = [Fault("power_bi.cancel_transaction", lost=True)]
    with pytest.raises(TryLaterError):
        service.cancel(STEP, job)


@pytest.mark.parametrize("status", [400, 409])
def test_busy_and_throttled_starts_are_put_off_and_a_refusal_stays_one(
    cloud: Cloud, flow: Dataflow, service: PowerBiWorkspace, status: int
) -> None:
    said = '{"error": {"code": "InvalidRequest", "message": "A refresh is already in progress"}}'
    for fault, code in (
        (Fault("power_bi.refresh_dataflow", status=status, body=said), "busy"),
        (Fault("power_bi.refresh_dataflow", status=429, retry_after="40"), "throttled"),
    ):
        cloud.azure.faults.on[:] = [fault]
        with pytest.raises(TryLaterError) as later:
            service.start(order_of(STEP, {}), go)
        assert later.value.code == code
    cloud.azure.faults.on[:] = [Fault("power_bi.refresh_dataflow", status=403)]
    with pytest.raises(RefusedError, match="Contributor"):
        service.start(order_of(STEP, {}), go)


def test_a_dataflow_and_a_model_of_one_id_are_watched_at_two_places(service: PowerBiWorkspace) -> None:
    model = StepDefinition(name="m", connection=PBI, dataset=DATAFLOW)
    assert service.place(model) != service.place(STEP)


def test_both_kinds_of_step_are_served_by_one_connection(
    cloud: Cloud, flow: Dataflow, service: PowerBiWorkspace
) -> None:
    job = service.start(order_of(refresh_step(), {}), go)
    assert [found.id for found in service.find_started(order_of(refresh_step(), {}))] == [job.id]
    assert service.observe(service.place(refresh_step()), [watched(job)], None)[job.id].status
    service.cancel(refresh_step(), job)
    assert DATASET in job.link
    assert flow.transactions == []


def test_check_tells_which_dataflow_is_not_there(cloud: Cloud, flow: Dataflow, service: PowerBiWorkspace) -> None:
    other = StepDefinition(name="o", connection=PBI, dataflow="44444444-0000-0000-0000-000000000004")
    assert service.check([STEP, refresh_step()]) == []
    [problem] = service.check([STEP, other])
    assert problem.code == "not_found"
    assert "44444444" in problem.message
    assert "Gen2" in problem.message
    cloud.azure.faults.on.append(Fault("power_bi.list_dataflows", status=503))
    [problem] = service.check([STEP])
    assert problem.code == "service_unavailable"
