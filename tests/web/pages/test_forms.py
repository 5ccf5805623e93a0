"""What forms may hold, and what becomes of it."""

from __future__ import annotations

from typing import Any

import pytest

from shared.core.definition import Parameter
from shared.web.answer import ProblemError
from shared.web.pages.forms import form_of, key_of_form, parameters_of, said_in
from tests.unit.relay.small_world import a_chain

CHAIN = a_chain(
    parameters={
        "must": Parameter(),
        "text": Parameter(required=False, default="emea"),
        "none": Parameter(required=False, default=None),
        "count": Parameter(required=False, default=1),
        "flag": Parameter(required=False, default=False),
        "list": Parameter(required=False, default=["a"]),
    }
)


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ({"must": "7"}, {"must": "7"}),
        ({"text": ""}, {"text": ""}),
        ({"text": "a\r\nb"}, {"text": "a\nb"}),
        ({"none": ""}, {}),
        ({"none": "x"}, {"none": "x"}),
        ({"must": ""}, {}),
        ({"count": "2.5"}, {"count": 2.5}),
        ({"flag": "true"}, {"flag": True}),
        ({"list": '["b", 1]'}, {"list": ["b", 1]}),
        ({"unknown": "x"}, {"unknown": "x"}),
    ],
)
def test_a_field_is_read_by_what_its_default_is(said: dict[str, str], value: dict[str, Any]) -> None:
    assert parameters_of(CHAIN, said) == value


def test_every_field_that_cannot_be_read_is_named() -> None:
    with pytest.raises(ProblemError) as refused:
        parameters_of(CHAIN, {"count": "x", "flag": "1", "list": "[", "text": "fine"})
    assert [mistake.path for mistake in refused.value.errors] == [
        "parameters.count",
        "parameters.flag",
        "parameters.list",
    ]


@pytest.mark.parametrize(
    "body", [b"a", b"a=1&a=2", b"\xff=1", b"a=%ff", b"&".join(b"a%d=1" % n for n in range(600))]
)
def test_what_is_no_form_is_refused(body: bytes) -> None:
    with pytest.raises(ProblemError) as refused:
        form_of(body)
    assert refused.value.status == 400


def test_a_form_is_read_as_it_was_sent() -> None:
    form = form_of(b"csrf=&p.region=%C3%A9+%26&key=0123456789abcdef")
    assert form == {"csrf": "", "p.region": "é &", "key": "0123456789abcdef"}
    assert said_in(form) == {"region": "é &"}
    assert key_of_form(form) == "page 0123456789abcdef"
    assert key_of_form({"key": "<script>"}) is None
    assert form_of(b"") == {}
