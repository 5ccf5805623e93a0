"""What is exactly at a limit is stored; one over, or what a service refuses, is refused before it is sent."""

from __future__ import annotations

import pytest

from shared.storage.base import (
    MAX_BATCH_ROWS,
    MAX_DELAY_SECONDS,
    MAX_KEY_CHARACTERS,
    MAX_MESSAGE_BYTES,
    MAX_ROW_CHARACTERS,
    PAGE_ROWS,
    Delete,
    Insert,
    Queue,
    Replace,
    Row,
    Table,
    TooLargeError,
    Upsert,
    Write,
)
from tests.storage.conftest import World

PAIR = "\U0001f600"  # two UTF-16 units, four bytes of UTF-8
LONGEST_TEXTS = {
    "ascii": "a" * MAX_ROW_CHARACTERS,
    "three bytes": "漢" * MAX_ROW_CHARACTERS,
    "pairs across the borders": "a" + PAIR * (MAX_ROW_CHARACTERS // 2 - 1) + "b",
    "quotes": '"' * MAX_ROW_CHARACTERS,
}


@pytest.mark.parametrize("kind", LONGEST_TEXTS)
def test_the_longest_data_comes_back_whole(table: Table, kind: str) -> None:
    data = LONGEST_TEXTS[kind]
    assert table.write([Insert(Row("p", "k", data))]) is not None
    row = table.get("p", "k")
    assert row is not None
    assert row.data == data
    assert table.scan("p").rows[0].data == data
    assert table.write([Insert(Row("p", "l", data)), Insert(Row("p", "m", ""))]) is not None
    row = table.get("p", "l")
    assert row is not None
    assert row.data == data


# Of an update the emulator measures the request, with its \u escapes, where Azure measures the stored row.
@pytest.mark.parametrize("kind", ["ascii", "quotes"])
def test_the_longest_data_may_replace_other(table: Table, kind: str) -> None:
    data = LONGEST_TEXTS[kind]
    first = table.write([Insert(Row("p", "k", ""))])
    assert first is not None
    second = table.write([Replace(Row("p", "k", data, first[0]))])
    assert second is not None
    third = table.write([Replace(Row("p", "k", data, second[0])), Upsert(Row("p", "l", data))])
    assert third is not None
    assert [row.data for row in table.scan("p").rows] == [data, data]


@pytest.mark.parametrize("kind", ["ascii", "pairs across the borders"])
def test_one_character_more_is_too_large(table: Table, kind: str) -> None:
    for write in (Insert, Upsert):
        with pytest.raises(TooLargeError, match="450001"):
            table.write([write(Row("p", "k", LONGEST_TEXTS[kind] + "!"))])
    assert table.get("p", "k") is None


@pytest.mark.parametrize(
    "data",
    ["", "\0", " \r\n\t ", "\u2028\u2029\x7f\x85", "\ufeffx\uffff", "--batch_1\r\n\r\nPOST / HTTP/1.1\r\n\r\n"],
)
def test_odd_text_comes_back_as_it_was(table: Table, data: str) -> None:
    assert table.write([Insert(Row("p", "single", data))]) is not None
    assert table.write([Insert(Row("p", "a", data)), Insert(Row("p", "b", data))]) is not None
    assert [row.data for row in table.scan("p").rows] == [data] * 3


@pytest.mark.parametrize(
    "length", [15_999, 16_000, 16_001, 31_999, 32_000, 32_001, 63_999, 64_000, 64_001, 65_537]
)
@pytest.mark.parametrize("character", ["x", PAIR])
def test_data_around_the_length_of_a_property_comes_back_whole(table: Table, character: str, length: int) -> None:
    data = "a" * (length % 3) + character * length
    assert table.write([Insert(Row("p", "k", data))]) is not None
    row = table.get("p", "k")
    assert row is not None
    assert row.data == data


def test_half_a_surrogate_pair_is_refused(table: Table, queue: Queue) -> None:
    for text in ("\ud83d", "a\ude00", "\ude00\ud83d"):
        with pytest.raises(ValueError, match="surrogate"):
            table.write([Insert(Row("p", "k", text))])
        with pytest.raises(ValueError, match="surrogate"):
            queue.send(text)
    assert table.get("p", "k") is None


@pytest.mark.parametrize("key", ["k" * MAX_KEY_CHARACTERS, "漢" * MAX_KEY_CHARACTERS])
def test_the_longest_key_serves_and_a_longer_one_is_too_large(table: Table, key: str) -> None:
    assert table.write([Insert(Row(key, key, "x"))]) is not None
    assert table.get(key, key) is not None
    assert [row.key for row in table.scan(key, start=key).rows] == [key]
    for partition, row_key in ((key + "x", "k"), ("p", key + "x")):
        with pytest.raises(TooLargeError, match="513"):
            table.write([Insert(Row(partition, row_key, ""))])
        with pytest.raises(TooLargeError):
            table.get(partition, row_key)
    with pytest.raises(TooLargeError):
        table.scan("p", end=key + "x")


REFUSED = [*"/\\#?", "\0", "\t", "\n", "\x1f", "\x7f", "\x80", "\x85", "\x9f", "\u2028", "\ud800", PAIR]


@pytest.mark.parametrize("character", REFUSED, ids=ascii)
def test_a_character_that_keys_may_not_hold_is_refused_everywhere(table: Table, character: str) -> None:
    for partition, key in ((f"p{character}", "k"), ("p", f"{character}k"), ("p", f"a{character}b")):
        row = Row(partition, key, "", "etag")
        for write in (Insert(row), Replace(row), Upsert(row), Delete(partition, key)):
            with pytest.raises(ValueError, match="a key may not hold"):
                table.write([write])
        with pytest.raises(ValueError, match="a key may not hold"):
            table.get(partition, key)
    with pytest.raises(ValueError, match="a key may not hold"):
        table.scan(f"p{character}")
    assert table.scan("p").rows == ()


@pytest.mark.parametrize("character", ["\0", "\x85", "\u2029", PAIR], ids=ascii)
def test_a_bound_may_not_hold_what_has_no_place_in_the_order(table: Table, character: str) -> None:
    with pytest.raises(ValueError, match="a bound may not hold"):
        table.scan("p", start=f"a{character}")
    with pytest.raises(ValueError, match="a bound may not hold"):
        table.scan("p", end=character)


def test_a_malformed_batch_is_refused(table: Table) -> None:
    a, b = Insert(Row("p", "a", "")), Insert(Row("p", "b", ""))
    malformed: list[tuple[list[Write], str]] = [
        ([], "at least one"),
        ([a, Insert(Row("q", "b", ""))], "one partition"),
        ([a, b, Delete("p", "a")], "each key once"),
        ([a, Upsert(Row("p", "a", ""))], "each key once"),
        ([Replace(Row("p", "a", ""))], "needs the etag"),
        ([Delete("p", "a", "")], "needs the etag"),
    ]
    for writes, message in malformed:
        with pytest.raises(ValueError, match=message):
            table.write(writes)
    assert table.scan("p").rows == ()


def test_a_batch_of_more_than_a_hundred_is_too_large(table: Table) -> None:
    with pytest.raises(TooLargeError, match="101"):
        table.write([Insert(Row("p", str(number), "")) for number in range(MAX_BATCH_ROWS + 1)])
    assert table.scan("p").rows == ()


@pytest.mark.parametrize(("character", "rows"), [("a", 9), (PAIR, 1)])
def test_a_batch_may_hold_about_four_mebibytes_as_it_is_sent(table: Table, character: str, rows: int) -> None:
    data = character * (MAX_ROW_CHARACTERS // (2 if character == PAIR else 1))
    fits = [Insert(Row("p", str(number), data)) for number in range(rows)]
    small = Insert(Row("p", "small", ""))
    assert table.write([*fits, small]) is not None
    with pytest.raises(TooLargeError, match="4194304 bytes"):
        table.write([Insert(Row("q", str(number), data)) for number in range(rows + 1)])
    assert table.scan("q").rows == ()


@pytest.mark.parametrize("limit", [0, -1, PAGE_ROWS + 1])
def test_a_page_holds_one_to_a_thousand_rows(table: Table, limit: int) -> None:
    with pytest.raises(ValueError, match="limit is 1 to 1000"):
        table.scan("p", limit=limit)


@pytest.mark.parametrize("character", ["a", "ü", "漢", PAIR])
def test_the_longest_message_comes_back_whole_and_a_longer_one_is_too_large(queue: Queue, character: str) -> None:
    body = character * (MAX_MESSAGE_BYTES // len(character.encode()))
    queue.send(body)
    with pytest.raises(TooLargeError, match="bytes of UTF-8"):
        queue.send(body + "a")
    (message,) = queue.receive(limit=32)
    assert message.body == body


@pytest.mark.parametrize("seconds", [-1, -0.001, MAX_DELAY_SECONDS + 1, float("nan"), float("inf")])
def test_a_delay_is_up_to_seven_days(queue: Queue, seconds: float) -> None:
    with pytest.raises(ValueError, match="delayed or hidden"):
        queue.send("x", delay_seconds=seconds)
    queue.send("x")
    (message,) = queue.receive()
    with pytest.raises(ValueError, match="delayed or hidden"):
        queue.hide(message, seconds)
    assert queue.delete(message)


def test_the_longest_delays_are_taken(queue: Queue) -> None:
    queue.send("late", delay_seconds=MAX_DELAY_SECONDS)
    queue.send("now")
    (message,) = queue.receive(limit=32, hidden_seconds=MAX_DELAY_SECONDS)
    assert message.body == "now"
    assert queue.hide(message, MAX_DELAY_SECONDS) is not None
    assert queue.receive() == ()
    assert queue.length() == 2


@pytest.mark.parametrize(("limit", "seconds"), [(0, 60), (33, 60), (1, 0), (1, 0.5), (1, MAX_DELAY_SECONDS + 1)])
def test_a_receive_out_of_range_is_refused(queue: Queue, limit: int, seconds: float) -> None:
    with pytest.raises(ValueError, match=r"is 1 to 32|is received for 1 to"):
        queue.receive(limit=limit, hidden_seconds=seconds)


@pytest.mark.parametrize("name", ["ab", "a" * 64, "Work", "a--b", "-ab", "ab-", "a_b", "wörk", "a b", "abc\n", ""])
def test_a_name_that_no_queue_may_have_is_refused(world: World, name: str) -> None:
    with pytest.raises(ValueError, match="cannot name a queue"):
        world.storage.queue(name)


@pytest.mark.parametrize("name", ["a" * 63, "0ab", "a-b-c"])
def test_a_name_at_its_limit_names_a_queue(world: World, name: str) -> None:
    queue = world.storage.queue(name)
    queue.send("x")
    (message,) = queue.receive()
    assert queue.delete(message)
