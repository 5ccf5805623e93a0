"""Power BI against the simulated one: standard and enhanced refreshes, busy models, stale ones."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from local.simulated_azure.faults import Fault
from shared.core.definition import Refresh
from shared.core.errors import RefusedError, TryLaterError, UnclearError
from shared.core.facts import Verdict
from shared.services.answers import unchanged
from shared.services.power_bi import VERDICTS, observation_of, refresh_body
from tests.services.conftest import DATASET, T0, Cloud, order_of, refresh_step, watched

ENHANCED = refresh_step()
STANDARD = refresh_step(Refresh())


def go() -> bool:
    return True


def test_an_enhanced_refresh_is_known_by_the_id_in_its_location(cloud: Cloud) -> None:
    job = cloud.power_bi.start(order_of(ENHANCED, {}), go)
    [refresh] = cloud.model.refreshes
    assert (job.id, refresh.kind, refresh.body) == (refresh.id, "ViaEnhancedApi", {"type": "full"})
    assert DATASET in job.link


def test_a_standard_refresh_has_no_body_and_is_known_by_its_request_id(cloud: Cloud) -> None:
    cloud.model.premium = False
    job = cloud.power_bi.start(order_of(STANDARD, {}), go)
    [refresh] = cloud.model.refreshes
    assert (job.id, refresh.kind, refresh.body) == (refresh.id, "ViaApi", {})


def test_all_fields_of_an_enhanced_refresh_are_sent_as_the_service_spells_them() -> None:
    refresh = Refresh(
        type="full",
        commit_mode="partialBatch",
        max_parallelism=4,
        retry_count=1,
        objects=({"table": "Sales", "partition": "2026"},),
        apply_refresh_policy=False,
        effective_date="2026-11-21",
        timeout="02:00:00",
    )
    assert refresh_body(refresh) == {
        "type": "full",
        "commitMode": "partialBatch",
        "maxParallelism": 4,
        "retryCount": 1,
        "objects": [{"table": "Sales", "partition": "2026"}],
        "applyRefreshPolicy": False,
        "effectiveDate": "2026-11-21",
        "timeout": "02:00:00",
    }
    assert refresh_body(Refresh()) is None


@pytest.mark.parametrize("conflict", [400, 409])
def test_a_busy_model_puts_the_start_off(cloud: Cloud, conflict: int) -> None:
    cloud.model.conflict = conflict
    cloud.azure.power_bi.begin(cloud.model, "Scheduled")
    with pytest.raises(TryLaterError) as later:
        cloud.power_bi.start(order_of(ENHANCED, {}), go)
    assert later.value.code == "busy"


def test_after_a_busy_answer_the_history_is_read_before_another_post(cloud: Cloud) -> None:
    cloud.azure.power_bi.begin(cloud.model, "Scheduled")
    with pytest.raises(TryLaterError, match="executing"):
        cloud.power_bi.start(order_of(ENHANCED, {}, put_offs=1), go)
    assert cloud.azure.calls["power_bi.refresh"] == 0
    cloud.wait(61)
    cloud.power_bi.start(order_of(ENHANCED, {}, put_offs=2), go)
    assert len(cloud.model.refreshes) == 2


def test_a_used_up_day_is_hopeless_and_throttling_is_not(cloud: Cloud) -> None:
    cloud.model.premium = False
    cloud.model.seconds = 1
    for _ in range(8):
        cloud.power_bi.start(order_of(STANDARD, {}), go)
        cloud.wait(2)
    with pytest.raises(RefusedError) as refused:
        cloud.power_bi.start(order_of(STANDARD, {}), go)
    assert refused.value.code == "daily_limit"
    assert "the next is possible about 2026-11-22 05:30 UTC" in refused.value.message
    assert "scheduled ones included" in refused.value.message
    cloud.azure.faults.on.append(Fault("power_bi.history", status=503))
    with pytest.raises(RefusedError, match="possible once the oldest of them is 24 hours old"):
        cloud.power_bi.start(order_of(STANDARD, {}), go)
    fault = Fault("power_bi.refresh", status=429, retry_after="3392", flat_envelope=True)
    cloud.azure.faults.on.append(fault)
    with pytest.raises(TryLaterError, match="Retry in 3392 seconds") as later:
        cloud.power_bi.start(order_of(STANDARD, {}), go)
    assert later.value.after_seconds == 3392


@pytest.mark.parametrize("fault", [{"lost": True}, {"status": 503}, {"status": 504}])
def test_an_unclear_start_is_found_in_the_history(cloud: Cloud, fault: dict[str, Any]) -> None:
    cloud.azure.faults.on.append(Fault("power_bi.refresh", when="after", times=1, **fault))
    with pytest.raises(UnclearError):
        cloud.power_bi.start(order_of(ENHANCED, {}), go)
    cloud.wait(5)
    [job] = cloud.power_bi.find_started(order_of(ENHANCED, {}, ready_at=T0))
    assert job.id == cloud.model.refreshes[0].id


def test_a_refresh_that_began_before_the_data_was_ready_is_never_taken_for_ours(cloud: Cloud) -> None:
    cloud.azure.power_bi.begin(cloud.model, "ViaEnhancedApi", {"type": "full"})
    cloud.wait(10)
    order = order_of(ENHANCED, {}, at=cloud.now, ready_at=T0 + timedelta(seconds=9))
    assert cloud.power_bi.find_started(order) == []


def test_of_several_refreshes_the_one_nearest_to_the_intent_is_the_likeliest(cloud: Cloud) -> None:
    cloud.model.seconds = 1
    began = []
    for _ in range(3):
        began.append(cloud.azure.power_bi.begin(cloud.model, "ViaEnhancedApi", {"type": "full"}).id)
        cloud.wait(10)
    order = order_of(ENHANCED, {}, at=T0 + timedelta(seconds=11))
    found = [job.id for job in cloud.power_bi.find_started(order)]
    assert found == [began[1], began[2], began[0]]


def test_somebody_elses_kind_of_refresh_is_not_ours(cloud: Cloud) -> None:
    cloud.azure.power_bi.begin(cloud.model, "Scheduled")
    assert cloud.power_bi.find_started(order_of(ENHANCED, {})) == []


def test_one_history_tells_about_a_model(cloud: Cloud) -> None:
    job = cloud.power_bi.start(order_of(ENHANCED, {}), go)
    place = cloud.power_bi.place(ENHANCED)
    cloud.wait(30)
    assert cloud.power_bi.observe(place, [watched(job)], None)[job.id].verdict is Verdict.ACTIVE
    cloud.wait(31)
    seen = cloud.power_bi.observe(place, [watched(job)], None)[job.id]
    assert (seen.verdict, seen.status) == (Verdict.SUCCEEDED, "Completed")
    assert (seen.started_at, seen.ended_at) == (T0, T0 + timedelta(seconds=60))


def test_an_older_refresh_in_the_history_is_not_mistaken_for_ours(cloud: Cloud) -> None:
    cloud.model.seconds = 1
    cloud.azure.power_bi.begin(cloud.model, "Scheduled")
    cloud.wait(5)
    cloud.azure.faults.on.append(Fault("power_bi.refresh", hide_seconds=60))
    job = cloud.power_bi.start(order_of(ENHANCED, {}), go)
    cloud.wait(5)
    assert cloud.power_bi.observe(cloud.power_bi.place(ENHANCED), [watched(job)], None) == {}


def test_a_refresh_that_began_long_after_the_call_had_ended_is_another_steps(cloud: Cloud) -> None:
    cloud.wait(116)
    theirs = cloud.power_bi.start(order_of(ENHANCED, {}, at=cloud.now), go)
    order = order_of(ENHANCED, {}, latest_at=T0 + timedelta(seconds=90))
    assert cloud.power_bi.find_started(order) == []
    later = order_of(ENHANCED, {}, latest_at=T0 + timedelta(seconds=120))
    assert [job.id for job in cloud.power_bi.find_started(later)] == [theirs.id]


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_details_that_cannot_be_read_are_no_absence(cloud: Cloud, status: int) -> None:
    cloud.azure.faults.on += [
        Fault("power_bi.refresh", hide_seconds=60),
        Fault("power_bi.get_refresh", status=status),
    ]
    job = cloud.power_bi.start(order_of(ENHANCED, {}), go)
    seen = cloud.power_bi.observe(cloud.power_bi.place(ENHANCED), [watched(job)], None)
    assert seen == {job.id: unchanged(watched(job))}


def test_a_failure_is_told_in_the_services_words(cloud: Cloud) -> None:
    cloud.model.fails = "ModelRefreshFailed_CredentialsNotSpecified"
    job = cloud.power_bi.start(order_of(ENHANCED, {}), go)
    cloud.wait(61)
    seen = cloud.power_bi.observe(cloud.power_bi.place(ENHANCED), [watched(job)], None)[job.id]
    assert seen.verdict is Verdict.FAILED
    assert seen.error is not None
    assert "ModelRefreshFailed_CredentialsNotSpecified" in seen.error.message


_THROWN = '{"errorCode": "E1", "errorDescription": "No gateway."}'
_SECOND = '{"errorCode": "E2"}'
_WARNING = {"code": "W", "message": "Slow.", "type": "Warning"}
_ERROR = {"code": "0xC11C0020", "message": "The model was evicted.", "type": "Error"}


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"messages": [_ERROR], "serviceExceptionJson": _THROWN}, "0xC11C0020: The model was evicted."),
        ({"messages": [{"message": "A."}, {"message": "B.", "type": "Error"}]}, "A. B."),
        ({"messages": [_WARNING], "serviceExceptionJson": _THROWN}, "E1: No gateway."),
        ({"messages": [_WARNING]}, "W: Slow."),
        ({"serviceExceptionJson": _SECOND}, "E2"),
        ({"serviceExceptionJson": "no JSON"}, "no JSON"),
        ({"serviceExceptionJson": "[1]"}, "[1]"),
        ({"refreshAttempts": [{"serviceExceptionJson": _THROWN}]}, "E1: No gateway."),
        (
            {"refreshAttempts": [{"serviceExceptionJson": _THROWN}, {"serviceExceptionJson": _SECOND}]},
            "E2",
        ),
        ({"refreshAttempts": [{"serviceExceptionJson": _THROWN}, {"attemptId": 2}]}, "E1: No gateway."),
        ({"messages": "broken", "refreshAttempts": [None]}, ""),
    ],
)
def test_every_place_where_the_service_tells_a_cause_is_read(told: dict[str, Any], why: str) -> None:
    seen = observation_of({"status": "Failed", **told})
    assert seen is not None
    assert seen.error is not None
    assert seen.error.message == f"The refresh ended as Failed. {why}".strip()


def test_an_enhanced_refresh_on_a_shared_capacity_is_refused_with_the_remedy(cloud: Cloud) -> None:
    cloud.model.premium = False
    with pytest.raises(RefusedError, match="on a shared capacity leave `refresh` out") as refused:
        cloud.power_bi.start(order_of(ENHANCED, {}), go)
    assert refused.value.code == "bad_request"
    assert cloud.model.refreshes == []


@pytest.mark.parametrize(("word", "verdict"), [*VERDICTS.items(), ("Paused", Verdict.ACTIVE)])
def test_every_documented_status_has_its_verdict_and_the_extended_one_decides(word: str, verdict: Verdict) -> None:
    seen = observation_of({"status": "Unknown", "extendedStatus": word})
    assert seen is not None
    assert (seen.verdict, seen.status) == (verdict, word)


def test_an_entry_without_a_status_has_no_verdict() -> None:
    assert observation_of({"requestId": "x"}) is None


def test_an_enhanced_refresh_is_cancelled_and_a_standard_one_cannot_be(cloud: Cloud) -> None:
    job = cloud.power_bi.start(order_of(ENHANCED, {}), go)
    cloud.power_bi.cancel(ENHANCED, job)
    cloud.power_bi.cancel(ENHANCED, job)
    seen = cloud.power_bi.observe(cloud.power_bi.place(ENHANCED), [watched(job)], None)[job.id]
    assert seen.verdict is Verdict.CANCELLED
    with pytest.raises(RefusedError) as refused:
        cloud.power_bi.cancel(STANDARD, job)
    assert refused.value.code == "not_cancellable"


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_a_failed_look_raises_and_gives_no_verdict(cloud: Cloud, status: int) -> None:
    job = cloud.power_bi.start(order_of(ENHANCED, {}), go)
    cloud.azure.faults.on.append(Fault("power_bi.history", status=status, retry_after="7"))
    with pytest.raises((RefusedError, TryLaterError)):
        cloud.power_bi.observe(cloud.power_bi.place(ENHANCED), [watched(job)], None)


def test_check_tells_a_model_that_is_not_there(cloud: Cloud) -> None:
    assert cloud.power_bi.check([ENHANCED]) == []
    cloud.azure.power_bi.workspaces.clear()
    [problem] = cloud.power_bi.check([ENHANCED])
    assert problem.code == "not_found"
    assert "Contributor" in problem.message
