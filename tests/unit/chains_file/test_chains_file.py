"""chains.yaml: what it declares, and every mistake in it at once."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.chains_file import ChainsFileError, parse, read
from shared.chains_file.schema import schema
from shared.core.definition import Chain, Credential, Parameter, Refresh, Schedule

ROOT = Path(__file__).resolve().parent.parent.parent.parent
GUID = "5f0f6c64-0000-0000-0000-000000000002"
SETTINGS = {"SUBSCRIPTION_ID": "00000000-0000-0000-0000-00000000ba70", "CI_SECRET": "hunter2", "TENANT": "t"}
GOOD = f"""
connections:
  adf: {{type: data_factory, subscription: "%SUBSCRIPTION_ID%", resource_group: rg, factory: adf-1, credential: ci}}
  pbi: {{type: power_bi, workspace: {GUID}}}
credentials:
  ci: {{type: client_secret, tenant: "%TENANT%", client_id: {GUID}, client_secret: "%CI_SECRET%"}}
chains:
  sales:
    schedule: {{cron: "30 5 * * MON-FRI", time_zone: Europe/Berlin}}
    max_running: 2
    overlap: skip
    parameters: {{region: {{default: emea}}}}
    steps:
      load:
        connection: adf
        pipeline: Load Sales
        parameters: {{region: "{{{{ parameters.region }}}}", day: "{{{{ trigger.time.strftime('%Y%m%d') }}}}", n: [1]}}
        correlation: baton_run
        timeout: 90s
        retries: 2
        retry_delay: 1.5m
      refresh:
        after: [load]
        connection: pbi
        dataset: {GUID}
        refresh: {{type: FULL, objects: [{{table: Sales}}], timeout: 2h, apply_refresh_policy: false}}
"""


def mistakes(text: str, **more: str) -> list[str]:
    with pytest.raises(ChainsFileError) as refused:
        parse(text, {**SETTINGS, **more})
    return [f"{mistake.path}: {mistake.message}" for mistake in refused.value.mistakes]


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


def test_a_good_file_becomes_definitions() -> None:
    file = parse(GOOD, SETTINGS)
    chain: Chain = file.chains["sales"]
    load, refresh = chain.steps
    assert chain.schedule == Schedule(cron="30 5 * * MON-FRI", time_zone="Europe/Berlin")
    assert (chain.max_running, chain.overlap) == (2, "skip")
    assert chain.parameters == {"region": Parameter(required=False, default="emea")}
    assert load.connection.subscription == SETTINGS["SUBSCRIPTION_ID"]
    assert load.connection.credential == Credential(
        type="client_secret", tenant="t", client_id=GUID, client_secret_setting="CI_SECRET"
    )
    assert (load.pipeline, load.correlation) == ("Load Sales", "baton_run")
    assert (load.timeout_seconds, load.retries, load.retry_delay_seconds) == (90, 2, 90)
    assert load.parameters["day"] == "{{ trigger.time.strftime('%Y%m%d') }}"
    assert refresh.after == ("load",)
    assert refresh.refresh == Refresh(
        type="full", objects=({"table": "Sales"},), timeout="02:00:00", apply_refresh_policy=False
    )


def test_the_secret_itself_is_in_no_definition() -> None:
    assert "hunter2" not in repr(parse(GOOD, SETTINGS))


def test_the_sample_is_good_and_matches_the_schema() -> None:
    path = ROOT / "chains.yaml"
    assert "sales-daily" in read(path, SETTINGS).chains
    jsonschema.validate(yaml.safe_load(path.read_text()), schema())
    assert path.read_text().startswith("# yaml-language-server: $schema=./chains.schema.json\n")


def test_the_published_schema_is_that_of_the_types() -> None:
    assert json.loads((ROOT / "chains.schema.json").read_text()) == schema(), "run `make schema`"


def test_the_schema_refuses_what_the_types_refuse() -> None:
    sample = yaml.safe_load(GOOD.replace("FULL", "full"))
    jsonschema.validate(sample, schema())
    sample["chains"]["sales"]["steps"]["load"]["retries"] = "2"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(sample, schema())


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        ("pipeline: Load Sales", "pipelin: Load Sales", "chains.sales.steps.load.pipelin: unknown field"),
        ("pipeline: Load Sales", "pipelin: Load Sales", "chains.sales.steps.load.pipeline: is required at a data_fac"),
        ("after: [load]", "after: [lod]", "chains.sales.steps.refresh.after[0]: no step 'lod'; did you mean 'load'?"),
        ("after: [load]", "after: [refresh]", "chains.sales.steps.refresh.after[0]: a step cannot come after itself"),
        ("after: [load]", "after: [load, load]", "chains.sales.steps.refresh.after[1]: 'load' stands here twice"),
        ("after: [load]", "after: load", "chains.sales.steps.refresh.after: must be a list"),
        ("connection: pbi", "connection: pib", "chains.sales.steps.refresh.connection: no connection 'pib'; did you"),
        ("credential: ci", "credential: cii", "connections.adf.credential: no credential 'cii'; did you mean 'ci'?"),
        ("30 5 * * MON-FRI", "0 30 5 * * *", "chains.sales.schedule.cron: needs five fields"),
        ("30 5 * * MON-FRI", "61 5 * * *", "chains.sales.schedule.cron: is no cron expression"),
        ("30 5 * * MON-FRI", "0 0 30 2 *", "chains.sales.schedule.cron: "),
        ("Europe/Berlin", "Europe/Berln", "chains.sales.schedule.time_zone: no time zone 'Europe/Berln'; did you mean"),
        ("Europe/Berlin", "CEST5", "chains.sales.schedule.time_zone: no time zone 'CEST5'"),
        ("{default: emea}", "{}", "chains.sales.parameters.region: needs a default"),
        ("parameters.region }}", "parameters.regoin }}", "chains.sales.steps.load.parameters.region: the chain has no"),
        ("parameters.region }}", "steps.refresh.output }}", "chains.sales.steps.load.parameters.region: 'refresh' is no"),
        ("parameters.region }}", "foo }}", "chains.sales.steps.load.parameters.region: unknown name 'foo'"),
        ("parameters.region }}", "parameters.region", "chains.sales.steps.load.parameters.region: template: "),
        ("correlation: baton_run", "correlation: region", "chains.sales.steps.load.correlation: parameters has 'region'"),
        ("timeout: 90s", "timeout: 90", "chains.sales.steps.load.timeout: must be a text"),
        ("timeout: 90s", "timeout: 8d", "chains.sales.steps.load.timeout: must be more than 0 and at most 7d"),
        ("timeout: 90s", "timeout: 0s", "chains.sales.steps.load.timeout: must be more than 0 and at most 7d"),
        ("retries: 2", 'retries: "2"', "chains.sales.steps.load.retries: must be a whole number"),
        ("retries: 2", "retries: true", "chains.sales.steps.load.retries: must be a whole number"),
        ("retries: 2", "retries: -1", "chains.sales.steps.load.retries: must be greater than or equal to 0"),
        ("max_running: 2", "", "chains.sales.overlap: has no meaning without max_running"),
        ("overlap: skip", "overlap: drop", "chains.sales.overlap: must be 'wait', 'skip' or 'cancel_running'"),
        ("overlap: skip", "deadline: {by: 7:00}", "chains.sales.deadline.by: must be a text"),
        ("overlap: skip", "deadline: {by: '25:00'}", "chains.sales.deadline.by: must be a time of the day"),
        ("overlap: skip", "deadline: {by: '7:00', days: MO}", "chains.sales.deadline.days: must be days as in cron"),
        ("overlap: skip", "deadline: {by: '7:00', days: '* *'}", "chains.sales.deadline.days: must be days as in"),
        ("overlap: skip", "deadline: {by: '7:00', time_zone: X}", "chains.sales.deadline.time_zone: no time zone 'X'"),
        ("overlap: skip", "deadline: {by: '7:00', window: 99d}", "chains.sales.deadline.window: must be at least 1m"),
        ("type: FULL", "type: FUL", "chains.sales.steps.refresh.refresh.type: must be 'full'"),
        ("type: FULL", "commit_mode: partialBatch, max_parallelism: 0", "chains.sales.steps.refresh.refresh.max_par"),
        ("apply_refresh_policy: false", "commit_mode: PARTIALBATCH", "apply_refresh_policy: must be false with commit"),
        ("factory: adf-1", "factory: -adf", "connections.adf.factory: must be a factory's name"),
        ("%SUBSCRIPTION_ID%", "%SUBSCRIPTION%", "connections.adf.subscription: the app setting SUBSCRIPTION is not set"),
        ("%CI_SECRET%", "hunter2", "credentials.ci.client_secret: must name an app setting like %CI_SECRET%"),
        ("type: power_bi", "type: powerbi", "connections.pbi: unknown type; there are data_factory, synapse, fabric, power_bi"),
        ("type: client_secret", "type: refresh_token", "credentials.ci.secret: is required"),
        ("%CI_SECRET%", "https://kv.example.com/secrets/x", "credentials.ci.client_secret: must name an app setting"),
        ("type: client_secret", "type: client_certificate", "credentials.ci.certificate: is required"),
        ("  sales:", "  ../x:", "chains.../x: a name has letters"),
        ("dataset: " + GUID, "pipeline: P", "chains.sales.steps.refresh.pipeline: a step at a power_bi connection has"),
        ("{default: emea}", "{default: .inf}", "chains.sales.parameters.region.default: holds a number that JSON has no"),
        ("n: [1]", "n: [.nan]", "chains.sales.steps.load.parameters: holds a number that JSON has no word for"),
        ("connections:", "conections:", "conections: unknown field; did you mean 'connections'?"),
        ("max_running: 2", "max_running: 2\n    max_running: 3", "chains.sales.max_running: stands twice; the first is on"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place_and_the_remedy(old: str, new: str, mistake: str) -> None:
    found = mistakes(changed(old, new))
    assert any(mistake in text for text in found), found


def test_a_cycle_is_named() -> None:
    text = changed("retries: 2", "after: [refresh]")
    assert any("steps wait for each other: load after refresh after load" in found for found in mistakes(text))


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file_with_their_lines() -> None:
    text = (
        GOOD.replace("factory: adf-1", "factory: x")
        .replace("Europe/Berlin", "Mars/Base")
        .replace("retries: 2", "retires: 2")
        .replace("after: [load]", "after: [lod]")
        .replace("type: FULL", "type: whole")
        .replace("timeout: 90s", "timeout: soon")
    )
    with pytest.raises(ChainsFileError) as refused:
        parse(text, SETTINGS)
    found = refused.value.mistakes
    assert [mistake.path for mistake in found] == [
        "connections.adf.factory",
        "chains.sales.schedule.time_zone",
        "chains.sales.steps.load.timeout",
        "chains.sales.steps.load.retires",
        "chains.sales.steps.refresh.after[0]",
        "chains.sales.steps.refresh.refresh.type",
    ]
    assert [mistake.line for mistake in found] == sorted(mistake.line or 0 for mistake in found)
    assert str(refused.value).startswith("chains.yaml has 6 mistakes:\n")


def test_values_from_app_settings_are_in_no_message() -> None:
    for found in mistakes(GOOD, SUBSCRIPTION_ID="top-secret"):
        assert "top-secret" not in found


@pytest.mark.parametrize(
    "text", ["", "[]", "a: b: c", "x: &a [*a]", "\t", "- 1", "{", "connections: 7", "a: !!binary aGk="]
)
def test_what_is_no_chains_file_is_refused_with_a_reason(text: str) -> None:
    assert mistakes(text)


def test_a_missing_file_names_the_setting_that_says_where_it_is(tmp_path: Path) -> None:
    with pytest.raises(ChainsFileError, match="CHAINS_FILE"):
        read(tmp_path / "none.yaml", {})


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.just("{{ steps.load.output"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(value=json_values, data=st.data())
@settings(max_examples=300, deadline=None)
def test_whatever_stands_anywhere_in_a_file_gives_mistakes_never_a_crash(value: Any, data: st.DataObject) -> None:
    tree = yaml.safe_load(GOOD)
    node: Any = tree
    while isinstance(node, dict | list) and node:
        key = data.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
        if data.draw(st.booleans()) or not isinstance(node[key], dict | list):
            node[key] = value
            break
        node = node[key]
    with suppress(ChainsFileError):
        parse(yaml.safe_dump(tree), SETTINGS)


@given(st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_no_text_crashes_the_reader(text: str) -> None:
    with pytest.raises(ChainsFileError):
        parse(text, SETTINGS)


SYNAPSE = """
connections:
  syn: {type: synapse, workspace: syn-finance}
chains:
  ledger:
    steps:
      post: {connection: syn, pipeline: Post Ledger, parameters: {day: mon}, correlation: baton_run}
"""


def test_a_synapse_step_has_what_a_data_factory_step_has() -> None:
    step = parse(SYNAPSE, {}).chains["ledger"].steps[0]
    assert (step.connection.type, step.connection.workspace) == ("synapse", "syn-finance")
    assert (step.pipeline, step.parameters, step.correlation) == ("Post Ledger", {"day": "mon"}, "baton_run")


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        ("syn-finance", "syn-finance.dev.azuresynapse.net", "connections.syn.workspace: must be a workspace's name: letters, digits and hyphens (not its address)"),
        ("syn-finance", "x" * 51, "connections.syn.workspace: "),
        ("syn-finance}", f"syn-finance, subscription: {GUID}}}", "connections.syn.resource_group: is required beside the other: links need both or none"),
        ("pipeline: Post Ledger", f"dataset: {GUID}", "chains.ledger.steps.post.dataset: a step at a synapse connection has no 'dataset'; it has pipeline, parameters, correlation"),
        ("pipeline: Post Ledger, ", "", "chains.ledger.steps.post.pipeline: is required at a synapse connection"),
        ("workspace: syn", "factory: syn", "connections.syn.factory: unknown field"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_synapse_connection_or_step_is_told(old: str, new: str, mistake: str) -> None:
    assert old in SYNAPSE
    with pytest.raises(ChainsFileError) as refused:
        parse(SYNAPSE.replace(old, new), {})
    assert any(str(told).startswith(mistake) for told in refused.value.mistakes), refused.value


def test_editors_take_a_synapse_connection_too() -> None:
    jsonschema.validate(yaml.safe_load(SYNAPSE), schema())


def test_credentials_of_every_type_hold_places_and_no_secrets() -> None:
    who = f"tenant: t, client_id: {GUID}"
    vault = "https://%VAULT%.vault.azure.net/secrets"
    more = f"""
  mi: {{type: managed_identity, client_id: {GUID}}}
  kv: {{type: client_secret, {who}, client_secret: "{vault}/ci/0123456789abcdef0123456789abcdef"}}
  cert: {{type: client_certificate, {who}, certificate: "%CI_SECRET%", password: "%CI_SECRET%"}}
  fed: {{type: workload_identity, {who}, managed_identity: {GUID}}}
  file: {{type: workload_identity, {who}, token_file: "%VAULT%"}}
  me: {{type: refresh_token, {who}, secret: "{vault}/me", client_secret: "%CI_SECRET%"}}
chains:"""
    text = GOOD.replace("\nchains:", more)
    file = parse(text, {**SETTINGS, "VAULT": "kv-baton"})
    address = "https://kv-baton.vault.azure.net/secrets"
    assert file.credentials["kv"].client_secret_url == f"{address}/ci/0123456789abcdef0123456789abcdef"
    assert file.credentials["cert"].certificate_setting == "CI_SECRET"
    assert file.credentials["cert"].certificate_password_setting == "CI_SECRET"
    assert file.credentials["fed"].managed_identity == GUID
    assert file.credentials["file"].token_file == "kv-baton"
    assert file.credentials["me"].refresh_token_url == f"{address}/me"
    assert file.credentials["me"].name == "me"
    assert "hunter2" not in repr(file)
    jsonschema.validate(yaml.safe_load(text.replace("FULL", "full")), schema())


POWER_BI = f"""
connections:
  bi: {{type: power_bi, workspace: {GUID}}}
chains:
  report:
    steps:
      prepare: {{connection: bi, dataflow: {GUID}}}
      show: {{connection: bi, after: [prepare], dataset: {GUID}, refresh: {{type: full}}}}
"""


def test_a_power_bi_step_refreshes_a_dataset_or_a_dataflow() -> None:
    prepare, show = parse(POWER_BI, {}).chains["report"].steps
    assert (prepare.dataflow, prepare.dataset) == (GUID, None)
    assert (show.dataflow, show.dataset, show.refresh.type) == (None, GUID, "full")
    jsonschema.validate(yaml.safe_load(POWER_BI), schema())


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        (f"dataflow: {GUID}", f"dataflow: {GUID}, dataset: {GUID}", "prepare.dataflow: cannot stand beside dataset"),
        (f", dataflow: {GUID}", "", "prepare.dataset: is required at a power_bi connection (or dataflow)"),
        (f"dataflow: {GUID}", "dataflow: Customers", "prepare.dataflow: must be a GUID"),
        (f"dataflow: {GUID}", f"dataflow: {GUID}, refresh: {{type: full}}", "prepare.refresh: is for a dataset"),
        ("{type: full}", "{commit_mode: partialBatch}", "show.refresh.apply_refresh_policy: must be false"),
        ("{type: full}", "{effective_date: soon}", "show.refresh.effective_date: must be a date"),
        ("{type: full}", "{effective_date: '2026-11-21', apply_refresh_policy: false}", "show.refresh.effective_date: has no effect"),
        ("{type: full}", "{timeout: 25h}", "show.refresh.timeout: must be more than 0 and at most 24h"),
        ("{type: full}", "{timeout: '24:00:01'}", "show.refresh.timeout: must be more than 0 and at most 24h"),
        ("{type: full}", "{timeout: 0s}", "show.refresh.timeout: must be more than 0 and at most 24h"),
        ("{type: full}", "{notifyOption: MailOnFailure}", "show.refresh.notifyOption: is never sent"),
        ("{type: full}", "{notify_option: NoNotification}", "show.refresh.notify_option: is never sent"),
        ("{type: full}", "{type: everything}", "show.refresh.type: must be 'full'"),
        ("{type: full}", "{max_parallelism: 0}", "show.refresh.max_parallelism: "),
        ("{type: full}", "{objects: [{partition: P}]}", "show.refresh.objects[0].table: is required"),
        ("{type: full}", "{objects: []}", "show.refresh.objects: "),
    ],
)  # fmt: skip
def test_what_power_bi_would_refuse_is_a_mistake_in_the_file(old: str, new: str, mistake: str) -> None:
    assert old in POWER_BI
    with pytest.raises(ChainsFileError) as refused:
        parse(POWER_BI.replace(old, new, 1), {})
    told = [str(each) for each in refused.value.mistakes]
    assert any(each.startswith(f"chains.report.steps.{mistake}") for each in told), told


@pytest.mark.parametrize(
    "refresh",
    [
        "{commit_mode: PartialBatch, apply_refresh_policy: false}",
        "{effective_date: '2026-11-21T00:00:00Z', timeout: 24h}",
        "{type: DATAONLY, objects: [{table: Sales, partition: P}], timeout: '05:00:00', retry_count: 2}",
    ],
)
def test_what_power_bi_takes_is_none(refresh: str) -> None:
    assert parse(POWER_BI.replace("{type: full}", refresh), {}).chains
