"""YAML that is odd, hostile or both gives mistakes with their lines, within a moment; never a crash."""

from __future__ import annotations

import time
import tracemalloc
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.chains_file import ChainsFileError, parse, read
from tests.unit.chains_file.test_chains_file import GOOD, SETTINGS, mistakes

NINE = ",".join("*{0}" for _ in range(9))
LAUGHS = "a: &a [x]\n" + "".join(
    f"{new}: &{new} [{NINE.format(old)}]\n" for old, new in zip("abcdefghijk", "bcdefghijkl", strict=True)
)
MERGES = "a: &a {x: 1, y: 2}\n" + "".join(
    f"{new}: &{new} {{<<: [{NINE.format(old)}]}}\n" for old, new in zip("abcdefghijk", "bcdefghijkl", strict=True)
)


def inward(levels: int) -> str:
    """Merges that are all opened by the first look at the outermost."""
    text = "{x: 1, y: 2}"
    for level in range(levels):
        text = f"{{<<: [&n{level} {text}, {NINE.format(f'n{level}')}]}}"
    return f"a: {text}"


BOMBS = {
    "laughs": LAUGHS,
    "merges": MERGES,
    "inward merges": inward(9),
    "many merges": "a: &a {x: 1}\nb: {<<: [" + "*a," * 5_000 + "]}",
    "many items": "a: &a [" + "x," * 9_000 + "]\nb: [" + "*a," * 12 + "]",
    "itself": "a: &a\n  b: *a",
    "deep lists": "[" * 1_500,
    "deep mappings": "{" * 1_500,
    "deep items": "- " * 3_000,
    "no end": "'" + "x" * 300_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_yaml_bomb_is_refused_within_a_moment(name: str) -> None:
    began = time.monotonic()
    assert mistakes(BOMBS[name])
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("name", ["laughs", "merges", "inward merges", "many merges"])
def test_a_yaml_bomb_is_refused_within_little_memory(name: str) -> None:
    tracemalloc.start()
    try:
        assert mistakes(BOMBS[name])
        assert tracemalloc.get_traced_memory()[1] < 200_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "value",
    [
        "!!python/object/apply:os.system ['echo hi']",
        "!!python/name:os.system",
        "!!python/object/new:os.system {}",
        "!!python/tuple [1]",
        "!foo bar",
        "!foo [bar]",
        "!!set {a, b}",
        "!!omap [x: 1]",
        "!!pairs [x: 1]",
        "!!binary aGk=",
        "!!binary '%'",
        "!!int x",
        "!!int ''",
        "!!int [1]",
        "!!float x",
        "!!bool x",
        "!!bool ''",
        "!!timestamp x",
        "!!timestamp 2001-01-01",
        "!!value x",
        "=",
        "9" * 5_000,
        "9" * 2_000,
        f"0x{'f' * 9_000}",
        f"0b{'1' * 9_000}",
        ".nan",
        "-.inf",
        "1e999" + "9" * 400 + ".0e+999",
        '"\\ud800"',
        '"\\U00110000"',
        '"\\x"',
        "&a [*a]",
        "*b",
        "{x: 1, x: 2}",
        "[" * 40 + "]" * 40,
    ],
)
def test_a_value_that_json_has_no_word_for_is_refused_on_its_line(value: str) -> None:
    found = GOOD.replace("default: emea", f"default: {value}")
    if value.startswith("1e999"):  # to YAML, a text
        parse(found, SETTINGS)
        return
    assert mistakes(found)


@pytest.mark.parametrize(
    ("value", "read_as"),
    [
        ("2001-01-01", "2001-01-01"),
        ("2001-13-45", "2001-13-45"),
        ("2001-01-01 00:00:00", "2001-01-01 00:00:00"),
        ("0x10", 16),
        ("0b11", 3),
        ("1_000", 1_000),
        ("190:20:30", 685_230),
        ('"\\0"', "\x00"),
        ("~", None),
        ("yes", True),
        ("'yes'", "yes"),
        ("!!str 7", "7"),
        ("!!float 1", 1.0),
        ("[[[]]]", [[[]]]),
        ("{<<: {a: 1}, b: 2}", {"a": 1, "b": 2}),
        ("{1: a}", {"1": "a"}),
    ],
)
def test_an_odd_value_is_read_as_yaml_says(value: str, read_as: object) -> None:
    file = parse(GOOD.replace("default: emea", f"default: {value}"), SETTINGS)
    assert file.chains["sales"].parameters["region"].default == read_as


@pytest.mark.parametrize(
    "text",
    [
        "a: \x00",
        "a:\tb",
        "\ta: b",
        "a: 1\n---\nb: 2",
        "%YAML 2.0\n---\na: b",
        "a: \ud800",
        "a: \x07",
        "? [a]\n: b",
        "<<: 1",
        "<<: [1]",
        "a: &a {<<: *a}",
        "~: 1",
        "true: 1",
        "!!python/object:os.x {}",
        "!!set {connections, chains}",
    ],
)
def test_an_odd_file_is_refused(text: str) -> None:
    assert mistakes(text)


@pytest.mark.parametrize("raw", [b"\xff", b"\x00", b"\xff\xfea\x00", b"a: \xc3\x28", "a: b".encode("utf-16")])
def test_a_file_that_is_no_utf_8_text_is_refused(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "chains.yaml"
    path.write_bytes(raw)
    with pytest.raises(ChainsFileError):
        read(path, {})


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "chains.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert "sales" in read(path, SETTINGS).chains


TAGS = [
    "!!int ",
    "!!float ",
    "!!bool ",
    "!!null ",
    "!!timestamp ",
    "!!binary ",
    "!!str ",
    "!!set ",
    "!!omap ",
    "!x ",
]
PIECES = [
    *TAGS,
    "&a ",
    "*a",
    "<<: ",
    "[",
    "]",
    "{",
    "}",
    ", ",
    ": ",
    "- ",
    "? ",
    "|\n",
    ">-\n",
    "\n",
    "\n  ",
    "\t",
]
WORDS = [
    "x",
    "1",
    "1:2",
    "0x",
    "0b",
    "2001-01-01",
    ".nan",
    "~",
    "''",
    '"',
    '"\\u',
    "'",
    "#",
    "%",
    "%A%",
    "{{ ",
    " }}",
]


@given(st.lists(st.sampled_from(PIECES + WORDS), max_size=12).map("".join))
@settings(max_examples=1_500, deadline=None, derandomize=True, database=None)
def test_odd_pieces_of_yaml_as_a_value_crash_nothing(value: str) -> None:
    with suppress(ChainsFileError):
        parse(GOOD.replace("{default: emea}", f"{{default: {value}}}"), SETTINGS)
    with suppress(ChainsFileError):
        parse(value, SETTINGS)
