"""The alert rules against the lines that Baton really writes."""

from __future__ import annotations

import logging
import re

import pytest

from shared.core.errors import RefusedError
from shared.core.facts import Verdict
from tests.infra.templates import ROOT, module
from tests.unit.relay.small_world import SmallWorld, a_chain

_CONDITION = re.compile(r'message (!?)(startswith|contains) "([^"]*)"')
_RULE = re.compile(r"key: '([^']+)'.*?query: '([^']+)'", re.DOTALL)
RULES = dict(_RULE.findall(module("alerts")))


def fires(rule: str, records: list[logging.LogRecord]) -> list[str]:
    """The lines that the rule's query would find: severity 3 is Application Insights' word for an error."""
    table, *conditions = RULES[rule].split(" | where ")
    assert table == "traces"
    wants_errors = "severityLevel >= 3" in conditions[0]
    assert conditions[0] == " and ".join(
        [match[0] for match in _CONDITION.finditer(conditions[0])] + ["severityLevel >= 3"] * wants_errors
    ), "the query says something that this test does not understand"
    return [
        line
        for record in records
        for line in [record.getMessage()]
        if (record.levelno >= logging.ERROR or not wants_errors) and _matches(line, conditions[0])
    ]


def _matches(line: str, condition: str) -> bool:
    for negated, operator, text in _CONDITION.findall(condition):
        holds = line.startswith(text) if operator == "startswith" else text in line
        if holds == bool(negated):
            return False
    return True


@pytest.fixture
def small(caplog: pytest.LogCaptureFixture) -> SmallWorld:
    caplog.set_level(logging.INFO, logger="baton")
    return SmallWorld()


def test_a_run_that_fails_fires_once_whatever_its_steps_do(
    small: SmallWorld, caplog: pytest.LogCaptureFixture
) -> None:
    small.start(a_chain())
    small.service.end("job-1", Verdict.FAILED)
    small.pass_time(600)
    assert any("to=failed" in record.getMessage() and " step=" in record.getMessage() for record in caplog.records)
    assert len(fires("failed-runs", caplog.records)) == 1


def test_a_run_that_succeeds_fires_nothing(small: SmallWorld, caplog: pytest.LogCaptureFixture) -> None:
    run = small.start(a_chain())
    for _ in range(len(run.steps)):
        for job_id in small.service.jobs:
            small.service.end(job_id)
        small.pass_time(600)
    assert any("to=succeeded" in record.getMessage() for record in caplog.records)
    assert not [rule for rule in ("failed-runs", "errors", "poison") if fires(rule, caplog.records)]


def test_a_refused_start_is_an_error(small: SmallWorld, caplog: pytest.LogCaptureFixture) -> None:
    small.service.start_fails = [RefusedError("forbidden", "No right.")]
    small.start(a_chain())
    assert [line.split()[0] for line in fires("errors", caplog.records)] == ["action=start_refused"]


def test_the_hosts_word_on_poison_fires() -> None:
    text = "Message has reached MaxDequeueCount of 5. Moving message to queue 'baton-work-poison'."
    record = logging.LogRecord("host", logging.WARNING, "", 0, text, None, None)
    assert fires("poison", [record]) == [text]


def test_the_heartbeat_gives_a_row_when_there_is_none() -> None:
    """`summarize count()` without `by` has one row for an empty table; `where` then keeps it."""
    assert RULES["no-heartbeat"].endswith("| summarize ticks = count() | where ticks == 0")


def test_every_action_that_is_logged_is_in_the_operations_page() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    text = "".join(path.read_text() for path in sorted((ROOT / "shared").rglob("*.py")))
    for action in {*re.findall(r'\bsay\(\s*"(\w+)"', text), *re.findall(r'"action=(\w+)', text)}:
        assert f"`{action}`" in page, action
