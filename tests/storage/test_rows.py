"""What every table does: conditions, batches, ranges."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.storage.base import PAGE_ROWS, Delete, Insert, Replace, Row, Table, Upsert, Write
from tests.storage.conftest import World


def insert(table: Table, key: str, data: str = "", partition: str = "p") -> str:
    etags = table.write([Insert(Row(partition, key, data))])
    assert etags is not None
    return etags[0]


def keys(table: Table, partition: str = "p") -> list[str]:
    return [row.key for row in table.scan(partition).rows]


def test_a_row_that_was_never_written_is_not_there(table: Table) -> None:
    assert table.get("p", "k") is None


def test_a_written_row_is_read_back_with_its_etag(table: Table) -> None:
    etag = insert(table, "k", '{"a": 1}')
    assert table.get("p", "k") == Row("p", "k", '{"a": 1}', etag)


def test_an_insert_loses_against_a_row_that_is_there_even_one_with_the_same_data(table: Table) -> None:
    etag = insert(table, "k", "same")
    assert table.write([Insert(Row("p", "k", "same"))]) is None
    assert table.get("p", "k") == Row("p", "k", "same", etag)


def test_partitions_keep_equal_keys_apart(table: Table) -> None:
    insert(table, "k", "one", partition="p1")
    insert(table, "k", "two", partition="p2")
    assert [row.data for row in table.scan("p1").rows] == ["one"]
    assert [row.data for row in table.scan("p2").rows] == ["two"]


def test_tables_keep_equal_rows_apart_but_do_not_tell_upper_from_lower_case(world: World) -> None:
    insert(world.storage.table("contractA"), "k")
    assert world.storage.table("contractB").get("p", "k") is None
    assert world.storage.table("CONTRACTa").get("p", "k") is not None
    world.storage.table("contractA").write([Delete("p", "k")])


def test_a_replace_wins_once_for_each_etag(table: Table) -> None:
    old = insert(table, "k", "1")
    won = table.write([Replace(Row("p", "k", "2", old))])
    assert won is not None
    assert won[0] != old
    assert table.write([Replace(Row("p", "k", "3", old))]) is None
    assert table.get("p", "k") == Row("p", "k", "2", won[0])


def test_a_replace_of_a_row_that_is_gone_loses(table: Table) -> None:
    old = insert(table, "k")
    table.write([Delete("p", "k")])
    assert table.write([Replace(Row("p", "k", "2", old))]) is None
    assert table.get("p", "k") is None


def test_an_etag_from_before_a_row_was_deleted_and_made_again_is_stale(table: Table) -> None:
    old = insert(table, "k", "same")
    table.write([Delete("p", "k")])
    insert(table, "k", "same")
    assert table.write([Replace(Row("p", "k", "2", old))]) is None


def test_an_upsert_writes_whatever_is_there(table: Table) -> None:
    first = table.write([Upsert(Row("p", "k", "1"))])
    second = table.write([Upsert(Row("p", "k", "2"))])
    assert first is not None
    assert second is not None
    assert table.get("p", "k") == Row("p", "k", "2", second[0])
    assert table.write([Replace(Row("p", "k", "3", first[0]))]) is None


def test_shorter_data_leaves_nothing_of_longer_data_behind(table: Table) -> None:
    etag = insert(table, "k", "x" * 100_000)
    etags = table.write([Replace(Row("p", "k", "short", etag))])
    assert etags is not None
    assert table.get("p", "k") == Row("p", "k", "short", etags[0])


def test_a_delete_without_etag_is_content_with_a_missing_row(table: Table) -> None:
    assert table.write([Delete("p", "k")]) == ("",)
    insert(table, "k")
    assert table.write([Delete("p", "k")]) == ("",)
    assert table.get("p", "k") is None


def test_a_delete_with_etag_needs_the_row_as_it_was(table: Table) -> None:
    old = insert(table, "k", "1")
    etags = table.write([Replace(Row("p", "k", "2", old))])
    assert etags is not None
    assert table.write([Delete("p", "k", old)]) is None
    assert table.write([Delete("p", "k", etags[0])]) == ("",)
    assert table.write([Delete("p", "k", etags[0])]) is None


def test_a_batch_writes_all_and_returns_an_etag_for_each(table: Table) -> None:
    old = insert(table, "replaced", "1")
    insert(table, "deleted")
    held = insert(table, "held")
    writes: list[Write] = [
        Delete("p", "deleted"),
        Insert(Row("p", "new", "n")),
        Delete("p", "held", held),
        Replace(Row("p", "replaced", "2", old)),
        Upsert(Row("p", "upserted", "u")),
    ]
    etags = table.write(writes)
    assert etags is not None
    assert etags[0] == etags[2] == ""
    assert table.scan("p").rows == (
        Row("p", "new", "n", etags[1]),
        Row("p", "replaced", "2", etags[3]),
        Row("p", "upserted", "u", etags[4]),
    )


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("loser", ["insert", "replace", "replace of none", "delete"])
def test_one_lost_condition_anywhere_undoes_the_whole_batch(table: Table, loser: str, place: int) -> None:
    stale = insert(table, "k", "1")
    table.write([Replace(Row("p", "k", "2", stale))])
    losers: dict[str, Write] = {
        "insert": Insert(Row("p", "k", "mine")),
        "replace": Replace(Row("p", "k", "mine", stale)),
        "replace of none": Replace(Row("p", "none", "mine", stale)),
        "delete": Delete("p", "k", stale),
    }
    writes: list[Write] = [Insert(Row("p", "a", "")), Upsert(Row("p", "b", ""))]
    writes.insert(place, losers[loser])
    assert table.write(writes) is None
    assert [(row.key, row.data) for row in table.scan("p").rows] == [("k", "2")]


def test_deletes_of_missing_rows_do_not_stop_a_batch(table: Table) -> None:
    writes: list[Write] = [
        Delete("p", "a"),
        Upsert(Row("p", "b", "")),
        Delete("p", "c"),
        Insert(Row("p", "d", "")),
    ]
    etags = table.write(writes)
    assert etags is not None
    assert [bool(etag) for etag in etags] == [False, True, False, True]
    assert keys(table) == ["b", "d"]
    assert table.write([Delete("p", "a"), Delete("p", "c")]) == ("", "")


def test_a_batch_that_loses_after_a_delete_of_a_missing_row_still_loses(table: Table) -> None:
    insert(table, "k", "1")
    assert table.write([Delete("p", "a"), Upsert(Row("p", "b", "")), Insert(Row("p", "k", "2"))]) is None
    assert keys(table) == ["k"]


def test_a_hundred_writes_go_in_one_batch(table: Table) -> None:
    etags = table.write([Insert(Row("p", f"{number:03}", "x")) for number in range(100)])
    assert etags is not None
    assert len(etags) == 100
    assert len(keys(table)) == 100


def test_of_fifty_threads_that_insert_one_key_exactly_one_wins(table: Table) -> None:
    def contend(number: int) -> bool:
        return table.write([Insert(Row("p", "k", "the same")), Insert(Row("p", f"of-{number}", ""))]) is not None

    with ThreadPoolExecutor(50) as threads:
        won = list(threads.map(contend, range(50)))
    assert won.count(True) == 1
    assert keys(table) == ["k", f"of-{won.index(True)}"]


def test_threads_that_count_with_etags_lose_no_count(table: Table) -> None:
    insert(table, "count", "0")

    def add(_: int) -> None:
        while True:
            row = table.get("p", "count")
            assert row is not None
            if table.write([Replace(Row("p", "count", str(int(row.data) + 1), row.etag))]):
                return

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(add, range(20)))
    row = table.get("p", "count")
    assert row is not None
    assert row.data == "20"


def test_a_scan_of_nothing_is_an_empty_page_without_a_next(table: Table) -> None:
    page = table.scan("p")
    assert page.rows == ()
    assert page.next_key is None


def test_a_range_holds_its_start_and_not_its_end(table: Table) -> None:
    table.write([Insert(Row("p", key, "")) for key in "dacb"])
    assert [row.key for row in table.scan("p", start="b", end="d").rows] == ["b", "c"]
    assert [row.key for row in table.scan("p", start="bb").rows] == ["c", "d"]
    assert table.scan("p", end="").rows == ()


def test_an_end_may_be_the_character_behind_a_prefix_though_keys_may_not_hold_it(table: Table) -> None:
    table.write([Insert(Row("p", key, "")) for key in ("i.9", "j", "j.", "j.1", "j.~", "j0", "k")])
    assert [row.key for row in table.scan("p", start="j.", end="j/").rows] == ["j.", "j.1", "j.~"]


def test_a_next_key_is_given_only_when_there_are_more_rows(table: Table) -> None:
    table.write([Insert(Row("p", key, "")) for key in "abc"])
    assert table.scan("p", limit=2).next_key == "c"
    assert table.scan("p", limit=3).next_key is None
    assert table.scan("p", end="c", limit=2).next_key is None


def test_pages_of_a_long_range_join_without_gap_or_overlap(table: Table) -> None:
    wanted = [f"{number:05}" for number in range(2_300)]
    for start in range(0, len(wanted), 100):
        table.write([Insert(Row("p", key, key)) for key in wanted[start : start + 100]])
    assert joined(table, PAGE_ROWS) == wanted
    assert joined(table, 700) == wanted
    assert len(table.scan("p", start="00100", end="01100").rows) == 1_000
    assert table.scan("p", start="00100", end="01100").next_key is None
    assert table.scan("p", start="00100", end="01101").next_key == "01100"


def joined(table: Table, limit: int) -> list[str]:
    found: list[str] = []
    start: str | None = ""
    while start is not None:
        page = table.scan("p", start=start, limit=limit)
        found += [row.key for row in page.rows]
        start = page.next_key
    return found


def test_keys_come_in_order_of_code_points(table: Table) -> None:
    unordered = [
        "é",
        "z",
        "Z",
        "a b",
        "a",
        "ä",
        "\ue000",
        "\uffff",
        "漢",
        "~",
        "",
        " ",
        "|",
        "10",
        "9",
        "a'b",
        "%2F",
    ]
    table.write([Insert(Row("p", key, "")) for key in unordered])
    assert keys(table) == sorted(unordered)


@pytest.mark.parametrize(
    "key", ["", "it's", "100%", "a%2Fb", "a b", " a ", "ü.漢|~", "..", 'a+b&c=d;e:f,g@(h)$*!^`"<>']
)
def test_a_permitted_key_serves_in_every_operation(table: Table, key: str) -> None:
    first = table.write([Insert(Row(key, key, "1"))])
    assert first is not None
    second = table.write([Replace(Row(key, key, "2", first[0])), Insert(Row(key, f"{key}x", ""))])
    assert second is not None
    assert table.get(key, key) == Row(key, key, "2", second[0])
    assert [row.key for row in table.scan(key, start=key, end=f"{key}x").rows] == [key]
    assert table.write([Delete(key, key, second[0]), Delete(key, f"{key}x")]) == ("", "")
    assert table.scan(key).rows == ()


@pytest.mark.parametrize("name", ["ab", "a" * 64, "1abc", "a-b-c", "a_bc", "äbc", "tables", "Tables", ""])
def test_a_name_that_no_table_may_have_is_refused(world: World, name: str) -> None:
    with pytest.raises(ValueError, match="cannot name a table"):
        world.storage.table(name)
