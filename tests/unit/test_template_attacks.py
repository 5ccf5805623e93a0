"""No template reaches beyond its values, takes more than a moment, or ends in anything but a TemplateError."""

from __future__ import annotations

import json
import os
import re
import tracemalloc
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.core.templates import TemplateError, check, render
from shared.core.values import value_problem

CONTEXT: dict[str, Any] = {
    "parameters": {"region": "emea", "n": 5, "list": [3, 1, 2], "evil": "{{ 7*7 }}", "copy": "mine", "none": None},
    "trigger": {"type": "http", "time": datetime(2026, 11, 21, 5, 30, tzinfo=UTC)},
    "steps": {"load": {"output": {"rows": 48_213, "ids": list(range(5_000))}, "status": "succeeded"}},
    "run": {"id": "r", "chain": "c", "created_at": datetime(2026, 11, 21, 5, 30, tzinfo=UTC)},
}
INSIDES = re.compile(r"<class|<function|<built-in|<module|<bound|<generator| at 0x|TemplateReference|__\w+__")
MOST_BYTES = 150_000_000


def refused(template: str) -> str:
    """What the error says, without its cause."""
    with pytest.raises(TemplateError) as caught:
        render({"x": template}, CONTEXT)
    assert str(caught.value).startswith("parameters.x")
    return str(caught.value)


def outcome(template: str) -> tuple[Any, str]:
    """What it gives, or what the error says."""
    try:
        return render(template, CONTEXT), ""
    except TemplateError as error:
        return None, str(error)


@pytest.mark.parametrize(
    "expression",
    [
        "''.__class__",
        "''.__class__.__mro__[1].__subclasses__()",
        "''['__class__']",
        "''|attr('__class__')",
        "''|attr('__cla' ~ 'ss__')",
        "[]|map(attribute='__class__')|list|first",
        "[parameters]|map(attribute='__class__')|list",
        "[parameters]|map('attr', '__class__')|list",
        "['']|map('attr', '__class__')|first",
        "[trigger.time]|selectattr('__class__')|list|first|attr('__class__')",
        "[trigger.time]|sum(attribute='__class__.__init__')",
        "[trigger.time]|join(',', '__class__')",
        "[trigger.time]|unique(attribute='tzinfo')|map(attribute='tzinfo')|list",
        "parameters.__init__.__globals__",
        "parameters.update({'a': 1})",
        "parameters.pop('region')",
        "parameters.clear()",
        "parameters.setdefault('a', 1)",
        "parameters.list.append(1)",
        "parameters.list.sort()",
        "'{0.__class__}'.format(parameters)",
        "'{x.__class__}'.format_map({'x': 1})",
        "'{}'.format",
        "'%s' % parameters",
        "'%s'|format(parameters)",
        "lipsum.__globals__['os'].environ",
        "lipsum()",
        "cycler('a').__init__.__globals__",
        "joiner(',')",
        "namespace(a=1)",
        "dict(a=1)",
        "self",
        "self.__init__",
        "self._TemplateReference__context",
        "self['x']",
        "range.__self__",
        "range",
        "render.__globals__",
        "request",
        "config",
        "environment",
        "context",
        "get_flashed_messages",
        "url_for",
        "loop",
        "super()",
        "caller()",
        "varargs",
        "parameters.region.upper.__self__",
        "parameters.region.upper",
        "parameters.region.encode()",
        "parameters.region.encode().decode",
        "parameters.region.maketrans('a', 'b')",
        "parameters.n.real.__class__",
        "parameters.n.to_bytes(10, 'big')",
        "parameters.n.from_bytes('a')",
        "trigger.time.tzinfo",
        "trigger.time.now()",
        "trigger.time.fromtimestamp(0)",
        "trigger.time.strptime('1', '%d')",
        "trigger.time.max",
        "trigger.time.min.__class__",
        "parameters.region()",
        "parameters()",
        "steps.load.output.rows()",
        "''.join",
        "(1).__add__(1)",
        "[].__class__",
        "true.__class__",
        "none.__class__",
        "''|pprint",
        "''|random",
        "''|xmlattr",
        "''|safe|attr('__html__')",
        "''|batch(2)",
        "''|slice(2)",
        "''|filesizeformat",
        "''|urlize",
        "''|indent(10)",
        "''|center(10)",
        "''|wordwrap(1, true, 'x')",
        "''|truncate(1)",
        "''|groupby('x')",
        "''|e",
        "''|escape",
        "''|striptags",
        "trigger.time | in_zone('Europe')",
        "trigger.time | in_zone('../../etc/passwd')",
        "trigger.time | in_zone('/etc/localtime')",
        "trigger.time | in_zone('x' * 5000)",
        "trigger.time | in_zone('a\\0b')",
        "trigger.time | in_zone('')",
        "trigger.time | in_zone(none)",
        "trigger.time | shift(days=10 ** 9)",
        "trigger.time | shift(days='x')",
    ],
)
def test_nothing_but_data_is_within_reach(expression: str) -> None:
    for template in (f"{{{{ {expression} }}}}", f"<{{{{ {expression} }}}}>"):
        said = refused(template)
        assert not re.search(r" at 0x[0-9a-f]+", said)
        assert "root:" not in said


@pytest.mark.parametrize(
    "template",
    [
        "{% include '/etc/passwd' %}",
        "{% include parameters.region ignore missing %}{{ x }}",
        "{% import 'os' as os %}{{ os }}",
        "{% from 'os' import environ %}{{ environ }}",
        "{% extends '/etc/passwd' %}",
        "{% block a %}{% endblock %}",
        "{% macro a() %}{% endmacro %}",
        "{% call a() %}{% endcall %}",
        "{% filter upper %}{% endfilter %}",
        "{% set a %}b{% endset %}",
        "{% with a = 1 %}{% endwith %}",
        "{% autoescape true %}{% endautoescape %}",
        "{% for a in [[1]] recursive %}{{ loop(a) }}{% endfor %}",
        "{% do parameters.clear() %}",
        "{% debug %}",
        "{% set parameters.n = 1 %}",
    ],
)
def test_statements_that_reach_outside_or_call_themselves_are_refused_when_the_file_is_read(template: str) -> None:
    refused(template)
    assert check(template, parameters=list(CONTEXT["parameters"]), steps=["load"])


DOUBLED = "{% set a = 'x' * 1000 %}" + "{% set a = a ~ a %}" * 40
BOMBS = [
    "{{ range(10**9) | list }}",
    "{{ range(10**9) | sum }}",
    "{{ range(65536)|list|tojson }}",
    "{{ 'a' * 10**9 }}",
    "{{ 10**9 * 'a' }}",
    "{{ [0] * 10**9 }}",
    "{{ (0,) * 10**9 }}",
    "{{ 9 ** (9 ** 9) }}",
    "{{ trigger.time.replace(tzinfo=none) }}",
    "{{ 9 ** 999999999 }}",
    "{{ 2 ** 5000 }}",
    "{{ (10**1000) * (10**1000) }}",
    "{{ 1.0 * 10 ** 400 }}",
    "{{ 1e308 * 10 }}",
    "{{ 1e308 * 10 - 1e308 * 10 }}",
    "{{ " + "9" * 4_000 + " }}",
    "{{ " + "9" * 5_000 + " }}",
    "{{ ('9' * 4000)|int }}",
    "{{ '%999999999d' % 1 }}",
    "{{ '{:>999999999}'.format(1) }}",
    "{{ 'x'.ljust(999999999) }}",
    "{{ 'x'.zfill(999999999) }}",
    "{{ 'x'.encode().center(999999999) }}",
    "{{ (5).to_bytes(1000000000, 'big') }}",
    "{{ '\t'.expandtabs(999999999) }}",
    "{{ ('a' * 10000).replace('a', 'b' * 10000) }}",
    "{{ ('a' * 10000) | replace('a', 'b' * 10000) }}",
    "{{ ('a' * 10000).replace('', 'b' * 10000) }}",
    "{{ ('b' * 10000).join(range(10000) | map('string')) }}",
    "{{ range(10000) | join('b' * 10000) }}",
    "{{ 'a'.translate({97: 'x' * 60000}) }}",
    "{{ range(10000) | map('replace', '1', 'x' * 10000) | list }}",
    "{{ [[1] * 60000] | sum(start=[]) }}",
    "{{ 1.5 | round(10 ** 9, 'ceil') }}",
    "{{ [1] | tojson(indent=10**9) }}",
    "{{ 'abc' | slice(10 ** 9) | list }}",
    "{{ 'abc' | batch(10 ** 9, 'x') | list }}",
    DOUBLED + "{{ a }}",
    DOUBLED.replace("~", "+") + "{{ a }}",
    "{% set a = 9 ** 900 %}" + "{% set a = a * a %}" * 40 + "{{ a }}",
    "{% set a = [1] %}" + "{% set a = [a, a, a, a, a, a, a, a, a, a] %}" * 20 + "{{ a }}",
    "{% set a = [1] %}" + "{% set a = {'x': a, 'y': a, 'z': a} %}" * 40 + "{{ a }}",
    "{% set a = [1] %}" + "{% set a = (a, a, a) %}" * 40 + "{{ a == a }}",
    "{% set a = [1] %}" + "{% set a = [a] * 100 %}" * 10 + "{{ a|length }}",
    "{% for a in range(65536) %}{% for b in range(65536) %}{% endfor %}{% endfor %}",
    "{% for a in range(65536) %}{% for b in range(65536) %}x{% endfor %}{% endfor %}",
    "{% for a in range(9999) %}{% for b in range(9999) %}{% if a == b %}x{% endif %}{% endfor %}{% endfor %}",
    "{% for a in range(65536) %}{% if a in steps.load.output.ids %}{% endif %}{% endfor %}",
    "{% for a in range(65536) %}{% if steps.load.output.ids == steps.load.output.ids %}{% endif %}{% endfor %}",
    "{% for a in range(65536) %}{{ steps.load.output.ids|sort|length }}{% endfor %}",
    "{% for a in range(65536) %}" + "{% if a.b.c is defined %}{% endif %}" * 300 + "{% endfor %}",
    "{% for a in range(65536) %}" + "{% set b = (a + 1) // 2 %}" * 300 + "{% endfor %}",
    "{% for a in range(10) %}" * 18 + "x" + "{% endfor %}" * 18,
    "{% for a in range(10) %}" * 100 + "x" + "{% endfor %}" * 100,
    "{{ " + "(" * 5_000 + "1" + ")" * 5_000 + " }}",
    "{{ " + "[" * 5_000 + "]" * 5_000 + " }}",
    "{{ " + "-" * 10_000 + "1 }}",
    "{{ " + "not " * 4_000 + "1 }}",
    "{{ x" + ".a" * 6_000 + " }}",
    "{{ " + "[" * 40 + "]" * 40 + " }}",
    "{{ '\\ud800' }}",
    "{{ 'a' ~ '\\udfff' }}",
    "{{ trigger.time.strftime('%Y' * 10000) }}",
    "{{ trigger.time.strftime('\\ud800') }}",
]


@pytest.mark.parametrize("template", BOMBS, ids=range(len(BOMBS)))
def test_a_bomb_is_an_error_and_takes_little_memory(template: str) -> None:
    tracemalloc.start()
    try:
        said = refused(template)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MOST_BYTES, template[:200]
    assert len(said) < 1_000


@pytest.mark.parametrize("template", BOMBS, ids=range(len(BOMBS)))
def test_reading_a_bomb_is_no_danger(template: str) -> None:
    check(template, parameters=["region"], steps=["load"])


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{{ parameters.evil }}", "{{ 7*7 }}"),
        ("{{ parameters.evil ~ '!' }}", "{{ 7*7 }}!"),
        ("{{ [parameters.evil] }}", ["{{ 7*7 }}"]),
        ("{{ parameters.copy }}", "mine"),
        ("{{ parameters.none }}", None),
        ("{{ parameters.list | sort }}", [1, 2, 3]),
        ("{{ parameters.list | map('string') | join('-') }}", "3-1-2"),
        ("{{ parameters.list | sum }}", 6),
        ("{{ parameters.missing | default('x') }}", "x"),
        ("{{ steps.load.output.ids | length }}", 5_000),
        ("{{ steps.load.output.ids | join(',') | length }}", 23_889),
        ("{{ steps.load.output.ids | select('odd') | list | length }}", 2_500),
        ("{{ steps.load.output.ids | tojson | length }}", 28_890),
        ("{% for i in steps.load.output.ids %}{{ i }},{% endfor %}", ",".join(map(str, range(5_000))) + ","),
        ("{% for k, v in steps.load.output.items() %}{{ k }}{% endfor %}", "rowsids"),
        ("{{ steps.load.output.keys() }}", ["rows", "ids"]),
        ("{% for i in [1, 2] %}{{ loop.index }}{{ ',' if not loop.last }}{% endfor %}", "1,2"),
        ("{% set a = parameters.n * 2 %}{{ a }}", "10"),
        ("{{ {'a': [1, (2, 3)]} | tojson }}", '{"a": [1, [2, 3]]}'),
        ("{{ {'a': '<&>'} | tojson }}", '{"a": "<&>"}'),
        ("{{ 7 // 2 }}", 3),
        ("{{ 2 ** 100 }}", 2**100),
        ("{{ 7 % 4 }}", 3),
        ("{{ 1.26 | round(1) }}", 1.3),
        ("{{ trigger.time.isocalendar().week }}", 47),
        ("{{ (run.created_at - trigger.time).total_seconds() }}", 0.0),
        ("{{ 'a' if parameters.n > 3 and parameters.region in ['emea', 'apac'] else 'b' }}", "a"),
        ("{{ parameters.region[:2] | upper }}", "EM"),
        ("{{ ('0' ~ parameters.n)[-2:] }}", "05"),
        ("{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
        ("{{ parameters.region is string and parameters.n is number }}", True),
    ],
)
def test_what_chains_need_still_works(template: str, value: Any) -> None:
    assert render(template, CONTEXT) == value


VALUES = [
    *(
        "parameters",
        "trigger.time",
        "steps.load.output",
        "run",
        "self",
        "loop",
        "range",
        "x",
        "a",
        "1",
        "9" * 30,
        "1.5",
    ),
    *("1e308", "none", "true", "''", "'a'", "'%s'", "'\\ud800'", "[]", "[1,2]", "(1,)", "{}", "{'a':1}"),
]
MEMBERS = [
    *(
        ".region",
        ".n",
        ".list",
        ".ids",
        ".rows",
        ".__class__",
        ".upper",
        ".items",
        ".replace",
        ".join",
        ".strftime",
    ),
    *("()", "(1)", "('a')", "('a','b'*9)", "[0]", "['a']", "[::-1]", "|list", "|map('upper')", "|join", "|first"),
    *("|int", "|string", "|tojson", "|sort", "|sum", "|attr('__class__')", "|default('x')", "|replace('a','b')"),
    *("|shift(days=1)", "|in_zone('Europe')", "|length", "|unique", "|items"),
]
OPERATORS = [
    *(
        "+",
        "-",
        "*",
        "**",
        "/",
        "//",
        "%",
        "~",
        "==",
        "<",
        " in ",
        " not ",
        " and ",
        " or ",
        " if ",
        " else ",
        " is ",
    ),
    *("(", ")", "[", "]", ",", ":"),
]
BRACES = [
    *(
        "{{",
        "}}",
        "{%",
        "%}",
        "{{ ",
        " }}",
        "{% for a in ",
        "{% endfor %}",
        "{% if ",
        "{% endif %}",
        "{% set a = ",
    ),
    *("{#", "#}", "{% raw %}", "{% include ", "{% macro a() %}", "text", "\n", "\x00", "é"),
]
PIECES = VALUES + MEMBERS + OPERATORS + BRACES
templates = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
terms = st.tuples(st.sampled_from(VALUES), st.lists(st.sampled_from(MEMBERS), max_size=3)).map(
    lambda term: term[0] + "".join(term[1])
)
expressions = st.lists(terms | st.sampled_from(OPERATORS), min_size=1, max_size=7).map(
    lambda parts: f"{{{{ {''.join(parts)} }}}}"
)
MANY = settings(max_examples=1_500, deadline=None, derandomize=True, database=None)


@given(template=templates | expressions | st.text(max_size=40).map(lambda text: f"{{{{ {text} }}}}"))
@example("{{ 'a'.join }}")
@MANY
def test_any_template_gives_data_or_a_template_error(template: str) -> None:
    check(template, parameters=["region"], steps=["load"])
    before = json.dumps(CONTEXT, default=str)
    value, said = outcome(template)
    assert len(said) < 2_000
    assert value_problem(value) is None
    assert INSIDES.search(template) or not INSIDES.search(json.dumps(value))
    assert json.dumps(CONTEXT, default=str) == before


@given(
    value=st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)
)
@example(value="{{ 7*7 }}")
@example(value={"{{ 7*7 }}": ["{% if %}"]})
@settings(max_examples=500, deadline=None, derandomize=True, database=None)
def test_what_values_hold_is_never_rendered(value: Any) -> None:
    context = CONTEXT | {"parameters": {"value": value}}
    if value_problem(value):
        with pytest.raises(TemplateError):
            render("{{ parameters.value }}", context)
        return
    assert render({"x": "{{ parameters.value }}"}, context) == {"x": value}
    if isinstance(value, str):
        assert render("<{{ parameters.value }}>", context) == f"<{value}>"


def test_no_template_sees_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATON_TEST_SECRET", "hunter2")
    assert os.environ["BATON_TEST_SECRET"] == "hunter2"
    for template in (
        "{{ environ }}",
        "{{ os.environ }}",
        "{{ BATON_TEST_SECRET }}",
        "{{ parameters.BATON_TEST_SECRET }}",
    ):
        assert "hunter2" not in refused(template)
