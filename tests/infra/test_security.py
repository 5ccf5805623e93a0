"""No keys, no old TLS, no plain HTTP, nothing public: what the Bicep compiler does not ask for."""

from __future__ import annotations

import re

import pytest

from tests.infra.templates import TEMPLATES, module, setting_of, text_of

MUST_BE = [
    ("storage", "allowSharedKeyAccess", "false"),
    ("storage", "allowBlobPublicAccess", "false"),
    ("storage", "allowCrossTenantReplication", "false"),
    ("storage", "defaultToOAuthAuthentication", "true"),
    ("storage", "minimumTlsVersion", "'TLS1_2'"),
    ("storage", "supportsHttpsTrafficOnly", "true"),
    ("function-app", "httpsOnly", "true"),
    ("function-app", "minTlsVersion", "'1.2'"),
    ("function-app", "scmMinTlsVersion", "'1.2'"),
    ("function-app", "keyVaultReferenceIdentity", "identityId"),
    ("function-app", "type", "'blobContainer'"),
    ("function-app", "requireAuthentication", "false"),  # Baton itself asks for the role: test_who_may_do_what
    ("function-app", "unauthenticatedClientAction", "'AllowAnonymous'"),
    ("function-app", "CALLERS", "empty(entraClientId) ? 'keys' : 'entra'"),
    ("monitoring", "DisableLocalAuth", "true"),
    ("events-topic", "disableLocalAuth", "true"),
    ("events-topic", "minimumTlsVersionAllowed", "'1.2'"),
    ("key-vault", "enableRbacAuthorization", "true"),
    ("key-vault", "enablePurgeProtection", "true"),
]


@pytest.mark.parametrize(("name", "setting", "value"), MUST_BE, ids=str)
def test_what_is_safe_is_set(name: str, setting: str, value: str) -> None:
    assert value in setting_of(module(name), setting)


@pytest.mark.parametrize(("name", "setting", "value"), MUST_BE, ids=str)
def test_and_nothing_sets_it_otherwise(name: str, setting: str, value: str) -> None:
    if setting != "type":
        assert set(setting_of(module(name), setting)) == {value}


def test_the_deployment_container_is_opened_by_the_identity() -> None:
    assert "'UserAssignedIdentity'" in setting_of(module("function-app"), "type")


def test_nobody_deploys_with_a_password() -> None:
    text = module("function-app")
    assert len(re.findall(r"'basicPublishingCredentialsPolicies'", text)) == 2
    assert text.count("{ allow: false }") == 2


def test_no_path_is_left_out_of_the_check_of_tokens() -> None:
    assert setting_of(module("function-app"), "excludedPaths") == []


def test_baton_asks_for_roles_exactly_where_the_platform_checks_who_calls() -> None:
    text = module("function-app")
    assert "'Microsoft.Web/sites/config@2024-04-01' = if (!empty(entraClientId))" in text
    assert "platform: { enabled: true }" in text


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_the_dashboards_key_is_a_secure_parameter(path: object) -> None:
    text = text_of(path)  # type: ignore[arg-type]
    assert len(re.findall(r"@secure\(\)\nparam dashboardKey", text)) == len(
        re.findall(r"param dashboardKey", text)
    )


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_fetches_or_holds_a_key(path: object) -> None:
    text = text_of(path)  # type: ignore[arg-type]
    assert not re.search(
        r"\blist(Keys|AccountSas|ServiceSas|Secrets)?\(|AccountKey=|SharedAccess|\.primaryKey", text
    )


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_parameter_and_output_says_what_it_is(path: object) -> None:
    text = text_of(path)  # type: ignore[arg-type]
    for match in re.finditer(r"^(param|output) (\w+)", text, re.MULTILINE):
        before = text[: match.start()].rstrip().split("\n\n")[-1]
        assert "@description(" in before, match[2]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_the_public_cloud_is_written_nowhere(path: object) -> None:
    assert not re.search(r"core\.windows\.net|microsoftonline\.com|vault\.azure\.net", text_of(path))  # type: ignore[arg-type]
