"""Job instances as they stand on the wire: every status, exit values, Locations, in every form that was seen."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.core.facts import Verdict
from shared.services.fabric_items import Item
from shared.services.fabric_jobs import VERDICTS, instance_id, link_of, observation_of, output_of

ID = "f2d65699-dd22-4889-980c-15226deb0e1b"
V1 = "https://api.fabric.microsoft.com/v1/workspaces/4b218778-e7a5-4d73-8187-f10824047715"
ITEM = "431e8d7b-4a95-4c02-8ccd-6faef5ba1bd7"


@pytest.mark.parametrize(("word", "verdict"), [*VERDICTS.items(), ("Suspended", Verdict.ACTIVE)])
def test_every_documented_status_has_its_verdict_and_others_are_looked_at_again(
    word: str, verdict: Verdict
) -> None:
    seen = observation_of({"status": word, "failureReason": None, "endTimeUtc": None})
    assert seen is not None
    assert (seen.verdict, seen.status) == (verdict, word)
    assert (seen.error is not None) is (verdict is Verdict.FAILED)


@pytest.mark.parametrize("entry", [{}, {"status": None}, {"status": 7}, {"status": ""}])
def test_an_instance_without_a_status_has_no_verdict(entry: dict[str, Any]) -> None:
    assert observation_of(entry) is None


def test_times_without_a_zone_are_utc() -> None:
    seen = observation_of({"status": "Completed", "startTimeUtc": "2023-04-22T06:35:00.7812154"})
    assert seen is not None
    assert seen.started_at == datetime(2023, 4, 22, 6, 35, 0, 781215, tzinfo=UTC)


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ({"errorCode": "E", "message": "m"}, "E: m"),
        ({"errorCode": "E", "message": "m", "moreDetails": [{"errorCode": "D", "message": "n"}, 7]}, "E: m; D: n"),
        ({"message": "m"}, "m"),
        ({}, "The job failed, and gave no reason."),
        (None, "The job failed, and gave no reason."),
        ("out of memory", "The job failed: out of memory"),
    ],
)
def test_a_failure_says_its_code_and_message_and_details(reason: Any, message: str) -> None:
    seen = observation_of({"status": "Failed", "failureReason": reason})
    assert seen is not None
    assert seen.error is not None
    assert (seen.error.code, seen.error.message) == ("job_failed", message)


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ('{"rows": 7}', {"rows": 7}),
        ("[1, 2]", [1, 2]),
        (" 42 ", 42),
        ("-1.5", -1.5),
        ("007", "007"),
        ("2026-11-21", "2026-11-21"),
        ("done", "done"),
        ("true", "true"),
        ("null", "null"),
        ('"quoted"', '"quoted"'),
        ("{broken", "{broken"),
        ("[NaN]", "[NaN]"),
        ("1e999", "1e999"),
        ("[" * 100_000, "[" * 100_000),
        ("1" * 5_000, "1" * 5_000),
        ("", None),
        (None, None),
        ({"rows": 7}, {"rows": 7}),
    ],
    ids=lambda value: str(value)[:20],
)
def test_an_exit_value_is_read_where_it_is_json_data_and_else_stays_text(text: Any, output: Any) -> None:
    assert output_of(text) == output


@pytest.mark.parametrize("entry", [{"exitValue": "5"}, {"properties": {"exitValue": "5"}}])
def test_an_exit_value_is_read_from_either_place(entry: dict[str, Any]) -> None:
    seen = observation_of({"status": "Completed", **entry})
    assert seen is not None
    assert seen.output == 5


@pytest.mark.parametrize(
    ("location", "found"),
    [
        (f"{V1}/items/{ITEM}/jobs/instances/{ID}", ID),
        (f"{V1}/dataBuildToolJobs/{ITEM}/jobs/execute/instances/{ID}", ID),
        (f"{V1}/items/{ITEM}/jobs/instances/{ID.upper()}/", ID),
        (f"{V1}/items/{ITEM}/jobs/instances?jobType=Execute", None),
        (f"{V1}/items/{ITEM}/jobs/instances", None),
        (f"{V1}/items/{ITEM}", None),
        ("", None),
    ],
)
def test_only_a_location_that_ends_in_an_instance_names_one(location: str, found: str | None) -> None:
    assert instance_id(location) == found


def test_a_link_leads_to_the_workspace_where_nothing_nearer_is_known() -> None:
    at = "https://app.fabric.microsoft.com"
    assert link_of(at, "w", Item("i"), "sparkjob", "j") == f"{at}/groups/w"
    assert link_of(at, "w", Item("i"), "Pipeline", "j") == f"{at}/groups/w"
    assert "/pipelines/Load%20all/j?" in link_of(at, "w", Item("i", "Load all", "DataPipeline"), "Execute", "j")
