"""Credentials, through Azure's own library, against simulated endpoints: tokens, and failures in plain words."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local.simulated_azure.entra import Application
from local.simulated_azure.faults import Fault
from local.simulated_azure.server import Server
from local.simulated_azure.world import SimulatedAzure
from shared.core.definition import Credential
from shared.core.errors import RefusedError, TryLaterError
from shared.identity import Identities, Identity, storage_credential
from shared.settings import Settings
from tests.services.certificates import make_certificate

SCOPE = "https://management.azure.com/.default"
CLIENT = "11111111-1111-1111-1111-111111111111"
SECRET = "correct horse battery staple"


@pytest.fixture
def azure() -> SimulatedAzure:
    made = SimulatedAzure(clock=lambda: datetime.now(UTC), random=random.Random(1))
    made.identity.applications.append(Application(tenant="tenant-1", client_id=CLIENT, client_secret=SECRET))
    return made


@pytest.fixture
def managed(azure: SimulatedAzure, monkeypatch: pytest.MonkeyPatch) -> Iterator[Identities]:
    """As in Azure, where the platform tells the endpoint by environment variables."""
    with Server(azure) as server:
        for name, value in server.settings().items():
            monkeypatch.setenv(name, value)
        yield Identities(Settings.from_mapping({**server.settings(), "AzureWebJobsStorage": "sqlite::memory:"}))


@pytest.fixture
def secrets(azure: SimulatedAzure, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Identities]:
    """A token authority with TLS, and app settings with secrets."""
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
    with Server(azure, certificate=certificate) as server:
        mapping = {
            "AzureWebJobsStorage": "sqlite::memory:",
            "AZURE_AUTHORITY_HOST": server.url,
            "GOOD": SECRET,
            "BAD": "hunter2",
        }
        yield Identities(Settings.from_mapping(mapping))


def with_secret(setting: str, *, tenant: str = "tenant-1", client: str = CLIENT) -> Credential:
    return Credential(type="client_secret", tenant=tenant, client_id=client, client_secret_setting=setting)


def test_the_managed_identity_is_asked_once_for_each_resource(managed: Identities, azure: SimulatedAzure) -> None:
    identity = managed.of(Credential())
    assert identity.bearer(SCOPE).startswith("Bearer https://management.azure.com|")
    assert identity.bearer(SCOPE) == managed.of(Credential()).bearer(SCOPE)
    assert azure.calls["identity.managed_identity"] == 1


def test_a_user_assigned_identity_that_is_not_there_is_named(managed: Identities, azure: SimulatedAzure) -> None:
    credential = Credential(type="managed_identity", client_id=CLIENT)
    with pytest.raises(RefusedError, match=f"managed identity {CLIENT}.*No User Assigned") as refused:
        managed.of(credential).bearer(SCOPE)
    assert refused.value.code == "unauthorized"
    azure.identity.user_assigned.add(CLIENT)
    assert managed.of(credential).bearer(SCOPE)


def test_a_client_secret_gets_a_token(secrets: Identities, azure: SimulatedAzure) -> None:
    assert secrets.of(with_secret("GOOD")).bearer(SCOPE).startswith("Bearer https://management.azure.com|")
    assert azure.calls["identity.token"] == 1


@pytest.mark.parametrize(
    ("credential", "words"),
    [
        (with_secret("BAD"), r"client secret is wrong.*BAD.*AADSTS7000215"),
        (with_secret("GOOD", client="22222222-2222-2222-2222-222222222222"), r"no such application.*AADSTS700016"),
        (with_secret("GOOD", tenant="tenant-2"), r"no such tenant.*AADSTS90002"),
        (with_secret("UNSET"), r"The app setting UNSET \(a client secret\) is not set"),
    ],
)
def test_what_is_wrong_with_a_secret_is_told_without_it(
    secrets: Identities, credential: Credential, words: str
) -> None:
    with pytest.raises(RefusedError, match=words) as refused:
        secrets.of(credential).bearer(SCOPE)
    assert "hunter2" not in refused.value.message
    assert SECRET not in refused.value.message


def test_an_expired_secret_says_so(secrets: Identities, azure: SimulatedAzure) -> None:
    azure.identity.applications[0].secret_expired = True
    with pytest.raises(RefusedError, match=r"client secret has expired.*GOOD.*AADSTS7000222"):
        secrets.of(with_secret("GOOD")).bearer(SCOPE)


def test_an_authority_that_does_not_answer_may_answer_later(secrets: Identities, azure: SimulatedAzure) -> None:
    azure.faults.on.append(Fault("identity.*", lost=True))
    with pytest.raises(TryLaterError):
        secrets.of(with_secret("GOOD")).bearer(SCOPE)


def test_on_a_laptop_storage_is_opened_with_the_login_itself() -> None:
    """Storage tells its own failures; one wrapped for services would tell them twice."""
    settings = Settings.from_mapping({"AzureWebJobsStorage__accountName": "stbaton"})
    assert not isinstance(storage_credential(settings), Identity)
