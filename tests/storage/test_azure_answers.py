"""What Azure Storage's refusals become: against canned answers on loopback."""

from __future__ import annotations

import time

import pytest

from shared.storage.azure import RETRIES, RETRY_PAUSE_SECONDS, AzureStorage
from shared.storage.base import Insert, Row, StorageError, StorageUnavailableError, TooLargeError
from tests.azurite import ACCOUNT_KEY, Azurite
from tests.storage.canned import CALLS, QUEUE_CALLS, Canned, connected, every_call, serving


@every_call
def test_a_busy_service_is_asked_three_times_and_then_unavailable(call: str) -> None:
    with serving(Canned(503, "ServerBusy")) as canned, connected(canned.connection_string) as storage:
        with pytest.raises(StorageUnavailableError, match=r"503 ServerBusy.*unknown"):
            CALLS[call](storage)
        assert canned.asked == RETRIES + 1


@pytest.mark.parametrize(("status", "code"), [(408, ""), (429, ""), (500, "OperationTimedOut"), (504, "")])
def test_a_failing_service_is_unavailable(status: int, code: str) -> None:
    with serving(Canned(status, code)) as canned, connected(canned.connection_string) as storage:
        for call in ("batch", "send"):
            with pytest.raises(StorageUnavailableError, match=f"{status} ?{code}"):
                CALLS[call](storage)


def test_an_hour_of_retry_after_is_not_slept() -> None:
    with serving(Canned(503, "ServerBusy", {"Retry-After": "3600"}, then=(404, "ResourceNotFound"))) as canned:
        storage = AzureStorage.from_connection_string(canned.connection_string)
        began = time.monotonic()
        assert storage.table("rows").get("p", "k") is None
        assert time.monotonic() - began < RETRY_PAUSE_SECONDS + 1
        storage.close()
        assert canned.asked == 2


@every_call
@pytest.mark.parametrize("code", ["AuthorizationPermissionMismatch", "AuthenticationFailed", "SomethingNew"])
def test_refused_credentials_name_the_role_that_helps(call: str, code: str) -> None:
    role = f"Storage {'Queue' if call in QUEUE_CALLS else 'Table'} Data Contributor"
    with (
        serving(Canned(403, code)) as canned,
        connected(canned.connection_string) as storage,
        pytest.raises(StorageError, match=f"refused the credentials .403 {code}.*{role}") as caught,
    ):
        CALLS[call](storage)
    assert not isinstance(caught.value, StorageUnavailableError)


def test_an_account_without_keys_asks_for_an_identity() -> None:
    with (
        serving(Canned(403, "KeyBasedAuthenticationNotPermitted")) as canned,
        connected(canned.connection_string) as storage,
        pytest.raises(StorageError, match="connect with an identity"),
    ):
        storage.table("rows").get("p", "k")


@every_call
def test_any_other_refusal_is_told_with_its_code_and_without_its_tail(call: str) -> None:
    with (
        serving(Canned(400, "InvalidHeaderValue")) as canned,
        connected(canned.connection_string) as storage,
        pytest.raises(StorageError, match=r"400 InvalidHeaderValue.: [^\n]*\Z"),
    ):
        CALLS[call](storage)


@pytest.mark.parametrize(("status", "code"), [(413, "RequestBodyTooLarge"), (400, "EntityTooLarge")])
def test_what_the_service_finds_too_large_is_too_large(status: int, code: str) -> None:
    with (
        serving(Canned(status, code)) as canned,
        connected(canned.connection_string) as storage,
        pytest.raises(TooLargeError, match=code),
    ):
        storage.table("rows").write([Insert(Row("p", "k", ""))])


def test_a_table_that_is_being_deleted_is_unavailable_and_no_lost_race() -> None:
    gone = (404, "ResourceNotFound")
    with (
        serving(Canned(409, "TableBeingDeleted", then=gone)) as canned,
        connected(canned.connection_string) as storage,
        pytest.raises(StorageUnavailableError, match="TableBeingDeleted"),
    ):
        storage.table("rows").write([Insert(Row("p", "k", ""))])


def test_a_queue_that_is_being_deleted_is_unavailable() -> None:
    with (
        serving(Canned(409, "QueueBeingDeleted")) as canned,
        connected(canned.connection_string) as storage,
        pytest.raises(StorageUnavailableError, match="QueueBeingDeleted"),
    ):
        storage.queue("work").send("x")


@every_call
def test_a_service_that_is_not_there_is_unavailable(call: str) -> None:
    with serving(Canned()) as canned:
        pass  # nobody listens on its port any more
    with (
        connected(canned.connection_string) as storage,
        pytest.raises(StorageUnavailableError, match="could not be reached"),
    ):
        CALLS[call](storage)


@pytest.mark.filterwarnings("ignore:Testing an element's truth value:DeprecationWarning")  # azure-data-tables'
@every_call
def test_no_error_tells_the_key(call: str, azurite: Azurite) -> None:
    wrong = azurite.connection_string.replace(ACCOUNT_KEY, "c2VjcmV0" + ACCOUNT_KEY)
    with connected(wrong) as storage, pytest.raises(StorageError) as caught:
        CALLS[call](storage)
    assert "c2VjcmV0" not in str(caught.value)
    assert caught.value.__suppress_context__
    assert caught.value.__cause__ is None


@every_call
def test_no_error_tells_the_signature_of_an_address(call: str) -> None:
    with serving(Canned()) as canned:
        pass
    signed = canned.connection_string.replace(
        f"AccountKey={ACCOUNT_KEY}", "SharedAccessSignature=sv=2019-02-02&sig=c2VjcmV0"
    )
    with connected(signed) as storage, pytest.raises(StorageUnavailableError) as caught:
        CALLS[call](storage)
    assert "c2VjcmV0" not in str(caught.value)
    assert caught.value.__suppress_context__
    assert caught.value.__cause__ is None
