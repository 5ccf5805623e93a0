"""Which state changes are events, and what they say: pure."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.core.alerts import CUT_MARK, MOST_DATA_BYTES, Alert, alert_of, cut, size_bytes, type_of
from shared.core.lifecycle import RUN_TABLE, STEP_TABLE, run_event, step_event
from shared.core.run import Error, Job, Run, StepStatus, Transition, Trigger, new_run
from shared.events.cloud_events import cloud_event, source_of
from tests.events.cloud_events import problems
from tests.unit.relay.small_world import T0, a_chain, a_step

ERROR = Error("job_failed", "The notebook ended with an exception.")
END = T0 + timedelta(minutes=2, seconds=3)


def a_run(*steps: str) -> Run:
    chain = a_chain(*(a_step(name, retries=1) for name in steps or ("load", "refresh")))
    trigger = Trigger(type="schedule", time=T0 - timedelta(minutes=1))
    return new_run(
        id="sales.20261121T053000000Z.abcdefgh",
        definition=chain,
        trigger=trigger,
        parameters={"password": "hunter2"},
        now=T0,
        queued=False,
    )


def failed(run: Run, name: str, error: Error = ERROR) -> Run:
    job = Job(id="job-1", status="Failed", link="https://adf.example/job-1")
    step = replace(run.step(name), status=StepStatus.RUNNING, job=job, started_at=T0, output={"secret": 1})
    return step_event(run.with_step(step), step, "fail", END, error=error)


def last(run: Run) -> Alert:
    alert = alert_of(run, run.unsaved[-1])
    assert alert is not None
    assert problems(cloud_event(alert, source_of(None))) == []
    return alert


@pytest.mark.parametrize("event", [event for _, event in RUN_TABLE])
def test_every_end_of_a_run_is_an_event(event: str) -> None:
    change = Transition(number=9, at=T0, step=None, event=event, before="running", after="x")
    assert type_of(change) in ("baton.run.succeeded", "baton.run.failed", "baton.run.cancelled")


@pytest.mark.parametrize("event", sorted({event for _, event in STEP_TABLE}))
def test_of_a_steps_changes_only_its_failure_for_good_is_one(event: str) -> None:
    change = Transition(number=9, at=T0, step="load", event=event, before="running", after="x")
    assert type_of(change) == ("baton.step.failed" if event == "fail" else None)


def test_a_run_that_begins_is_an_event_with_what_started_it() -> None:
    alert = last(a_run())
    assert (alert.type, alert.id) == ("baton.run.started", "sales.20261121T053000000Z.abcdefgh.1")
    assert alert.subject == "chains/sales/runs/sales.20261121T053000000Z.abcdefgh"
    assert alert.data["trigger"] == {"type": "schedule", "time": "2026-11-21T05:29:00.000Z"}
    assert alert.data["link"] == "/api/runs/sales.20261121T053000000Z.abcdefgh"


@pytest.mark.parametrize(("event", "status"), [("succeed", "succeeded"), ("cancel", "cancelled")])
def test_a_run_that_ends_says_how_long_it_took(event: str, status: str) -> None:
    run = run_event(a_run(), "succeed" if event == "succeed" else "cancel", END)
    alert = last(run)
    assert (alert.type, alert.data["status"]) == (f"baton.run.{status}", status)
    assert alert.data["duration_seconds"] == 123.0


def test_a_failed_run_says_of_each_step_how_it_ended() -> None:
    run = failed(a_run(), "load")
    skipped = step_event(run, run.step("refresh"), "skip", END, error=Error("dependency_failed", "Step 'load'."))
    alert = last(run_event(skipped, "fail", END, error=ERROR))
    assert alert.data["error"] == {"code": "job_failed", "message": ERROR.message}
    told = [(step["name"], step["status"], step["error"]["code"]) for step in alert.data["steps"]]
    assert told == [("load", "failed", "job_failed"), ("refresh", "skipped", "dependency_failed")]


def test_a_failed_step_says_which_attempt_it_was_and_where_its_job_is() -> None:
    alert = last(failed(a_run(), "load"))
    assert alert.type == "baton.step.failed"
    assert alert.subject.endswith("/steps/load")
    assert (alert.data["attempt"], alert.data["attempts"]) == (1, 2)
    assert alert.data["job"] == {"id": "job-1", "link": "https://adf.example/job-1"}


def test_no_event_has_parameters_or_outputs() -> None:
    run = failed(a_run("load"), "load")
    for event in (run, run_event(run, "fail", END, error=ERROR)):
        assert "hunter2" not in json.dumps(last(event).data)
        assert "secret" not in json.dumps(last(event).data)


def test_the_same_change_is_the_same_event_whatever_its_run_became_since() -> None:
    run = failed(a_run(), "load")
    changes = run.unsaved
    ended = run_event(run, "fail", END, error=ERROR)
    assert [alert_of(run, change) for change in changes] == [alert_of(ended, change) for change in changes]


@pytest.mark.parametrize("letter", ["x", "\u00e4", "\u4e2d", "\U0001f4a5"])
def test_however_long_the_errors_of_however_many_steps_an_event_stays_small(letter: str) -> None:
    names = [f"s{number}" for number in range(80)]
    run = a_run(*names)
    for name in names:
        run = failed(run, name, Error("job_failed", letter * 5_000))
    alert = last(run_event(run, "fail", END, error=Error("job_failed", letter * 1_500)))
    assert size_bytes(alert) < 64 * 1024
    assert len(json.dumps(alert.data)) <= MOST_DATA_BYTES
    assert len(alert.data["steps"]) == 80
    assert alert.data["steps"][0]["error"]["message"].endswith(CUT_MARK)


def test_what_is_cut_says_so() -> None:
    assert cut("short", 60) == "short"
    assert cut("x" * 100, 60) == "x" * (60 - len(CUT_MARK)) + CUT_MARK


def test_the_events_of_a_run_sort_by_their_sequence_as_texts() -> None:
    alert = last(a_run())
    events = [cloud_event(replace(alert, sequence=number), "/baton/x") for number in (2, 9, 10, 1_000)]
    assert sorted(events, key=lambda event: str(event["sequence"])) == events


def test_times_are_utc_with_z() -> None:
    alert = replace(last(a_run()), time=datetime(2026, 11, 21, 5, 30, 0, 1_500, tzinfo=UTC))
    assert cloud_event(alert, "/baton/x")["time"] == "2026-11-21T05:30:00.001Z"
