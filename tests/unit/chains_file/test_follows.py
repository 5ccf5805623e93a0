"""`follows` in chains.yaml: what it declares, and what is wrong with it."""

from __future__ import annotations

import jsonschema
import pytest
import yaml

from shared.chains_file import ChainsFileError, parse
from shared.chains_file.schema import schema
from shared.core.definition import Follow

GUID = "5f0f6c64-0000-0000-0000-000000000002"
GOOD = f"""
connections:
  adf: {{type: data_factory, subscription: {GUID}, resource_group: rg, factory: adf-1}}
  same: {{type: data_factory, subscription: {GUID}, resource_group: RG, factory: ADF-1}}
  lake: {{type: fabric, workspace: {GUID}}}
  pbi: {{type: power_bi, workspace: {GUID}}}
chains:
  first:
    steps:
      load: {{connection: same, pipeline: Load}}
  reports:
    follows:
      - {{connection: adf, pipeline: Nightly, on: completed, own: true, catch_up: 2h,
         parameters: {{region: "{{{{ job.parameters.region }}}}"}}}}
      - {{connection: lake, item: Build, job_type: RunNotebook, parameters: {{region: "{{{{ job.id }}}}"}}}}
    parameters: {{region: , day: {{default: null}}}}
    steps:
      load: {{connection: adf, pipeline: P, parameters: {{x: "{{{{ trigger.job.id }}}}"}}}}
"""


def mistakes(text: str) -> list[str]:
    with pytest.raises(ChainsFileError) as refused:
        parse(text, {})
    return [f"{mistake.path}: {mistake.message}" for mistake in refused.value.mistakes]


def test_follows_are_read() -> None:
    file = parse(GOOD, {})
    assert file.chains["first"].follows == ()
    nightly, build = file.chains["reports"].follows
    assert nightly == Follow(
        connection=file.connections["adf"],
        pipeline="Nightly",
        on="completed",
        own=True,
        catch_up_seconds=7_200,
        parameters={"region": "{{ job.parameters.region }}"},
    )
    assert (build.item, build.job_type, build.on, build.own, build.catch_up_seconds) == (
        "Build", "RunNotebook", "succeeded", False, 3_600,
    )  # fmt: skip


def test_the_key_on_is_a_text_here_whatever_yaml_thinks_of_it() -> None:
    text = GOOD.replace("on: completed", "on: failed")
    assert parse(text, {}).chains["reports"].follows[0].on == "failed"
    sample = yaml.load(text.replace("on: failed", '"on": failed'), yaml.BaseLoader)
    jsonschema.validate(sample["chains"]["reports"]["follows"][1], schema()["$defs"]["FollowShape"])


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        ("connection: adf, pipeline: N", "connection: afd, pipeline: N", "follows[0].connection: no connection 'afd'; did"),
        ("connection: adf, pipeline: N", "connection: pbi, pipeline: N", "follows[0].connection: refreshes of semantic"),
        ("connection: adf, pipeline: N", "connection: lake, pipeline: N", "follows[0].pipeline: a follow at a fabric"),
        ("connection: adf, pipeline: N", "connection: lake, pipeline: N", "follows[0].item: is required at a fabric"),
        ("pipeline: Nightly, ", "", "follows[0].pipeline: is required at a data_factory connection"),
        ("pipeline: Nightly, ", "pipelin: Nightly, ", "follows[0].pipelin: unknown field; did you mean 'pipeline'?"),
        ("on: completed", "on: succeded", "follows[0].on: must be 'succeeded', 'failed' or 'completed'"),
        ("catch_up: 2h", "catch_up: 10s", "follows[0].catch_up: must be at least 5m and at most 7d"),
        ("catch_up: 2h", "catch_up: 2", "follows[0].catch_up: must be a text"),
        ("job_type: RunNotebook", "job_type: runnotebook", "follows[1].job_type: Fabric reads it with its case; did"),
        (", job_type: RunNotebook", "", "follows[1].job_type: is required at a fabric connection"),
        ("{region: \"{{ job.id", "{regoin: \"{{ job.id", "follows[1].parameters.regoin: the chain has no parameter"),
        ("{region: \"{{ job.id", "{day: \"{{ job.id", "follows[1].parameters: must give 'region', which the chain req"),
        ("{{ job.id }}", "{{ job.ident }}", "follows[1].parameters.region: job has no 'ident'; it has connection"),
        ("{{ job.id }}", "{{ run.id }}", "follows[1].parameters.region: unknown name 'run'; there is job"),
        ("{{ trigger.job.id }}", "{{ job.id }}", "steps.load.parameters.x: unknown name 'job'; there are parameters"),
        ("connection: lake, item: Build, job_type: RunNotebook", "connection: same, pipeline: nightly", "follows[1]: the same"),
        ("pipeline: Nightly", "pipeline: p", "follows: with own: true, reports starts reports, without end"),
    ],
)  # fmt: skip
def test_mistakes_are_named_with_their_place(old: str, new: str, mistake: str) -> None:
    assert old in GOOD
    found = mistakes(GOOD.replace(old, new))
    assert any(told.startswith(f"chains.reports.{mistake}") for told in found), found


def test_a_circle_over_another_chain_is_refused() -> None:
    text = GOOD.replace("pipeline: Nightly", "pipeline: Load").replace(
        "  first:", "  first:\n    follows: [{connection: same, pipeline: P, own: true}]"
    )
    assert mistakes(text) == [
        "chains.first.follows: with own: true, first starts reports starts first, without end"
    ]
    assert parse(text.replace("pipeline: P, own: true", "pipeline: P"), {}).chains["first"].follows
