"""Secrets, certificates and trust between identities: where they come from, and what is said when they fail."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from local.simulated_azure.entra import Application
from local.simulated_azure.faults import Fault
from shared.core.definition import Credential
from shared.core.errors import BatonError, RefusedError, TryLaterError
from tests.services.identity_world import (
    CLIENT,
    PASSWORD,
    SCOPE,
    TENANT,
    VAULT,
    World,
    client_certificate,
)

SECRET = "correct horse battery staple"
CI_ADDRESS = f"https://{VAULT}/secrets/ci"
CI = Credential(type="client_secret", name="ci", tenant=TENANT, client_id=CLIENT, client_secret_url=CI_ADDRESS)
FROM_SETTING = Credential(
    type="client_secret", name="ci", tenant=TENANT, client_id=CLIENT, client_secret_setting="CI_SECRET"
)
VOUCHED = Credential(type="workload_identity", name="fed", tenant=TENANT, client_id=CLIENT)


@pytest.fixture
def world() -> World:
    return World(application=Application(tenant=TENANT, client_id=CLIENT, client_secret=SECRET))


def certificate(**where: Any) -> Credential:
    return Credential(type="client_certificate", name="cert", tenant=TENANT, client_id=CLIENT, **where)


def refused(world: World, credential: Credential, **settings: str) -> str:
    with pytest.raises(RefusedError) as told:
        world.host(**settings).of(credential).bearer(SCOPE)
    return told.value.message


def test_a_secret_in_key_vault_is_read_with_the_apps_own_identity(world: World) -> None:
    world.azure.key_vault.put(VAULT, "ci", SECRET)
    host = world.host()
    assert host.of(CI).bearer(SCOPE).startswith("Bearer https://management.azure.com|")
    assert host.of(CI).bearer(SCOPE)
    assert world.asked_for == ["https://vault.azure.net/.default"]
    assert world.azure.calls["key_vault.get"] <= 2  # one, after Key Vault's challenge


def test_a_new_secret_in_key_vault_is_taken_up_without_a_restart(world: World) -> None:
    world.azure.key_vault.put(VAULT, "ci", SECRET)
    host = world.host()
    assert host.of(CI).bearer(SCOPE)
    world.application.client_secret = "a new one"
    world.azure.key_vault.put(VAULT, "ci", "a new one")
    assert host.of(CI).bearer("https://api.fabric.microsoft.com/.default")


def test_a_secret_is_read_again_each_hour_and_kept_where_key_vault_is_away(world: World) -> None:
    world.azure.key_vault.put(VAULT, "ci", SECRET)
    host = world.host()
    assert host.of(CI).bearer(SCOPE)
    reads = world.azure.calls["key_vault.get"]
    world.wait(hours=2)
    world.azure.faults.on.append(Fault("key_vault.get", status=503))
    assert host.of(CI).bearer("https://api.fabric.microsoft.com/.default")
    assert world.azure.calls["key_vault.get"] == reads + 1


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        ("missing", "not_found", f"There is no Key Vault secret {CI_ADDRESS}"),
        ("no_role", "forbidden", "may not read.*Give it the role 'Key Vault Secrets User'"),
        ("firewall", "forbidden", f"firewall of Key Vault {VAULT} keeps Baton out"),
        ("disabled", "forbidden", "is disabled: enable it"),
    ],
)
def test_what_key_vault_refuses_is_told_with_the_remedy(world: World, spoil: str, code: str, words: str) -> None:
    version = world.azure.key_vault.put(VAULT, "ci", SECRET)
    world.vault.may_read = spoil != "no_role"
    world.vault.behind_firewall = spoil == "firewall"
    version.enabled = spoil != "disabled"
    if spoil == "missing":
        world.vault.secrets.clear()
    with pytest.raises(RefusedError, match=words) as told:
        world.host().of(CI).bearer(SCOPE)
    assert told.value.code == code


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [(Fault("key_vault.get", status=429, retry_after="7"), 7.0), (Fault("key_vault.get", lost=True), None)],
)
def test_key_vault_in_trouble_may_answer_later(world: World, fault: Fault, seconds: float | None) -> None:
    world.azure.key_vault.put(VAULT, "ci", SECRET)
    world.azure.faults.on.append(fault)
    with pytest.raises(TryLaterError, match=VAULT) as told:
        world.host().of(CI).bearer(SCOPE)
    assert told.value.after_seconds == seconds


def test_a_key_vault_reference_that_the_platform_did_not_resolve_is_named(world: World) -> None:
    text = "@Microsoft.KeyVault(SecretUri=https://kv-baton.vault.azure.net/secrets/ci)"
    assert "CI_SECRET (a client secret) still holds its Key Vault reference" in refused(
        world, FROM_SETTING, CI_SECRET=text
    )


def test_no_token_goes_to_a_host_that_is_no_key_vault(world: World) -> None:
    credential = Credential(
        type="client_secret",
        tenant=TENANT,
        client_id=CLIENT,
        client_secret_url="https://kv-baton.vault.azure.net.example.com/secrets/ci",
    )
    assert "no address of a Key Vault secret" in refused(world, credential)
    assert world.hosts == []


def test_a_certificate_signs_in_as_pem_or_as_pkcs12_from_a_setting_or_key_vault(world: World) -> None:
    made = client_certificate(world.now + timedelta(days=200))
    world.application.certificate_pem = made.public
    world.azure.key_vault.put(VAULT, "cert", made.pkcs12)
    settings = {"PEM": made.pem.replace("\n", "\\n"), "LOCKED": made.locked, "PASSWORD": PASSWORD}
    host = world.host(**settings)
    for credential in (
        certificate(certificate_setting="PEM"),
        certificate(certificate_setting="LOCKED", certificate_password_setting="PASSWORD"),
        certificate(certificate_url=f"https://{VAULT}/secrets/cert"),
    ):
        assert host.of(credential).bearer(SCOPE).startswith("Bearer https://management.azure.com|")
        assert not host.of(credential).warnings()


def test_a_certificate_that_is_wrong_says_what_is_wrong(world: World) -> None:
    made = client_certificate(world.now + timedelta(days=200))
    one = certificate(certificate_setting="CERT")
    assert "Entra does not know the certificate in the app setting CERT" in refused(world, one, CERT=made.pem)
    assert "neither PEM text nor base64" in refused(world, one, CERT="what is this?")
    assert "cannot be read as PEM or PKCS#12 with its key" in refused(world, one, CERT=made.public.decode())
    assert "without a password" in refused(world, one, CERT=made.locked)
    world.application.certificate_pem = client_certificate(world.now + timedelta(days=200)).public
    assert "AADSTS700027" in refused(world, one, CERT=made.pem)


def test_a_certificate_and_a_secret_that_end_soon_are_warned_of(world: World) -> None:
    made = client_certificate(world.now + timedelta(days=12, hours=1))
    world.application.certificate_pem = made.public
    world.azure.key_vault.put(VAULT, "ci", SECRET, expires_at=world.now + timedelta(days=29))
    host = world.host(CERT=made.pem)
    one = host.of(certificate(certificate_setting="CERT"))
    assert not one.warnings(), "nothing is known before the first token"
    assert one.bearer(SCOPE)
    (warning,) = one.warnings()
    assert warning.code == "expires_soon"
    assert "certificate in the app setting CERT expires in 12 days" in warning.message
    assert host.of(CI).bearer(SCOPE)
    assert "expires in 28 days" in host.of(CI).warnings()[0].message
    world.wait(days=40)
    assert "has expired" in one.warnings()[0].message


def test_a_managed_identity_vouches_for_an_application(world: World) -> None:
    world.application.vouched_audience = "api://AzureADTokenExchange"
    assert world.host().of(VOUCHED).bearer(SCOPE)
    assert world.asked_for == ["api://AzureADTokenExchange/.default"]


def test_a_token_in_a_file_vouches_as_well(world: World, tmp_path: Path) -> None:
    world.application.vouched_audience = "api://AzureADTokenExchange"
    path = tmp_path / "token"
    path.write_text(f"api://AzureADTokenExchange|{int((world.now + timedelta(hours=1)).timestamp())}")
    by_file = Credential(
        type="workload_identity", name="fed", tenant=TENANT, client_id=CLIENT, token_file=str(path)
    )
    assert world.host().of(by_file).bearer(SCOPE)
    path.unlink()
    assert str(path) in refused(world, by_file)


def test_an_application_that_does_not_trust_the_identity_says_what_to_add(world: World) -> None:
    assert "add a federated credential" in refused(world, VOUCHED)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (7000229, "no service principal in that tenant"),
        (7000112, "The application is disabled"),
        (700024, "clock differs"),
        (53003, "Conditional Access"),
        (65001, "must grant the application its permissions"),
        (123456, "No token for credential 'ci'"),
    ],
)
def test_every_refusal_of_entra_names_the_credential_and_a_remedy(world: World, number: int, words: str) -> None:
    world.azure.faults.on.append(Fault("identity.token", aadsts=number))
    told = refused(world, FROM_SETTING, CI_SECRET=SECRET)
    assert words in told
    assert "credential 'ci'" in told
    assert f"AADSTS{number}" in told


@pytest.mark.parametrize(
    ("authority", "vault", "scope", "audience"),
    [
        (
            "login.microsoftonline.com",
            "vault.azure.net",
            "https://management.azure.com",
            "api://AzureADTokenExchange",
        ),
        (
            "login.microsoftonline.us",
            "vault.usgovcloudapi.net",
            "https://management.usgovcloudapi.net",
            "api://AzureADTokenExchangeUSGov",
        ),
        (
            "login.partner.microsoftonline.cn",
            "vault.azure.cn",
            "https://management.chinacloudapi.cn",
            "api://AzureADTokenExchangeChina",
        ),
    ],
)
def test_in_every_cloud_its_own_hosts_are_asked(
    world: World, authority: str, vault: str, scope: str, audience: str
) -> None:
    world.application.vouched_audience = audience
    address = f"https://kv-x.{vault}/secrets/ci"
    world.azure.key_vault.put(f"kv-x.{vault}", "ci", SECRET)
    world.azure.key_vault.put(f"kv-x.{vault}", "analyst", world.entra.sign_in(Application(
        tenant=TENANT, client_id=CLIENT))[1])  # fmt: skip
    world.entra.sign_ins[0].application = world.application
    world.application.client_secret = None
    host = world.host(AZURE_AUTHORITY_HOST=f"https://{authority}")
    analyst = Credential(
        type="refresh_token",
        tenant=TENANT,
        client_id=CLIENT,
        refresh_token_url=f"https://kv-x.{vault}/secrets/analyst",
    )
    assert host.of(analyst).bearer(f"{scope}/.default").startswith(f"Bearer {scope}|")
    assert host.of(VOUCHED).bearer(f"{scope}/.default")
    world.application.client_secret = SECRET
    by_secret = Credential(type="client_secret", tenant=TENANT, client_id=CLIENT, client_secret_url=address)
    assert host.of(by_secret).bearer(f"{scope}/.default")
    assert set(world.hosts) == {authority, f"kv-x.{vault}"}
    assert set(world.asked_for) == {f"https://{vault}/.default", f"{audience}/.default"}


def test_no_secret_is_in_any_log_or_error(world: World, caplog: pytest.LogCaptureFixture) -> None:
    made = client_certificate(world.now + timedelta(days=200))
    world.application.certificate_pem = made.public
    world.azure.key_vault.put(VAULT, "ci", SECRET)
    settings = {"CI_SECRET": "hunter2-wrong", "CERT": made.pem, "LOCKED": made.locked, "PASSWORD": PASSWORD}
    host = world.host(**settings)
    told: list[str] = []
    with caplog.at_level("DEBUG"):
        for credential in (
            CI,
            FROM_SETTING,
            certificate(certificate_setting="CERT"),
            certificate(certificate_setting="LOCKED", certificate_password_setting="PASSWORD"),
            certificate(certificate_setting="PASSWORD"),
            VOUCHED,
        ):
            try:
                told.append(repr(host.of(credential).get_token(SCOPE).expires_on))
            except BatonError as error:
                told.append(f"{error} {error.__cause__!r}")
    shown = "\n".join([*told, *(record.getMessage() for record in caplog.records), *map(repr, told)])
    key_line = made.pem.splitlines()[1]
    for secret in (SECRET, "hunter2-wrong", PASSWORD, key_line, made.locked[:60], "https://vault.azure.net|"):
        assert secret not in shown, secret[:12]
