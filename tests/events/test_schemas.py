"""The published schemas: in step with the code, and with what is said about them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from shared.events.schemas import DATA, file_name, schema
from tests.events.cloud_events import problems

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
GOOD = {"specversion": "1.0", "id": "1", "source": "/baton/x", "type": "baton.connection.unhealthy"}


@pytest.mark.parametrize("kind", DATA)
def test_the_published_schema_is_that_of_the_code(kind: str) -> None:
    published = (DOCS / "events" / file_name(kind)).read_text()
    assert published == json.dumps(schema(kind), indent=2) + "\n", "run `make schema`"
    Draft202012Validator.check_schema(json.loads(published))


def test_no_schema_is_left_of_an_event_that_is_no_more() -> None:
    assert {path.name for path in (DOCS / "events").iterdir()} == {file_name(kind) for kind in DATA}


@pytest.mark.parametrize("kind", DATA)
def test_every_event_is_described(kind: str) -> None:
    page = (DOCS / "events.md").read_text()
    assert f"`{kind}`" in page
    assert f"events/{file_name(kind)}" in page


@pytest.mark.parametrize(
    "change",
    [
        {"id": ""},
        {"specversion": "0.3"},
        {"time": "yesterday"},
        {"Sequence": "1"},
        {"data_base64": "eA=="},
        {"dataschema": "no-uri"},
        {"data": {"connection": "adf"}},
        {"source": "a b"},
    ],
)
def test_the_check_of_events_finds_what_is_wrong(change: dict[str, object]) -> None:
    data = {"connection": "adf", "type": "data_factory", "code": "forbidden", "message": "No role.",
            "since": "2026-11-21T05:30:00.000Z", "failed_looks": 3}  # fmt: skip
    assert problems({**GOOD, "data": data}) == []
    assert problems({**GOOD, "data": data, **change}) != []
