"""`events` in chains.yaml: what becomes of them, and every mistake in them at once."""

from __future__ import annotations

import jsonschema
import pytest
import yaml

from shared.chains_file import ChainsFileError, parse
from shared.chains_file.schema import schema
from shared.core.definition import EventPattern

HEAD = """
connections:
  adf: {type: data_factory, subscription: 00000000-0000-0000-0000-00000000ba70, resource_group: rg, factory: adf-1}
chains:
  sales:
    parameters: {region: {default: emea}, file: }
    steps:
      load: {connection: adf, pipeline: P, parameters: {url: "{{ trigger.event.data.url }}"}}
    events:
"""
GOOD = f"""{HEAD}
      - type: Microsoft.Storage.BlobCreated
        source: "*/storageAccounts/%ACCOUNT%"
        subject: "*/containers/landing/blobs/*.csv"
        data: {{api: [PutBlob, FlushWithClose], contentLength: 7}}
        parameters: {{file: "{{{{ event.data.url }}}}", region: emea}}
      - {{type: Microsoft.Fabric.ItemJobSucceeded, parameters: {{file: "{{{{ event.id }}}}"}}}}
"""


def mistakes(text: str) -> list[str]:
    with pytest.raises(ChainsFileError) as refused:
        parse(text, {"ACCOUNT": "stlanding"})
    return [f"{mistake.path}: {mistake.message}" for mistake in refused.value.mistakes]


def test_patterns_are_read_with_app_settings_put_in() -> None:
    blob, fabric = parse(GOOD, {"ACCOUNT": "stlanding"}).chains["sales"].events
    assert blob == EventPattern(
        type="Microsoft.Storage.BlobCreated",
        source="*/storageAccounts/stlanding",
        subject="*/containers/landing/blobs/*.csv",
        data={"api": ["PutBlob", "FlushWithClose"], "contentLength": 7},
        parameters={"file": "{{ event.data.url }}", "region": "emea"},
    )
    assert (fabric.type, fabric.subject, fabric.data) == ("Microsoft.Fabric.ItemJobSucceeded", None, {})
    jsonschema.validate(yaml.safe_load(GOOD), schema())


def test_every_mistake_is_told_with_its_place_and_what_to_do() -> None:
    text = f"""{HEAD}
      - type: A
        data: {{data.api: X, "a..b": 1, c: {{}}, d: "{{{{ x }}}}", e: []}}
        parameters: {{file: 1, regoin: 2}}
      - {{type: B, parameters: {{file: "{{{{ events.id }}}}", region: ["{{{{ event.url }}}}"]}}}}
      - {{type: C}}
"""
    members = "data, id, source, subject, time, type"
    nobody = "it has no default, and an event has nobody to say it"
    assert mistakes(text) == [
        "chains.sales.events[0].data.data.api: is looked for within the event's data; did you mean 'api'?",
        "chains.sales.events[0].data.a..b: must be names with single dots between them, like essentials.severity",
        "chains.sales.events[0].data.c: must be a text, a number, true, false, null, or a list of these",
        "chains.sales.events[0].data.d: is compared as it is; templates belong in parameters",
        "chains.sales.events[0].data.e: must be a text, a number, true, false, null, or a list of these",
        "chains.sales.events[0].parameters.regoin: the chain has no parameter 'regoin'; did you mean 'region'?",
        "chains.sales.events[1].parameters.file: unknown name 'events'; there is event",
        f"chains.sales.events[1].parameters.region[0]: event has no 'url'; it has {members}",
        f"chains.sales.events[2].parameters: must give 'file': {nobody}",
    ]


def test_shapes_that_do_not_fit_are_told_by_their_field() -> None:
    assert mistakes(f"{HEAD}\n      - {{type: '', sbject: x, parameters: {{file: 1}}}}\n      - text\n") == [
        "chains.sales.events[0].type: must have at least 1 character",
        "chains.sales.events[0].sbject: unknown field; did you mean 'subject'?",
        "chains.sales.events[1]: must be a mapping of names to values",
    ]


def test_what_a_trigger_has_is_checked_in_steps() -> None:
    text = GOOD.replace("trigger.event.data.url", "trigger.evnt.data.url")
    assert mistakes(text) == [
        "chains.sales.steps.load.parameters.url: trigger has no 'evnt'; it has event, job, time, type"
    ]
