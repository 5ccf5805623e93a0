"""Events in one shape from both schemas, and which patterns they match."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.definition import EventPattern
from shared.core.events import (
    MOST_EVENT_CHARACTERS,
    Event,
    NotAnEventError,
    carry_problem,
    cause_of,
    event_of,
    fits,
    matches,
    trigger_time,
)
from shared.core.monitor_alerts import event_form, is_alert

NOW = datetime(2026, 11, 21, 5, 30, tzinfo=UTC)
ACCOUNT = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/stlanding"
SUBJECT = "/blobServices/default/containers/landing/blobs/sales/a.csv"
DATA = {"api": "FlushWithClose", "url": "https://stlanding.dfs.core.windows.net/landing/sales/a.csv", "n": 1}
GRID = {
    "id": "e-1",
    "topic": ACCOUNT,
    "subject": SUBJECT,
    "eventType": "Microsoft.Storage.BlobCreated",
    "eventTime": "2026-11-21T05:29:59.1234567Z",
    "dataVersion": "",
    "metadataVersion": "1",
    "data": DATA,
}
CLOUD = {
    "specversion": "1.0",
    "id": "e-1",
    "source": ACCOUNT,
    "subject": SUBJECT,
    "type": "Microsoft.Storage.BlobCreated",
    "time": "2026-11-21T05:29:59.1234567Z",
    "data": DATA,
}
BLOB = event_of(CLOUD)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
NAMES = st.sampled_from(
    ["id", "type", "eventType", "source", "topic", "subject", "time", "eventTime", "specversion"]
)
EVENT_LIKE = st.dictionaries(NAMES | st.sampled_from(["data", "data_base64", "datacontenttype"]), ANY_JSON)


def pattern(**told: Any) -> EventPattern:
    return EventPattern(**{"type": "Microsoft.Storage.BlobCreated", **told})


def test_both_schemas_give_the_same_event() -> None:
    assert event_of(GRID) == BLOB
    assert BLOB.time == datetime(2026, 11, 21, 5, 29, 59, 123456, tzinfo=UTC)
    assert cause_of(event_of(GRID)) == cause_of(BLOB)


def test_events_of_two_sources_with_the_same_id_are_two() -> None:
    causes = {cause_of(Event(id=i, type="t", source=s)) for s, i in (("a", "b c"), ("a b", "c"), ("a", "b"))}
    assert len(causes) == 3


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ([], "is no JSON object"),
        ({}, "has neither the 'specversion' of a CloudEvent nor the 'eventType' of Event Grid's schema"),
        ({"specversion": "1.0"}, "id: is required; type: is required; source: is required"),
        ({"eventType": ""}, "id: is required; eventType: is required"),
        ({**CLOUD, "id": 7, "subject": ["a"]}, "id: must be a text; subject: must be a text"),
        ({**CLOUD, "id": "x" * 2_049}, "id: may have at most 2,048 characters"),
        ({**CLOUD, "id": "\ud800"}, "id: holds half a character (a lone surrogate)"),
    ],
)
def test_what_is_no_event_is_refused_with_every_mistake(raw: Any, said: str) -> None:
    with pytest.raises(NotAnEventError, match=re.escape(said)):
        event_of(raw)


@given(ANY_JSON | EVENT_LIKE)
def test_anything_is_an_event_or_is_refused(raw: Any) -> None:
    try:
        event = event_of(event_form(raw) if is_alert(raw) else raw)
    except NotAnEventError:
        return
    assert event.id
    assert event.type
    assert trigger_time(event, NOW).tzinfo is not None
    assert carry_problem(event) is None or "data" in str(carry_problem(event))
    matches(pattern(type="*", subject="*a*", data={"a.b": "x*", "c": [1, True, None]}), event)


def test_bytes_are_read_where_they_are_json() -> None:
    coded = base64.b64encode(b'{"rows": 3}').decode()
    without = {name: value for name, value in CLOUD.items() if name != "data"}
    read = event_of({**without, "data_base64": coded, "datacontenttype": "application/json; charset=utf-8"})
    kept = event_of({**without, "data_base64": coded, "datacontenttype": "text/csv"})
    broken = event_of({**without, "data_base64": "!", "datacontenttype": "application/json"})
    assert (read.data, kept.data, broken.data) == ({"rows": 3}, coded, "!")


@pytest.mark.parametrize(
    ("told", "taken"),
    [
        ("2026-11-21T05:29:00Z", NOW - timedelta(minutes=1)),
        ("2026-11-21T05:29:00", NOW - timedelta(minutes=1)),  # naive is UTC
        ("2026-11-21T06:29:00+01:00", NOW - timedelta(minutes=1)),
        ("2026-11-21T05:34:00Z", NOW + timedelta(minutes=4)),  # clocks differ
        ("2026-11-21T05:36:00Z", NOW),
        ("9999-12-31T23:59:59-23:59", NOW),
        ("0001-01-01T00:00:00+23:59", NOW),
        ("1970-01-01T00:00:00Z", NOW),
        ("yesterday", NOW),
        (12, NOW),
        (None, NOW),
    ],
)
def test_the_time_of_a_run_is_that_of_its_event_unless_it_is_absurd(told: Any, taken: datetime) -> None:
    assert trigger_time(event_of({**CLOUD, "time": told}), NOW) == taken


@pytest.mark.parametrize(
    ("wanted", "text", "does"),
    [
        ("abc", "ABC", True),
        ("abc", "abcd", False),
        ("a*c", "ac", True),
        ("a*c", "a/b/c", True),
        ("a*a", "a", False),
        ("*", "", True),
        ("**", "x", True),
        ("*b*b*", "abcb", True),
        ("*b*b*", "abc", False),
        ("a*b*c", "abbc", True),
        ("[ab].?", "a.x", False),
    ],
)
def test_a_star_is_any_text_and_nothing_else_is_special(wanted: str, text: str, does: bool) -> None:
    assert fits(wanted, text) is does


@given(st.text("ab*", max_size=8), st.text("ab", max_size=10))
def test_patterns_mean_what_the_same_regular_expression_means(wanted: str, text: str) -> None:
    expression = ".*".join(re.escape(part) for part in wanted.split("*"))
    assert fits(wanted, text) is (re.fullmatch(expression, text, re.DOTALL) is not None)


def test_a_pattern_with_many_stars_costs_little() -> None:
    assert not fits("*a" * 1_000 + "b", "a" * 2_000)


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_slash_at_the_beginning_of_a_subject_counts_for_nothing(slash: str) -> None:
    event = replace(BLOB, subject=f"{slash}blobServices/default/containers/landing/blobs/a.csv")
    for wanted in ("/blobServices/*.csv", "blobServices/*.csv", "*/containers/landing/blobs/*"):
        assert matches(pattern(subject=wanted), event)
    assert not matches(pattern(subject="/containers/*"), event)


@pytest.mark.parametrize(
    ("told", "does"),
    [
        ({}, True),
        ({"type": "microsoft.storage.*"}, True),
        ({"type": "Microsoft.Storage.BlobDeleted"}, False),
        ({"source": "*/storageAccounts/stlanding"}, True),
        ({"source": "*/storageAccounts/stother"}, False),
        ({"subject": "*/containers/landing/blobs/sales/*.csv"}, True),
        ({"subject": "*/containers/landing/blobs/hr/*"}, False),
        ({"data": {"api": "FlushWithClose"}}, True),
        ({"data": {"api": ["PutBlob", "Flush*"]}}, True),
        ({"data": {"api": "PutBlob"}}, False),
        ({"data": {"missing": None}}, False),
        ({"data": {"n": 1}}, True),
        ({"data": {"n": 1.0}}, True),
        ({"data": {"n": True}}, False),
        ({"data": {"n": "1"}}, False),
    ],
)
def test_an_event_matches_when_all_is_as_the_pattern_says(told: dict[str, Any], does: bool) -> None:
    assert matches(pattern(**told), BLOB) is does


def test_fields_are_found_by_their_path_also_where_names_have_dots() -> None:
    event = replace(BLOB, data={"a": {"b.c": {"d": "x"}}, "e": None, "f": [1]})
    assert matches(pattern(data={"a.b.c.d": "x", "e": None}), event) is False  # `b` is not there: `b.c` is
    event = replace(event, data={"a": {"b": {"c": "x"}}, "b.c": "y", "e": None})
    assert matches(pattern(data={"a.b.c": "x", "b.c": "y", "e": None}), event)


@pytest.mark.parametrize(
    "wanted", ["Microsoft.Fabric.ItemJobSucceeded", "Microsoft.Fabric.JobEvents.ItemJobSucceeded"]
)
@pytest.mark.parametrize(
    "came", ["Microsoft.Fabric.ItemJobSucceeded", "Microsoft.Fabric.JobEvents.ItemJobSucceeded"]
)
def test_fabrics_two_spellings_are_one(wanted: str, came: str) -> None:
    event = replace(BLOB, type=came)
    assert matches(pattern(type=wanted), event)
    assert matches(pattern(type="Microsoft.Fabric.JobEvents.*"), event)
    assert not matches(pattern(type="Microsoft.Fabric.ItemJobFailed"), event)
    assert not matches(pattern(type="Microsoft.Fabric.JobEvents.*"), replace(BLOB, type="Microsoft.Fabric.Other"))


def test_an_event_that_no_run_can_carry_says_why() -> None:
    assert "over 65,536 characters" in str(carry_problem(replace(BLOB, data="x" * MOST_EVENT_CHARACTERS)))
    assert "no word for" in str(carry_problem(replace(BLOB, data=[float("nan")])))


def test_an_alert_is_an_event_that_fires_and_is_resolved_under_ids_of_its_own() -> None:
    essentials = {
        "alertId": "/subscriptions/s/providers/Microsoft.AlertsManagement/alerts/1",
        "originAlertId": "o-1",
        "alertRule": "queue is long",
        "severity": "Sev3",
        "monitorCondition": "Fired",
        "alertTargetIDs": ["/subscriptions/s/x"],
        "firedDateTime": "2026-11-21T05:29:00Z",
    }
    alert = {"schemaId": "azureMonitorCommonAlertSchema", "data": {"essentials": essentials, "alertContext": {}}}
    assert is_alert(alert)
    fired = event_of(event_form(alert))
    assert (fired.type, fired.source, fired.subject) == (
        "Microsoft.Insights.Alert.Fired",
        "queue is long",
        "/subscriptions/s/x",
    )
    assert fired.time == NOW - timedelta(minutes=1)
    assert matches(EventPattern(type="Microsoft.Insights.Alert.*", data={"essentials.severity": "Sev3"}), fired)
    gone = {**essentials, "monitorCondition": "Resolved", "resolvedDateTime": "2026-11-21T05:30:00Z"}
    resolved = event_of(event_form({**alert, "data": {"essentials": gone}}))
    assert (resolved.type, resolved.id != fired.id) == ("Microsoft.Insights.Alert.Resolved", True)
    assert json.loads(json.dumps(fired.data)) == alert["data"]
