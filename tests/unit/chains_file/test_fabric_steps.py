"""Steps at a Fabric connection: what they must say, and how their mistakes are told."""

from __future__ import annotations

import jsonschema
import pytest
import yaml

from shared.chains_file import ChainsFileError, parse
from shared.chains_file.schema import schema
from shared.core.definition import Connection

GUID = "0d9c1d0e-0000-0000-0000-000000000001"
GOOD = f"""
connections:
  lake: {{type: fabric, workspace: {GUID}}}
  pbi: {{type: power_bi, workspace: {GUID}}}
chains:
  sales:
    steps:
      features:
        connection: lake
        item: Build features
        job_type: RunNotebook
        execution_data: {{configuration: {{useStarterPool: true}}}}
        parameters: {{day: "{{{{ trigger.time.strftime('%Y%m%d') }}}}"}}
      clean:
        after: [features]
        connection: lake
        item: {GUID}
        job_type: SomethingNew
      refresh:
        after: [clean]
        connection: pbi
        dataset: {GUID}
"""
STEP = "chains.sales.steps.features"


def mistakes(text: str) -> list[str]:
    with pytest.raises(ChainsFileError) as refused:
        parse(text, {})
    return [f"{mistake.path}: {mistake.message}" for mistake in refused.value.mistakes]


def test_a_step_names_its_item_by_id_or_by_name_and_its_job_type_in_any_word() -> None:
    features, clean, _ = parse(GOOD, {}).chains["sales"].steps
    assert features.connection == Connection(name="lake", type="fabric", workspace=GUID)
    assert (features.item, features.job_type) == ("Build features", "RunNotebook")
    assert features.execution_data == {"configuration": {"useStarterPool": True}}
    assert (clean.item, clean.job_type, clean.parameters) == (GUID, "SomethingNew", {})
    jsonschema.validate(yaml.safe_load(GOOD), schema())


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        ("item: Build features", "", f"{STEP}.item: is required at a fabric connection"),
        ("item: Build features", "item: ''", f"{STEP}.item: "),
        ("job_type: RunNotebook", "", f"{STEP}.job_type: is required at a fabric connection; usual ones are"),
        ("job_type: RunNotebook", "job_type: runnotebook", f"{STEP}.job_type: Fabric reads it with its case; did"),
        ("job_type: RunNotebook", "job_type: SparkJob", f"{STEP}.job_type: Fabric reads it with its case; did"),
        ("job_type: RunNotebook", "job_typ: RunNotebook", f"{STEP}.job_typ: unknown field; did you mean 'job_t"),
        ("useStarterPool: true", "x: '{{ y }}'", f"{STEP}.execution_data.configuration.x: is sent as it is"),
        ("useStarterPool: true", "x: ['{% y %}']", f"{STEP}.execution_data.configuration.x[0]: is sent as it is"),
        (
            "{configuration: {useStarterPool: true}}",
            "{parameters: {}}",
            f"{STEP}.execution_data.parameters: stands",
        ),
        ("useStarterPool: true", "x: .inf", f"{STEP}.execution_data: holds a number that JSON has no word for"),
        (
            "item: Build features",
            "item: x\n        correlation: b",
            f"{STEP}.correlation: a step at a fabric conn",
        ),
        (
            "item: Build features",
            "item: x\n        pipeline: P",
            f"{STEP}.pipeline: a step at a fabric connection",
        ),
        (
            f"dataset: {GUID}",
            f"dataset: {GUID}\n        item: x",
            "chains.sales.steps.refresh.item: a step at a p",
        ),
        (f"fabric, workspace: {GUID}", "fabric, workspace: Sales", "connections.lake.workspace: must be a GUID"),
        (f"fabric, workspace: {GUID}", f"fabric, workspce: {GUID}", "connections.lake.workspce: unknown field"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_the_remedy(old: str, new: str, mistake: str) -> None:
    assert old in GOOD
    found = mistakes(GOOD.replace(old, new, 1))
    assert any(text.startswith(mistake) for text in found), found
