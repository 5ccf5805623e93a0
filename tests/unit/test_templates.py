"""Templates: values keep their types, mistakes are found early, and nothing gets out of the sandbox."""

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.core.templates import TemplateError, check, render

CONTEXT = {
    "parameters": {"region": "emea", "code": "007", "n": 5, "evil": "{{ 1 + 1 }}"},
    "trigger": {"type": "http", "time": datetime(2026, 11, 21, 5, 30, tzinfo=UTC)},
    "steps": {"load": {"output": {"rows": 48_213, "ids": [1, 2]}, "status": "succeeded"}},
    "run": {"id": "r", "chain": "c"},
}


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("plain", "plain"),
        (7, 7),
        ("{{ parameters.region }}", "emea"),
        ("{{ parameters.code }}", "007"),
        ("{{ parameters.n }}", 5),
        ("{{ parameters.n + 1 }}", 6),
        ("n={{ parameters.n }}", "n=5"),
        ("{{ steps.load.output.rows }}", 48_213),
        ("{{ steps['load'].output }}", {"rows": 48_213, "ids": [1, 2]}),
        ("{{ trigger.time.strftime('%Y-%m-%d') }}", "2026-11-21"),
        ("{{ (trigger.time | shift(days=-1)).strftime('%Y%m%d') }}", "20261120"),
        ("{{ (trigger.time | in_zone('Europe/Berlin')).strftime('%H:%M') }}", "06:30"),
        ("{{ trigger.time }}", "2026-11-21T05:30:00Z"),
        ("{{ parameters.evil }}", "{{ 1 + 1 }}"),
        ("<{{ parameters.evil }}>", "<{{ 1 + 1 }}>"),
        ({"a": ["{{ run.id }}", {"b": None}]}, {"a": ["r", {"b": None}]}),
        ("{% if parameters.n > 3 %}many{% else %}few{% endif %}", "many"),
        ("{{ parameters.region }}-{{ run.chain }}", "emea-c"),
        ("{{ parameters.region.replace('m', 'M') }}", "eMea"),
    ],
)
def test_a_value_is_rendered_with_its_type(template: Any, value: Any) -> None:
    assert render(template, CONTEXT) == value


@pytest.mark.parametrize(
    "template",
    [
        "{{ steps.load.output.nope }}",
        "{{ steps.load.output.nope.further }}",
        "{{ 1 / 0 }}",
        "{{ trigger.time | shift(weekdays=1) }}",
        "{{ trigger.time | shift(days=10 ** 12) }}",
        "{{ trigger.time | in_zone('../../etc/passwd') }}",
        "{{ trigger.time | in_zone('Mars/Base') }}",
        "{{ parameters.region | shift(days=1) }}",
        "{{ 'a' + 1 }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ parameters.__class__ }}",
        "{{ trigger.time.strftime.__self__ }}",
        "{{ (parameters | attr('__class__')) }}",
        "{{ render.__globals__ }}",
        "{{ self._TemplateReference__context }}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}",
        "{{ 'a' * 100000000 }}",
        "{{ [0] * 100000000 }}",
        "{{ 9 ** 999999999 }}",
        "{{ range(100000000) | list }}",
        "{{ '%999999999d' % 1 }}",
        "{{ '{:>999999999}'.format(1) }}",
        "{{ 'x'.ljust(999999999) }}",
        "{{ parameters.items }}",
        "{{ parameters.update({'a': 1}) }}",
    ],
)
def test_what_cannot_or_must_not_be_rendered_is_a_template_error_naming_its_place(template: str) -> None:
    with pytest.raises(TemplateError, match=r"parameters\.x\[0\]"):
        render({"x": [template]}, CONTEXT)


@pytest.mark.parametrize(
    ("template", "mistake"),
    [
        ("{{ parameters.regoin }}", "no parameter 'regoin'"),
        ("{{ steps.other.output }}", "'other' is no step"),
        ("{{ steps['other'].output }}", "'other' is no step"),
        ("{{ foo }}", "unknown name 'foo'"),
        ("{{ trigger.tim }}", "trigger has no 'tim'"),
        ("{{ run.status }}", "run has no 'status'"),
        ("{{ parameters.region", "template: "),
        ("{{ parameters.region | shout }}", "shout"),
    ],
)
def test_a_mistake_is_found_before_any_run(template: str, mistake: str) -> None:
    [found] = check(template, parameters=["region"], steps=["load"])
    assert mistake in found


def test_a_good_template_has_no_mistakes() -> None:
    text = "{{ parameters.region }} {% for x in steps.load.output.ids %}{{ x }}{% endfor %}"
    assert check(text, parameters=["region"], steps=["load"]) == []
