"""Least privilege: the roles that are given are those that the code needs, at the narrowest place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.infra.templates import ROOT, TEMPLATES, block, guids, module, text_of

FACTORIES = "Microsoft.DataFactory/factories"
# What each operation of the Data Factory client needs (Azure's list of resource provider operations; that a
# query needs the pair of action and read is what others have met).
ACTIONS = {
    ("pipelines", "create_run"): {"pipelines/createrun/action"},
    ("pipelines", "get"): {"pipelines/read"},
    ("pipelines", "list_by_factory"): {"pipelines/read"},
    ("pipeline_runs", "get"): {"pipelineruns/read"},
    ("pipeline_runs", "cancel"): {"pipelineruns/cancel/action"},
    ("pipeline_runs", "query_by_factory"): {"querypipelineruns/action", "querypipelineruns/read"},
    ("activity_runs", "query_by_pipeline_run"): {
        "pipelineruns/queryactivityruns/action",
        "pipelineruns/queryactivityruns/read",
    },
    ("factories", "get"): {"read"},
}
STORAGE_ROLES = {
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",  # Storage Blob Data Owner: the host's minimum
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88",  # Storage Queue Data Contributor
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",  # Storage Table Data Contributor
}
ROLES = {
    "storage": STORAGE_ROLES,
    "monitoring": {"3913510d-42f4-4e42-8a64-420c390055eb"},  # Monitoring Metrics Publisher
    "events-topic": {"d5a91429-5739-47e2-a06b-3470a27159e7"},  # EventGrid Data Sender
    "key-vault": {"4633458b-17de-408a-b874-0445c86b69e6"},  # Key Vault Secrets User
}


def operations_called() -> set[tuple[str, str]]:
    """Group and operation of every call that a service makes with the Data Factory client."""
    called: set[tuple[str, str]] = set()
    for path in sorted((ROOT / "shared" / "services").glob("*.py")):
        text = path.read_text()
        if "DataFactoryManagementClient" in text:
            called |= set(re.findall(r"\b_?client\.(\w+)\.(\w+)\(", text))
    return called


def actions_given() -> set[str]:
    listed = re.findall(r"'([^']+)'", block(module("factory-access"), "var actions = ["))
    assert len(listed) == len(set(listed))
    return set(listed)


def test_every_operation_that_the_code_calls_has_its_actions_known() -> None:
    called = operations_called()
    assert ("pipelines", "create_run") in called
    assert called <= ACTIONS.keys(), "add the operation to ACTIONS, and its actions to factory-access.bicep"


def test_the_role_at_factories_has_exactly_the_actions_that_the_code_calls() -> None:
    needed = {f"{FACTORIES}/{action}" for call in operations_called() for action in ACTIONS[call]}
    assert actions_given() == needed


def test_the_docs_for_those_who_assign_by_hand_have_the_same_actions() -> None:
    page = (ROOT / "docs" / "deploy.md").read_text()
    assert set(re.findall(rf'"({FACTORIES}/[^"]+)"', page)) - {FACTORIES} == actions_given()


def test_the_role_is_assigned_at_each_factory_and_allows_nothing_else() -> None:
    text = module("factory-access")
    assert re.findall(r"^\s*scope: (.+)$", text, re.MULTILINE) == ["factory[i]"]
    assert re.findall(r"(notActions|dataActions|notDataActions): (.+)", text) == [
        ("notActions", "[]"),
        ("dataActions", "[]"),
        ("notDataActions", "[]"),
    ]
    assert "*" not in "".join(actions_given())


@pytest.mark.parametrize("name", ROLES)
def test_each_module_gives_its_own_roles_and_no_other(name: str) -> None:
    assert guids(module(name)) == ROLES[name]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_assignment_is_at_one_resource_for_a_service_principal(path: Path) -> None:
    text = text_of(path)
    for found in re.finditer(
        r"resource \w+ 'Microsoft\.Authorization/roleAssignments@[^']+' = (?:\[\n[^\n]*)?\{", text
    ):
        body = block(text, found[0])
        assert re.search(r"^\s*scope: \w", body, re.MULTILINE)
        assert "principalType: 'ServicePrincipal'" in body
    if path.stem not in ROLES:
        assert not guids(text)
