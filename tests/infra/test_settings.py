"""App settings in Bicep, host.json and the sample of local settings: true to the code and to the platform."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from shared.app import QUEUE, TABLE
from shared.settings import SETTINGS, Settings
from tests.infra.templates import INFRA, ROOT, block, keys, module

# Not Baton's: the host, the worker or a library reads them.
PLATFORM = {
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
    "PYTHON_THREADPOOL_THREAD_COUNT",
    "PYDANTIC_DISABLE_PLUGINS",
}
# Refused or without meaning on Flex Consumption.
FORBIDDEN_SETTINGS = re.compile(
    r"FUNCTIONS_WORKER_RUNTIME|FUNCTIONS_EXTENSION_VERSION|SCM_DO_BUILD_DURING_DEPLOYMENT|ENABLE_ORYX_BUILD"
    r"|WEBSITE_RUN_FROM_PACKAGE|WEBSITE_CONTENT\w*|FUNCTIONS_WORKER_PROCESS_COUNT|FUNCTIONS_MAX_HTTP_CONCURRENCY"
    r"|WEBSITE_TIME_ZONE|\bTZ\b|AZURE_CLIENT_ID|AzureWebJobsDashboard|APPINSIGHTS_INSTRUMENTATIONKEY"
)
FORBIDDEN_PROPERTIES = {
    "alwaysOn",
    "linuxFxVersion",
    "ftpsState",
    "functionAppScaleLimit",
    "preWarmedInstanceCount",
}


def app_settings() -> set[str]:
    return keys(block(module("function-app"), "var ownSettings = {"))


def test_every_app_setting_in_bicep_is_read_by_somebody() -> None:
    assert app_settings() <= PLATFORM | {setting.name for setting in SETTINGS}


def test_the_platforms_storage_setting_is_the_identitys_and_no_connection_string() -> None:
    settings = app_settings()
    assert "AzureWebJobsStorage" not in settings
    assert {f"AzureWebJobsStorage__{name}" for name in ("accountName", "credential", "clientId")} <= settings


def test_no_setting_is_one_that_flex_consumption_forbids() -> None:
    text = module("function-app")
    assert not FORBIDDEN_SETTINGS.search(text)
    assert not keys(text) & FORBIDDEN_PROPERTIES


def test_what_bicep_sets_cannot_be_overridden_by_settings_of_ones_own() -> None:
    assert "union(appSettings, ownSettings)" in module("function-app")


def test_baton_starts_with_what_bicep_sets() -> None:
    given = dict.fromkeys(app_settings() - PLATFORM, "x") | {"IDENTITY_ENDPOINT": "http://127.0.0.1/msi"}
    topic = "https://evgt.westeurope-1.eventgrid.azure.net/api/events"
    settings = Settings.from_mapping(
        {**given, "CHAINS_FILE": "chains.yaml", "EVENT_GRID_TOPIC_ENDPOINT": topic, "CALLERS": "entra"}
    )
    assert settings.storage_table_uri == "https://x.table.core.windows.net"
    assert settings.managed_identity_client_id == settings.storage_client_id == "x"


def test_the_queues_and_the_table_are_those_of_the_code() -> None:
    text = module("storage")
    assert f"var queues = ['{QUEUE}', '{QUEUE}-poison']" in text
    assert f"name: '{TABLE}'" in text


def test_python_is_one_that_is_tested() -> None:
    assert "version: '3.13'" in module("function-app")
    assert '"3.13"' in (ROOT / ".github" / "workflows" / "ci.yml").read_text()


def host_json() -> Any:
    return json.loads((ROOT / "host.json").read_text())


def test_host_json_keeps_within_the_hosts_bounds() -> None:
    host = host_json()
    queues = host["extensions"]["queues"]
    assert host["version"] == "2.0"
    assert host["extensionBundle"] == {
        "id": "Microsoft.Azure.Functions.ExtensionBundle",
        "version": "[4.*, 5.0.0)",
    }
    assert re.fullmatch(r"(\d+\.)?([01]\d|2[0-3]):[0-5]\d:[0-5]\d", host["functionTimeout"])
    assert 1 <= queues["batchSize"] <= 32
    assert queues["messageEncoding"] == "base64"
    assert queues["visibilityTimeout"] > "00:00:00", "a failed message would come back at once"
    assert queues["maxDequeueCount"] >= 2
    assert host["extensions"]["http"]["routePrefix"] not in ("admin", "runtime")


def test_host_json_has_no_key_that_the_host_does_not_know() -> None:
    host = host_json()
    known = {"version", "functionTimeout", "extensionBundle", "extensions", "logging", "concurrency",
             "healthMonitor", "singleton", "telemetryMode"}  # fmt: skip
    queues = {"batchSize", "newBatchThreshold", "maxDequeueCount", "visibilityTimeout", "maxPollingInterval",
              "messageEncoding"}  # fmt: skip
    assert host.keys() <= known
    assert host["extensions"].keys() <= {"http", "queues"}
    assert host["extensions"]["queues"].keys() <= queues


def test_requests_and_exceptions_are_never_sampled_away() -> None:
    """The alert on the heartbeat counts requests."""
    sampling = host_json()["logging"]["applicationInsights"]["samplingSettings"]
    assert {"Request", "Exception"} <= set(sampling["excludedTypes"].split(";"))


def test_the_sample_of_local_settings_starts_baton_and_names_nothing_unknown() -> None:
    sample = json.loads((ROOT / "local.settings.sample.json").read_text())
    assert sample["IsEncrypted"] is False
    values = sample["Values"]
    Settings.from_mapping(values)
    own = {"FUNCTIONS_WORKER_RUNTIME", "SUBSCRIPTION_ID"}  # Core Tools' own, and what the sample chains name
    assert values.keys() - own <= {setting.name for setting in SETTINGS}
    defaults = {setting.name: setting.default or "" for setting in SETTINGS}
    for name in values.keys() - own - {"AzureWebJobsStorage"}:
        assert values[name] == defaults[name], name


@pytest.mark.parametrize("name", ["AZURE_FUNCTION_APP_NAME", "BATON_URL", "BATON_IDENTITY_OBJECT_ID"])
def test_what_the_docs_ask_azd_for_is_an_output(name: str) -> None:
    assert re.search(rf"^output {name} string", (INFRA / "main.bicep").read_text(), re.MULTILINE)
    assert name in (ROOT / "docs" / "deploy.md").read_text()
