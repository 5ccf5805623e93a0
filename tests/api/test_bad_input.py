"""Whatever callers send is taken exactly as it is, or refused with the place of what is wrong. Nothing breaks."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.api.driving import Api, Reply, make_api

MANY = settings(max_examples=300, deadline=None, derandomize=True, database=None)

texts = st.text(st.characters(codec="utf-8"), max_size=30)
any_texts = st.text(st.characters(), max_size=30)  # with half characters
numbers = (
    st.integers()
    | st.integers(-(10**400), 10**400)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([-0.0, 5e-324, 1.7976931348623157e308, 2**53 + 1, 1e22, 0.1 + 0.2])
)


def json_of(leaf: st.SearchStrategy[Any], names: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return st.recursive(
        st.none() | st.booleans() | leaf,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
        max_leaves=12,
    )


storable = json_of(numbers | texts, texts)
anything = json_of(
    numbers | any_texts | st.floats() | st.sampled_from(["{{ 7*7 }}", "{% for x in y %}", "%PATH%", "\x00"]),
    any_texts | st.sampled_from(["parameters", "value", "a: b", "__class__", ""]),
)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Api:
    """One world for all examples: what one of them leaves behind must not matter to the next."""
    return make_api(tmp_path_factory.mktemp("app"))


def assert_served(reply: Reply) -> None:
    assert reply.status < 500
    if reply.status >= 400:
        assert all(error["path"] for error in reply.json().get("errors", ()))


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@given(value=storable)
@example(value="{{ 7*7 }}")
@example(value="{% include '/etc/passwd' %}")
@example(value="\x00\u2028\ufffe\U0010ffff")
@example(value=nested(32))
@example(value=10**999)
@example(value={"": {"": []}})
@MANY
def test_a_value_comes_back_exactly_and_is_never_a_template(api: Api, value: Any) -> None:
    started = api.start({"value": value})
    assert started.status == 202, started.body
    read = api.call("GET", started.headers["location"])
    for told in (started.json(), read.json()):
        assert same(told["parameters"]["value"], value)
    order = next(o for o in api.small.service.orders.values() if o.run_id == started.json()["id"])
    assert same(order.parameters["value"], value)


def same(one: Any, other: Any) -> bool:
    """Equal with their types: 1, 1.0 and true are three things, and so are 0.0 and -0.0."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


@given(body=anything)
@example(body={"parameters": {"\ud800": 1}})
@example(body={"\ud800": 1})
@example(body={"parameters": {"a: b: c": 1}})
@example(body={"x" * 100_000: 1})
@example(body={"parameters": {"value": nested(33)}})
@example(body={"parameters": {"value": nested(400)}})
@MANY
def test_any_json_body_is_served(api: Api, body: Any) -> None:
    assert_served(api.call("POST", "/api/chains/open/runs", json.dumps(body).encode()))


@given(said=st.dictionaries(any_texts | st.sampled_from(["value", "region"]), anything, max_size=4))
@MANY
def test_any_parameters_are_served_and_what_is_taken_comes_back(api: Api, said: dict[str, Any]) -> None:
    reply = api.start(said)
    assert_served(reply)
    if reply.status == 202:
        assert all(same(reply.json()["parameters"][name], value) for name, value in said.items())
    else:
        assert reply.paths


@given(body=st.binary(max_size=200))
@example(body=b"\xff\xfe{\x00}\x00")
@example(body=b"\xef\xbb\xbf{}")
@example(body=b"\xed\xa0\x80")
@example(body=b'{"parameters": {"value": "\xed\xa0\x80"}}')
@MANY
def test_any_bytes_are_served(api: Api, body: bytes) -> None:
    assert_served(api.call("POST", "/api/chains/open/runs", body))


@pytest.mark.parametrize(
    "body",
    [
        b'{"parameters": {"value": NaN}}',
        b'{"parameters": {"value": Infinity}}',
        b'{"parameters": {"value": -Infinity}}',
        b'{"parameters": {"value": 1e400}}',
        b'{"parameters": {"value": ' + b"9" * 1_001 + b"}}",
        b'{"parameters": {"value": ' + b"9" * 5_000 + b"}}",
        b'{"parameters": {"value": 1, "value": 2}}',
        b'{"parameters": {"value": 1}, "parameters": {}}',
        b'{"parameters": {"value": [{"a": 1, "a": 1}]}}',
        b'{"parameters": {"value": "\xff"}}',
        b'{"parameters": {"value": "\\ud800"}}',
        b'{"parameters": {"value": 01}}',
        b'{"parameters": {"value": .5}}',
        b'{"parameters": {"value": "\x01"}}',
        '{"parameters": {"value": 1}}'.encode("utf-16"),
        b'{"parameters": {"value": 1}} {}',
        b"[" * 100_000,
        b'{"parameters":' * 10_000,
        b"null",
        b"0",
        b'""',
        b'{"parameters": null}',
        b'{"parameters": []}',
    ],
)
def test_what_readers_understand_differently_is_refused(api: Api, body: bytes) -> None:
    assert api.call("POST", "/api/chains/open/runs", body).status == 400


def test_a_name_that_stands_twice_is_named(api: Api) -> None:
    told = api.call("POST", "/api/chains/open/runs", b'{"parameters": {"value": {"colour": 1, "colour": 2}}}')
    assert "'colour' stands twice" in told.json()["detail"]


def test_places_hold_names_as_callers_wrote_them(api: Api) -> None:
    assert api.start({"a: b: c": 1, "x": 2}).paths == ["parameters.a: b: c", "parameters.x"]


def test_a_place_with_a_long_name_is_shortened(api: Api) -> None:
    [path] = api.start({"x" * 100_000: 1}).paths
    assert len(path) == 300


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "\x00"]
)
def test_a_body_is_read_as_json_whatever_it_is_called(api: Api, kind: str) -> None:
    body = b'{"parameters": {"value": 1}}'
    assert api.call("POST", "/api/chains/open/runs", body, content_type=kind).status == 202
    assert api.call("POST", "/api/chains/open/runs", b"value=1", content_type=kind).status == 400


@given(key=st.text(st.characters(max_codepoint=255), max_size=300) | any_texts)
@example(key="x" * 255)
@example(key="x" * 256)
@example(key="é")
@example(key="/\\#?")
@MANY
def test_the_same_key_gives_the_same_run_or_is_refused(api: Api, key: str) -> None:
    first = api.start(idempotency_key=key)
    if first.status == 400:
        assert "Idempotency-Key" in first.json()["detail"]
    else:
        assert first.status == 202
        assert api.start(idempotency_key=key).json()["id"] == first.json()["id"]


def test_keys_that_differ_give_different_runs(api: Api) -> None:
    keys = ["a", "A", "a ", "a.", "h.a", "key a", "a" * 255, "a" * 254]
    assert len({api.start(idempotency_key=key).json()["id"] for key in keys}) == len(keys)


ODD_VALUES = [
    "0",
    "1",
    "100",
    "101",
    "-1",
    "1.0",
    "1e2",
    "٣",
    "+1",
    "0001",
    "99999",
    "running",
    "RUNNING",
    "open",
    "../x",
    "r.",
    "r.0",
    "r.9999999999999.x",
    "a.open",
    "r.0000000000000./",
    "r.0000000000000.open",
    "r.00000000000000.x",
]
OTHER_DIGITS = [f"r.{digit * 13}.x" for digit in ("\u0660", "\uff10", "\U0001d7d8")]  # digits elsewhere, or wider
query_values = any_texts.map(lambda text: text.encode("utf-8", "replace").decode()) | st.sampled_from(
    [*ODD_VALUES, *OTHER_DIGITS]
)


@given(
    query=st.dictionaries(
        st.sampled_from(["limit", "cursor", "status", "chain", "code", "clientId"]) | query_values,
        query_values,
        max_size=4,
    )
)
@MANY
def test_any_query_is_served(api: Api, query: dict[str, str]) -> None:
    query.pop("code", None)
    reply = api.call("GET", "/api/runs", query=urlencode(query))
    assert_served(reply)
    assert reply.status == 200 or reply.paths


@given(query=st.text(st.characters(max_codepoint=127, exclude_characters=" "), max_size=60))
@MANY
def test_any_query_text_is_served(api: Api, query: str) -> None:
    assert_served(api.call("GET", "/api/runs", query=query))


names = any_texts.filter(bool).map(lambda text: quote(text.encode("utf-8", "surrogatepass"), safe=""))
ODD_NAMES = [
    "%2F",
    "..%2F..%2Fetc",
    "%00",
    "%0D%0Aa:b",
    "%FF",
    "%C3%28",
    "%",
    "%zz",
    "%F0%9F%98%80",
    "%ED%A0%80",
    "a.b.c",
    "{{7*7}}",
    "%EF%BC%90",
    "open.20261399T053000123Z.aaaaaaaa",
    "open.99999999T999999999Z.aaaaaaaa",
    "open.00010101T000000000Z.aaaaaaaa",
    "open.99991231T235959999Z.aaaaaaaa",
    "open.%D9%A2%D9%A0261121T053000123Z.aaaaaaaa",
]
odd_names = st.sampled_from([*ODD_NAMES, "x" * 10_000, f"{'x' * 63}.20261121T053000123Z.aaaaaaaa"])


@given(name=names | odd_names)
@MANY
def test_any_name_in_a_path_is_served(api: Api, name: str) -> None:
    for method, path in (
        ("GET", f"/api/runs/{name}"),
        ("POST", f"/api/runs/{name}/cancel"),
        ("POST", f"/api/chains/{name}/runs"),
    ):
        reply = api.call(method, path)
        assert reply.status == 404
        assert len(reply.body) < 2_500


@given(year=st.integers(0, 9999), rest=st.from_regex(r"[0-9]{4}T[0-9]{9}", fullmatch=True))
@MANY
def test_any_digits_in_the_id_of_a_run_are_served(api: Api, year: int, rest: str) -> None:
    id_ = f"open.{year:04}{rest}Z.aaaaaaaa"
    assert api.call("GET", f"/api/runs/{id_}").status == 404
    assert api.call("POST", f"/api/runs/{id_}/cancel").status == 404
