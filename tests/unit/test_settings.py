"""App settings: defaults of the public cloud, all mistakes at once, secrets that do not show."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from shared.settings import SETTINGS, Secret, Settings, SettingsError

ROOT = Path(__file__).resolve().parent.parent.parent
STORAGE = {"AzureWebJobsStorage": "UseDevelopmentStorage=true"}


def test_without_settings_the_public_cloud_is_meant() -> None:
    settings = Settings.from_mapping(STORAGE)
    assert settings.resource_manager_endpoint == "https://management.azure.com"
    assert settings.resource_manager_scope == "https://management.azure.com/.default"
    assert settings.power_bi_endpoint == "https://api.powerbi.com"
    assert settings.power_bi_scope == "https://analysis.windows.net/powerbi/api/.default"
    assert settings.authority_host == "https://login.microsoftonline.com"
    assert not settings.has_managed_identity


def test_another_cloud_has_its_own_endpoints_and_scopes() -> None:
    settings = Settings.from_mapping(
        {**STORAGE, "RESOURCE_MANAGER_ENDPOINT": "https://management.usgovcloudapi.net/"}
    )
    assert settings.resource_manager_scope == "https://management.usgovcloudapi.net/.default"


def test_a_synapse_endpoint_says_where_the_workspaces_name_goes() -> None:
    assert Settings.from_mapping(STORAGE).synapse_endpoint == "https://{workspace}.dev.azuresynapse.net"
    china = {**STORAGE, "SYNAPSE_ENDPOINT": "https://{workspace}.dev.azuresynapse.azure.cn/"}
    assert Settings.from_mapping(china).synapse_endpoint == "https://{workspace}.dev.azuresynapse.azure.cn"
    for wrong in ("https://syn.dev.azuresynapse.net", "http://{workspace}.dev.azuresynapse.net"):
        with pytest.raises(SettingsError, match="SYNAPSE_ENDPOINT: must"):
            Settings.from_mapping({**STORAGE, "SYNAPSE_ENDPOINT": wrong})


def test_storage_may_be_a_file_an_account_or_endpoints() -> None:
    assert Settings.from_mapping({"AzureWebJobsStorage": "sqlite:a/b.db"}).sqlite_path == "a/b.db"
    account = Settings.from_mapping({"AzureWebJobsStorage__accountName": "stbaton"})
    assert account.storage_table_uri == "https://stbaton.table.core.windows.net"
    uris = {
        "AzureWebJobsStorage__tableServiceUri": "https://t.example/",
        "AzureWebJobsStorage__queueServiceUri": "https://q.example",
    }
    endpoints = Settings.from_mapping(uris)
    assert (endpoints.storage_table_uri, endpoints.storage_queue_uri) == ("https://t.example", "https://q.example")


def test_all_mistakes_are_told_at_once() -> None:
    wrong = {
        "RESOURCE_MANAGER_ENDPOINT": "http://management.azure.com",
        "POWER_BI_ENDPOINT": "api.powerbi.com",
        "START_GRACE_SECONDS": "soon",
    }
    with pytest.raises(SettingsError) as refused:
        Settings.from_mapping(wrong)
    assert [mistake.split(":")[0] for mistake in refused.value.mistakes] == [
        "RESOURCE_MANAGER_ENDPOINT",
        "AzureWebJobsStorage",
        "POWER_BI_ENDPOINT",
        "START_GRACE_SECONDS",
    ]


def test_http_is_for_loopback_only_and_only_where_it_is_allowed() -> None:
    loopback = {**STORAGE, "POWER_BI_ENDPOINT": "http://127.0.0.1:5000"}
    with pytest.raises(SettingsError, match="https://"):
        Settings.from_mapping(loopback)
    assert Settings.from_mapping({**loopback, "ALLOW_LOOPBACK_HTTP": "true"}).power_bi_endpoint.startswith("http:")
    with pytest.raises(SettingsError):
        Settings.from_mapping(
            {**STORAGE, "POWER_BI_ENDPOINT": "http://example.test", "ALLOW_LOOPBACK_HTTP": "true"}
        )


def test_secrets_do_not_show_themselves() -> None:
    settings = Settings.from_mapping({"AzureWebJobsStorage": "AccountKey=hunter2", "CI_SECRET": "hunter3"})
    assert "hunter" not in repr(settings)
    secret = settings.secret("CI_SECRET")
    assert isinstance(secret, Secret)
    assert (str(secret), secret.reveal()) == ("***", "hunter3")
    assert settings.secret("NONE") is None


def test_every_setting_is_in_the_sample_or_is_azures_own_and_in_the_readme() -> None:
    sample = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
    documented = (ROOT / "README.md").read_text()
    for setting in SETTINGS:
        assert f"`{setting.name}`" in documented, setting.name
    own = {"IDENTITY_ENDPOINT", "WEBSITE_HOSTNAME", "WEBSITE_AUTH_ENABLED"} | {
        s.name for s in SETTINGS if s.name.startswith("AzureWebJobsStorage__")
    }
    assert {setting.name for setting in SETTINGS} - own <= sample.keys()


def test_every_setting_that_the_code_reads_is_in_the_table() -> None:
    text = (ROOT / "shared" / "settings.py").read_text()
    read = set(re.findall(r'self\._(?:text|endpoint|seconds)\("([A-Za-z_]+)"\)', text))
    assert read <= {setting.name for setting in SETTINGS}


def test_reading_settings_costs_nothing_but_the_standard_library() -> None:
    code = (
        "import sys; before = set(sys.modules); import shared.settings;"
        "new = {name.split('.')[0] for name in set(sys.modules) - before};"
        "print(sorted(new - set(sys.stdlib_module_names) - {'shared'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
