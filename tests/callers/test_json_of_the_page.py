"""The JSON of docs/callers.md: pipelines against Data Factory's own model, and all calls against the API."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml
from azure.mgmt.datafactory import models

from tests.callers.page import blocks
from tests.documents import SPECS, _schema_problems
from tests.end_to_end.host_process import ROOT

KINDS: Mapping[str, tuple[type, type | None]] = {
    "WebActivity": (models.WebActivity, models.WebActivityTypeProperties),
    "WebHook": (models.WebHookActivity, models.WebHookActivityTypeProperties),
    "ExecutePipeline": (models.ExecutePipelineActivity, models.ExecutePipelineActivityTypeProperties),
    "IfCondition": (models.IfConditionActivity, models.IfConditionActivityTypeProperties),
    "Wait": (models.WaitActivity, models.WaitActivityTypeProperties),
}
ADF = sorted(name for name in blocks() if name.startswith("adf "))
FLOWS = sorted(name for name in blocks() if name.startswith("power automate "))


def parsed(name: str) -> Any:
    return json.loads(blocks()[name])


def fields_of(model: Any) -> set[str]:
    """The names that the service's own model has for the wire."""
    made: dict[str, Any] = model._attr_to_rest_field
    return {field._rest_name for field in made.values()}


def activities(block: Any) -> Iterator[dict[str, Any]]:
    """All of a pipeline's, or the one that the block is."""
    found = block["properties"]["activities"] if "properties" in block else [block]
    for activity in found:
        yield activity
        yield from activity["typeProperties"].get("ifTrueActivities", [])


@pytest.fixture(autouse=True)
def _models_are_ready() -> None:
    """Their fields are known once one of each has been made."""
    for whole, inner in KINDS.values():
        whole({})
        if inner:
            inner({})
    for other in (models.WebActivityAuthentication, models.ActivityPolicy, models.ActivityDependency):
        other({})


@pytest.mark.parametrize("name", ADF)
def test_activities_have_only_what_the_service_knows(name: str) -> None:
    for activity in activities(parsed(name)):
        whole, inner = KINDS[activity["type"]]
        assert activity.keys() <= fields_of(whole), activity["name"]
        assert activity["typeProperties"].keys() <= fields_of(inner), activity["name"]
        assert activity.get("policy", {}).keys() <= fields_of(models.ActivityPolicy)
        authentication = activity["typeProperties"].get("authentication", {})
        assert authentication.keys() <= fields_of(models.WebActivityAuthentication)
        for each in activity.get("dependsOn", []):
            assert each.keys() == fields_of(models.ActivityDependency)


@pytest.mark.parametrize("name", ADF)
def test_activities_depend_on_each_other_by_their_names(name: str) -> None:
    told = list(activities(parsed(name)))
    names = {activity["name"] for activity in told}
    for activity in told:
        assert {each["activity"] for each in activity.get("dependsOn", [])} <= names
        quoted = set(re.findall(r"activity\('([^']+)'\)", json.dumps(activity)))
        assert quoted <= names


@pytest.mark.skipif(not SPECS.is_dir(), reason="the services' documents are not at hand")
@pytest.mark.parametrize("name", [name for name in ADF if "properties" in parsed(name)])
def test_pipelines_fit_the_services_document(name: str) -> None:
    schema = {"$ref": "#/definitions/PipelineResource"}
    assert list(_schema_problems(SPECS, "data-factory.json", schema, blocks()[name].encode())) == []


def test_secrets_stay_out_of_the_monitoring() -> None:
    for name in ADF:
        for activity in activities(parsed(name)):
            told = json.dumps(activity["typeProperties"])
            if "x-functions-key" in told or (activity["type"] == "WebActivity" and "baton_callback" in told):
                assert activity["policy"]["secureInput"] is True
            if "vault.azure.net/secrets" in told:
                assert activity["policy"]["secureOutput"] is True


def test_a_failed_load_stays_a_failed_pipeline() -> None:
    """Both paths are there, and neither runs after completion: else the failure would count as a success."""
    told = list(activities(parsed("adf LoadSales")))
    conditions = [each["dependencyConditions"] for activity in told for each in activity.get("dependsOn", [])]
    assert sorted(conditions) == [["Failed"], ["Succeeded"]]
    assert all(a["typeProperties"]["waitOnCompletion"] is False for a in told if a["type"] == "ExecutePipeline")


def test_the_pipeline_and_the_chain_name_the_callback_alike() -> None:
    declared = parsed("adf LoadSales")["properties"]["parameters"]
    step = yaml.safe_load(blocks()["chains.yaml with a callback"])["load"]
    assert step["parameters"].keys() == declared.keys()
    assert step["parameters"]["baton_callback"] == "{{ callback_url }}"


@pytest.mark.parametrize("name", ADF + FLOWS)
def test_every_call_of_baton_is_one_that_there_is(name: str) -> None:
    routes = re.findall(r'route="([^"]+)", methods=\["(\w+)"\]', (ROOT / "function_app.py").read_text())
    known = {(method, re.sub(r"\{\w+\}", "*", route)) for route, method in routes}
    for call in calls(parsed(name)):
        path = re.sub(r"@\{.+\}|sales-daily", "*", call["address"].split("/api/")[1])
        assert (call["method"], path) in known


def calls(block: Any) -> Iterator[dict[str, str]]:
    """Method and address of each call of Baton, wherever it stands."""
    if isinstance(block, dict):
        address = block.get("url") or block.get("uri")
        if isinstance(address, str) and "NAME.azurewebsites.net" in address:
            yield {"method": block["method"], "address": address}
        for each in block.values():
            yield from calls(each)
    elif isinstance(block, list):
        for each in block:
            yield from calls(each)


def test_each_start_has_its_cause_as_key_and_does_not_follow_the_location() -> None:
    for name in ADF:
        for activity in activities(parsed(name)):
            if "/runs" in str(activity["typeProperties"].get("url")):
                assert "Idempotency-Key" in activity["typeProperties"]["headers"]
                assert activity["typeProperties"]["turnOffAsync"] is True
    start = parsed("power automate with a key")["Start_the_chain"]
    assert "Idempotency-Key" in start["inputs"]["headers"]
    assert start["operationOptions"] == "DisableAsyncPattern"


def test_the_flows_actions_run_one_after_the_other() -> None:
    flow = parsed("power automate with a key")
    order = list(flow)
    for name, action in flow.items():
        assert action["type"] in {"Http", "Until", "If"}
        assert set(action["runAfter"]) <= set(order[: order.index(name)])
    inner = flow["Until_it_has_ended"]["actions"]
    assert inner["Read_the_run"]["runAfter"] == {"Pause": ["Succeeded"]}
    named = set(re.findall(r"body\('(\w+)'\)", json.dumps(flow)))
    assert named <= flow.keys() | inner.keys()
