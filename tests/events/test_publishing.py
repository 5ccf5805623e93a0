"""From a saved state change to the topic and back to the mark, over the embedded store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from shared.core.alerts import Alert
from shared.core.errors import RefusedError, TryLaterError
from shared.core.facts import Verdict
from shared.core.run import Error
from shared.relay.advance import advance
from shared.relay.alert_streams import MOST_REFUSALS
from shared.relay.alerts import LONGEST_REST_SECONDS, publish, raise_alert
from shared.relay.cancel import cancel
from shared.relay.start import AlreadyRunningError
from shared.relay.world import Alerts
from shared.store.alerts import AlertMarks
from shared.store.outbox import Outbox
from shared.web.alerts import alerts_view
from tests.unit.relay.small_world import T0, SmallWorld, a_chain, a_step

DOWN = TryLaterError("service_unavailable", "HTTP 503")


@dataclass
class FakeTopic:
    """Keeps what it takes. `down`: takes nothing; `refuses`: none of these types; `loses`: answers to so many."""

    taken: list[Alert] = field(default_factory=list)
    requests: list[int] = field(default_factory=list)
    down: TryLaterError | None = None
    refuses: set[str] = field(default_factory=set)
    loses: int = 0

    def send(self, alerts: Sequence[Alert]) -> None:
        self.requests.append(len(alerts))
        if self.down is not None:
            raise self.down
        if any(alert.type in self.refuses for alert in alerts):
            raise RefusedError("bad_request", "HTTP 400")
        self.taken += alerts
        if self.loses:
            self.loses -= 1
            raise TryLaterError("no_answer", "No answer.")

    def rests(self) -> bool:
        return False

    @property
    def types(self) -> list[str]:
        return [alert.type.removeprefix("baton.") for alert in self.taken]


class AlertingWorld(SmallWorld):
    """A small world with a topic."""

    def __init__(self) -> None:
        super().__init__()
        self.topic = FakeTopic()
        table = self.storage.table("baton")
        self.alerts = Alerts(sink=self.topic, marks=AlertMarks(table), outbox=Outbox(table))
        self.world = replace(self.world, alerts=self.alerts)

    def through(self, seconds: float) -> None:
        """With messages and ticks."""
        self.pass_time(seconds, ticks=())

    def wait(self) -> int:
        return len(list(self.alerts.marks.all())) + len(list(self.alerts.outbox.waiting()))


@pytest.fixture
def small() -> AlertingWorld:
    return AlertingWorld()


def an_alert(subject: str, sequence: int, kind: str = "baton.run.late") -> Alert:
    return Alert(id=f"{subject}.{sequence}", type=kind, subject=subject, time=T0, sequence=sequence, data={})


def test_a_run_that_succeeds_is_told_when_it_starts_and_when_it_ends(small: AlertingWorld) -> None:
    small.start(a_chain(a_step("load")))
    small.pass_time(2)
    assert small.topic.types == ["run.started"]
    small.service.end("job-1")
    small.pass_time(10)
    assert small.topic.types == ["run.started", "run.succeeded"]
    assert small.wait() == 0


def test_nothing_is_left_of_a_run_that_has_been_told(small: AlertingWorld) -> None:
    small.start(a_chain(a_step("load")))
    small.service.end("job-1")
    small.through(200)
    rows = small.storage.table("baton").scan("index").rows
    assert [row.key[:2] for row in rows] == ["p.", "r."]
    assert small.queue.length() == 0


def test_a_step_that_fails_for_good_is_told_before_its_run_and_an_attempt_that_is_retried_is_not(
    small: AlertingWorld,
) -> None:
    small.start(a_chain(a_step("load", retries=1, retry_delay_seconds=1)))
    for number in (1, 2):
        small.pass_time(10)
        small.service.end(f"job-{number}", Verdict.FAILED, error=Error("job_failed", f"Attempt {number}."))
    small.pass_time(30)
    assert small.topic.types == ["run.started", "step.failed", "run.failed"]
    assert small.topic.taken[1].data["attempt"] == 2
    assert small.topic.taken[1].data["error"]["message"] == "Attempt 2."
    assert small.topic.requests == [1, 2], "what one save made is one request"


def test_a_step_that_fails_beside_one_that_goes_on_is_told_at_once(small: AlertingWorld) -> None:
    small.start(a_chain(a_step("a"), a_step("b")))
    small.pass_time(5)
    small.service.end("job-1", Verdict.FAILED)
    small.pass_time(10)
    assert small.topic.types == ["run.started", "step.failed"]
    assert small.wait() == 0
    small.service.end("job-2")
    small.pass_time(60)
    assert small.topic.types == ["run.started", "step.failed", "run.failed"]


def test_a_cancelled_run_is_told_once_however_often_its_messages_come(small: AlertingWorld) -> None:
    run = small.start(a_chain(a_step("load")))
    cancel(small.world, run.id)
    small.through(30)
    for _ in range(3):
        advance(small.world, run.id)
        publish(small.world, [run.id])
        small.through(90)
    assert small.topic.types == ["run.started", "run.cancelled"]


def test_a_lost_message_costs_two_minutes_and_no_event(small: AlertingWorld) -> None:
    small.start(a_chain(a_step("load")))
    small.lose_messages()
    small.through(125)
    assert small.topic.types == ["run.started"]
    small.service.end("job-1")
    run_id = small.topic.taken[0].data["run_id"]
    while small.run(run_id).status == "running":
        small.pass_time(1, messages=False, ticks=())
        for message in small.queue.receive(limit=1):
            small.queue.delete(message)
            small.handle(message.body)
    small.lose_messages()
    small.through(125)
    assert small.topic.types == ["run.started", "run.succeeded"]


def test_a_lost_answer_repeats_the_same_events_in_the_same_order(small: AlertingWorld) -> None:
    small.topic.loses = 1
    small.start(a_chain(a_step("load")))
    small.through(150)
    first, again = small.topic.taken
    assert first == again


def test_a_topic_that_is_down_is_asked_seldom_and_nothing_waits_for_it(small: AlertingWorld) -> None:
    small.topic.down = DOWN
    run = small.start(a_chain(a_step("load")))
    small.through(600)
    small.service.end("job-1")
    small.through(60)
    assert small.run(run.id).status == "succeeded"
    small.topic.requests.clear()
    small.through(3_600)
    assert 10 <= len(small.topic.requests) <= 20
    view = alerts_view(small.world)
    assert (view["status"], view["waiting"]) == ("failing", 1)
    assert view["problems"][0]["code"] == "service_unavailable"
    small.topic.down = None
    small.through(LONGEST_REST_SECONDS * 1.25 + 120)
    assert small.topic.types == ["run.started", "run.succeeded"]
    assert alerts_view(small.world) == {
        "status": "ok", "configured": True, "waiting": 0, "waiting_since": None, "problems": []
    }  # fmt: skip


def test_a_topic_that_asks_for_time_gets_it(small: AlertingWorld) -> None:
    small.topic.down = TryLaterError("throttled", "HTTP 429", after_seconds=1_800)
    small.start(a_chain(a_step("load")))
    small.pass_time(2)
    small.topic.requests.clear()
    small.through(1_700)
    assert small.topic.requests == []
    small.topic.down = None
    small.through(200)
    assert small.topic.types == ["run.started"]


def test_an_event_that_is_refused_holds_up_nobody_elses_and_in_the_end_not_its_own_run(
    small: AlertingWorld, caplog: pytest.LogCaptureFixture
) -> None:
    small.topic.refuses = {"baton.step.failed"}
    first = small.start(a_chain(a_step("load")))
    second = small.start(a_chain(a_step("load")))
    small.pass_time(5)
    small.service.end("job-1", Verdict.FAILED)
    small.service.end("job-2")
    small.through(295)
    told = {run.id: [a.type for a in small.topic.taken if a.data["run_id"] == run.id] for run in (first, second)}
    assert told[second.id] == ["baton.run.started", "baton.run.succeeded"]
    assert told[first.id] == ["baton.run.started"]
    for _ in range(7 * 60):
        small.now += timedelta(seconds=59)
        small.through(1)
    assert [a.type for a in small.topic.taken if a.data["run_id"] == first.id][1:] == ["baton.run.failed"]
    assert small.wait() == 0
    assert "action=alert_given_up" in caplog.text
    assert caplog.text.count("action=alert_refused") == MOST_REFUSALS - 1
    assert [problem["code"] for problem in alerts_view(small.world)["problems"]] == ["alert_given_up"]


def test_many_runs_that_wait_are_sent_in_few_requests(small: AlertingWorld) -> None:
    small.topic.down = DOWN
    for _ in range(120):
        small.start(a_chain(a_step("load")))
    small.through(30)
    small.topic.down = None
    small.topic.requests.clear()
    small.through(300)
    assert len({alert.id for alert in small.topic.taken}) == 120
    assert len(small.topic.requests) <= 8


def test_a_start_that_was_refused_leaves_nothing_to_send(small: AlertingWorld) -> None:
    chain = a_chain(a_step("load"), max_running=1, overlap="skip")
    small.start(chain)
    small.pass_time(2)
    with pytest.raises(AlreadyRunningError):
        small.start(chain)
    assert small.wait() == 0


def test_runs_that_waited_for_their_turn_go_on_and_are_told(small: AlertingWorld) -> None:
    small.topic.down = DOWN
    chain = a_chain(a_step("load"), max_running=1)
    runs = [small.start(chain) for _ in range(3)]
    for number in range(1, 4):
        small.through(20)
        small.service.end(f"job-{number}")
        small.through(20)
    assert {small.run(run.id).status for run in runs} == {"succeeded"}
    small.topic.down = None
    small.through(500)
    for run in runs:
        told = [alert.type for alert in small.topic.taken if alert.data["run_id"] == run.id]
        assert told == ["baton.run.started", "baton.run.succeeded"]


def test_a_run_that_began_before_there_was_a_topic_is_told_at_its_end(small: AlertingWorld) -> None:
    alerting, small.world = small.world, replace(small.world, alerts=None)
    small.start(a_chain(a_step("load")))
    small.pass_time(5)
    small.world = alerting
    small.service.end("job-1")
    small.through(60)
    assert small.topic.types == ["run.started", "run.succeeded"]


def test_without_a_topic_there_is_no_row_and_no_message_of_it() -> None:
    small = SmallWorld()
    small.start(a_chain(a_step("load")))
    assert small.queue.length() == 1, "the watch"
    small.service.end("job-1", Verdict.FAILED)
    small.pass_time(120, ticks=())
    keys = {row.key[:2] for row in small.storage.table("baton").scan("index").rows}
    assert keys == {"p.", "r."}
    assert small.storage.table("baton").scan("outbox").rows == ()
    assert alerts_view(small.world)["configured"] is False


def test_a_state_and_its_event_are_saved_together_or_not_at_all(small: AlertingWorld) -> None:
    late = an_alert("chains/sales", 1)
    assert raise_alert(small.world, "deadline.sales", "late", "", late)
    assert not raise_alert(small.world, "deadline.sales", "late", "", late)
    held = small.alerts.outbox.state("deadline.sales")
    assert held is not None
    assert held.data == "late"
    assert raise_alert(small.world, "deadline.sales", "fine", held.etag, an_alert("chains/sales", 2))
    assert not raise_alert(small.world, "deadline.sales", "late", held.etag, an_alert("chains/sales", 3))
    small.deliver()
    assert [alert.sequence for alert in small.topic.taken] == [1, 2]
    assert small.wait() == 0
    assert small.alerts.outbox.states("deadline.").keys() == {"deadline.sales"}


def test_events_of_one_subject_keep_their_order_and_block_no_other(small: AlertingWorld) -> None:
    small.topic.refuses = {"baton.odd"}
    raise_alert(small.world, "a", "1", "", an_alert("chains/a", 1, "baton.odd"))
    raise_alert(small.world, "b", "1", "", an_alert("chains/a", 2))
    raise_alert(small.world, "c", "1", "", an_alert("chains/b", 1))
    small.through(5)
    assert [alert.subject for alert in small.topic.taken] == ["chains/b"]
    small.topic.refuses.clear()
    small.through(200)
    assert [(alert.subject, alert.sequence) for alert in small.topic.taken[1:]] == [
        ("chains/a", 1),
        ("chains/a", 2),
    ]


def test_an_event_of_the_outbox_that_nobody_takes_is_given_up(small: AlertingWorld) -> None:
    small.topic.refuses = {"baton.odd"}
    raise_alert(small.world, "a", "1", "", an_alert("chains/a", 1, "baton.odd"))
    raise_alert(small.world, "b", "1", "", an_alert("chains/a", 2))
    for _ in range(7 * 60):
        small.now += timedelta(seconds=59)
        small.through(1)
    assert [alert.sequence for alert in small.topic.taken] == [2]
    assert small.wait() == 0
