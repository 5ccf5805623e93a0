"""The rows about events, over both stores: what points, what has been sent, and what is saved together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from shared.core.alerts import Alert
from shared.storage.base import Table
from shared.store.alerts import AlertMarks, Due, Unsent
from shared.store.outbox import Outbox

T0 = datetime(2026, 11, 21, 5, 30, tzinfo=UTC)
RUN = "sales.20261121T053000000Z.abcdefgh"


@pytest.fixture
def marks(table: Table) -> AlertMarks:
    made = AlertMarks(table)
    made.point(Due(RUN, T0, T0))
    return made


def unsent(marks: AlertMarks) -> Unsent:
    found = marks.of(RUN)
    assert found is not None
    return found


def test_a_run_under_way_keeps_its_mark_and_loses_its_pointer(marks: AlertMarks) -> None:
    marks.done(unsent(marks), 3, ended=False)
    assert marks.of(RUN) is None
    assert list(marks.all()) == []
    marks.point(Due(RUN, T0, T0))
    assert unsent(marks).sent == 3


def test_of_a_run_that_has_ended_nothing_is_left(marks: AlertMarks, table: Table) -> None:
    halfway = marks.progress(unsent(marks), 2)
    assert unsent(marks).sent == 2
    marks.done(halfway, 7, ended=True)
    marks.done(halfway, 7, ended=True)
    assert table.scan("index").rows == ()


def test_who_was_further_already_stays_so(marks: AlertMarks) -> None:
    early = unsent(marks)
    marks.progress(early, 5)
    assert marks.progress(early, 1).sent == 5
    marks.done(early, 1, ended=False)
    marks.point(Due(RUN, T0, T0))
    assert unsent(marks).sent == 5


def test_what_was_pointed_at_again_meanwhile_stays_pointed_at(marks: AlertMarks) -> None:
    before = unsent(marks)
    marks.point(Due(RUN, T0 + timedelta(minutes=1), T0))
    marks.done(before, 4, ended=False)
    assert unsent(marks).sent == 4
    marks.done(before, 9, ended=True)
    assert unsent(marks).due.due_at == T0 + timedelta(minutes=1)


def test_a_later_time_is_not_given_to_rows_that_have_gone(marks: AlertMarks) -> None:
    other = "sales.20261121T053000000Z.hgfedcba"
    marks.point(Due(other, T0, T0))
    dues = list(marks.all())
    assert len(dues) == 2
    marks.done(unsent(marks), 1, ended=True)
    later = T0 + timedelta(hours=1)
    marks.put_off([Due(due.run_id, later, due.since, due.etag) for due in dues])
    assert [(due.run_id, due.due_at) for due in marks.all()] == [(other, later)]


def test_a_state_and_its_event_are_written_together(table: Table) -> None:
    outbox = Outbox(table)
    alert = Alert(
        id="1", type="baton.run.late", subject="chains/sales", time=T0, sequence=1, data={"chain": "sales"}
    )
    assert outbox.save("deadline.sales", "late", "", alert)
    assert not outbox.save("deadline.sales", "late", "", alert)
    (held,) = outbox.waiting()
    assert held.waiting.alert == alert
    outbox.refused(held, T0)
    (again,) = outbox.waiting()
    assert again.waiting.refusals == 1
    outbox.sent([again])
    outbox.sent([again])
    assert list(outbox.waiting()) == []
    assert outbox.states("deadline.").keys() == {"deadline.sales"}
    assert outbox.topic().since is None
