"""Who holds a slot, who waits, and whose place is taken."""

import pytest

from shared.core.slots import Slots


def test_who_came_first_goes_first() -> None:
    slots = Slots().entered("a", 1).entered("b", 1).entered("c", 1)
    assert (slots.holders, slots.waiting) == (("a",), ("b", "c"))
    assert slots.left("a", 1).holders == ("b",)


def test_a_later_run_takes_the_place_of_the_oldest_and_waits_until_that_has_ended() -> None:
    slots = Slots().superseding("a", 1).superseding("b", 1)
    assert (slots.holders, slots.waiting, slots.superseded) == (("a",), ("b",), {"a": "b"})
    ended = slots.left("a", 1)
    assert (ended.holders, ended.waiting, ended.superseded) == (("b",), (), {})


def test_of_several_that_come_only_the_newest_matters() -> None:
    slots = Slots().superseding("a", 1).superseding("b", 1).superseding("c", 1)
    assert (slots.holders, slots.waiting) == (("a",), ("c",))
    assert slots.superseded == {"a": "b", "b": "c"}
    assert not slots.waits("b")


@pytest.mark.parametrize(("limit", "gone"), [(1, {"a": "d", "b": "d", "c": "d"}), (3, {"a": "d"}), (4, {})])
def test_as_many_are_superseded_as_the_limit_asks_for(limit: int, gone: dict[str, str]) -> None:
    slots = Slots(holders=("a", "b", "c")).superseding("d", limit)
    assert slots.superseded == gone
    assert ("d" in slots.holders) is (limit == 4)


def test_during_a_pause_only_who_was_wanted_all_the_same_gets_a_free_slot() -> None:
    slots = Slots(holders=("a",), waiting=("b",)).entered("wanted", 1, paused=True)
    left = slots.left("a", 1, paused=True)
    assert (left.holders, left.waiting, left.ahead) == (("wanted",), ("b",), ())
    assert left.left("wanted", 1, paused=True).holders == ()
    assert left.left("wanted", 1).holders == ("b",)


def test_after_a_deploy_that_lowered_the_limit_an_older_run_lets_in_no_more_than_the_new_one() -> None:
    slots = Slots().entered("old-1", 2).entered("old-2", 2).entered("new-1", 1).entered("new-2", 1)
    slots = slots.left("old-1", 2)
    assert slots.holders == ("old-2",)
    assert slots.left("old-2", 2).holders == ("new-1",)
