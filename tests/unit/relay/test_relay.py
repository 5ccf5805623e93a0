"""Start, advance, watch, cancel and tick, over the embedded store and a service that tests steer."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.core.definition import Parameter, Schedule
from shared.core.errors import RefusedError, TryLaterError, UnclearError
from shared.core.facts import Verdict
from shared.core.ids import newest_first
from shared.core.run import Error, RunStatus, StepStatus
from shared.core.timing import MISSING_SECONDS
from shared.relay.advance import advance
from shared.relay.cancel import FinishedError, cancel
from shared.relay.start import AlreadyRunningError, BadParametersError, TooManyWaitingError
from shared.relay.tick import tick
from shared.relay.watch import INLINE_ADVANCES
from shared.storage.base import Row, StorageUnavailableError, Upsert
from tests.unit.relay.small_world import T0, SmallWorld, a_chain, a_step

LOST = UnclearError("no_answer", "The response was lost.")


@pytest.fixture
def small() -> SmallWorld:
    return SmallWorld()


def statuses(small: SmallWorld, run_id: str) -> dict[str, str]:
    return {step.name: step.status.value for step in small.run(run_id).steps}


def test_a_chain_runs_to_its_end_and_every_state_on_the_way_is_kept(small: SmallWorld) -> None:
    run = small.start(a_chain())
    assert statuses(small, run.id) == {"load": "running", "refresh": "waiting"}
    small.pass_time(20)
    small.service.end("job-1", output={"rows": 7})
    small.pass_time(10)
    assert statuses(small, run.id) == {"load": "succeeded", "refresh": "running"}
    small.service.end("job-2")
    small.pass_time(10)
    assert small.run(run.id).status is RunStatus.SUCCEEDED
    told = [(change.step, change.event) for change in small.world.runs.transitions(run.id)]
    assert told == [
        (None, "begin"),
        ("load", "intend"),
        ("load", "start"),
        ("load", "succeed"),
        ("refresh", "intend"),
        ("refresh", "start"),
        ("refresh", "succeed"),
        (None, "succeed"),
    ]


def test_when_nothing_runs_nothing_costs(small: SmallWorld) -> None:
    run = small.start(a_chain(a_step("load")))
    small.service.end("job-1")
    small.pass_time(200, ticks=())
    assert small.run(run.id).status is RunStatus.SUCCEEDED
    assert small.queue.length() == 0
    assert list(small.world.runs.pointers()) == []
    assert list(small.world.places.watches()) == []
    looks = small.service.looks
    small.pass_time(300, ticks=())
    assert small.service.looks == looks


def test_the_same_cause_gives_the_same_run(small: SmallWorld) -> None:
    first = small.start(a_chain(), cause="key a")
    again = small.start(a_chain(), cause="key a")
    other = small.start(a_chain(), cause="key b")
    assert first.id == again.id != other.id
    assert len(small.service.jobs) == 2


def test_a_start_whose_answer_was_lost_is_adopted_not_repeated(small: SmallWorld) -> None:
    small.service.start_fails_after = [LOST]
    run = small.start(a_chain(a_step("load")))
    assert statuses(small, run.id) == {"load": "starting"}
    small.pass_time(10)
    assert statuses(small, run.id) == {"load": "running"}
    assert list(small.service.jobs) == ["job-1"]


def test_a_lost_start_that_the_service_lists_late_is_still_adopted(small: SmallWorld) -> None:
    small.service.start_fails_after = [LOST]
    small.service.hidden.add("job-1")
    run = small.start(a_chain(a_step("load")))
    small.pass_time(100)
    assert statuses(small, run.id) == {"load": "starting"}
    small.service.hidden.clear()
    small.pass_time(40)
    assert statuses(small, run.id) == {"load": "running"}
    assert list(small.service.jobs) == ["job-1"]


def test_a_lost_start_that_never_happened_is_made_after_the_grace_period(small: SmallWorld) -> None:
    small.service.start_fails = [LOST]
    run = small.start(a_chain(a_step("load")))
    small.pass_time(115)
    assert small.service.jobs == {}
    small.pass_time(60)
    assert list(small.service.jobs) == ["job-1"]
    assert statuses(small, run.id) == {"load": "running"}


def test_an_id_that_belongs_to_another_step_is_not_taken_for_a_success(small: SmallWorld) -> None:
    first = small.start(a_chain(a_step("load")))
    small.service.same_id = "job-1"
    order = small.service.orders["job-1"]
    second = small.start(a_chain(a_step("load")))
    small.service.orders["job-1"] = order
    small.service.same_id = None
    assert statuses(small, second.id) == {"load": "starting"}
    small.pass_time(200)
    assert statuses(small, second.id) == {"load": "running"}
    jobs = [small.run(run_id).step("load").job for run_id in (first.id, second.id)]
    assert [job and job.id for job in jobs] == ["job-1", "job-2"]


def test_a_throttled_start_is_made_when_the_service_allows_it(small: SmallWorld) -> None:
    small.service.start_fails = [TryLaterError("throttled", "429", 300)]
    run = small.start(a_chain(a_step("load")))
    small.pass_time(299)
    assert statuses(small, run.id) == {"load": "waiting"}
    small.pass_time(5)
    assert statuses(small, run.id) == {"load": "running"}


def test_a_refused_start_ends_the_run_before_the_call_returns(small: SmallWorld) -> None:
    small.service.start_fails = [RefusedError("not_found", "No such pipeline.")]
    run = small.start(a_chain())
    assert run.status is RunStatus.FAILED
    assert run.error == Error("not_found", "Step 'load': No such pipeline.")


@pytest.mark.parametrize(
    "error",
    [
        TryLaterError("throttled", "429", 3_392),
        RefusedError("forbidden", "The role is gone."),
        TryLaterError("service_unavailable", "503"),
    ],
)
def test_a_failed_look_is_no_verdict(small: SmallWorld, error: TryLaterError | RefusedError) -> None:
    run = small.start(a_chain(a_step("load")))
    small.service.observe_fails = [error]
    small.pass_time(60)
    assert statuses(small, run.id) == {"load": "running"}
    small.service.end("job-1")
    small.pass_time(3_500)
    assert small.run(run.id).status is RunStatus.SUCCEEDED
    assert small.service.cancelled == []


def test_a_long_retry_after_is_waited_for_without_a_call(small: SmallWorld) -> None:
    small.start(a_chain(a_step("load")))
    small.service.observe_fails = [TryLaterError("throttled", "429", 3_392)]
    small.pass_time(5)
    looks = small.service.looks
    small.pass_time(3_300, ticks=())
    assert small.service.looks == looks


def test_losing_every_message_delays_a_run_by_minutes_and_loses_nothing(small: SmallWorld) -> None:
    run = small.start(a_chain())
    assert small.lose_messages() == 1
    small.service.end("job-1")
    small.pass_time(200, ticks=())
    assert statuses(small, run.id) == {"load": "succeeded", "refresh": "running"}
    small.lose_messages()
    small.service.end("job-2")
    small.pass_time(200, ticks=())
    assert small.run(run.id).status is RunStatus.SUCCEEDED


def test_a_look_whose_message_is_late_by_minutes_is_made_when_it_comes(small: SmallWorld) -> None:
    run = small.start(a_chain())
    small.service.end("job-1")
    small.pass_time(3)
    small.pass_time(10, messages=False)
    [late] = small.queue.receive()  # the look at job-2, behind thousands of other messages
    small.service.end("job-2")
    for _ in range(5):  # the timer has the look sent again, and those messages are late as well
        small.pass_time(120, messages=False, ticks=())
    small.handle(late.body)
    assert small.run(run.id).status is RunStatus.SUCCEEDED


def test_a_new_job_does_not_put_off_a_look_that_is_late(small: SmallWorld) -> None:
    run = small.start(a_chain(a_step("load")))
    small.service.end("job-1")
    small.pass_time(10, messages=False)
    [late] = small.queue.receive()
    small.start(a_chain(a_step("load")))
    small.handle(late.body)
    assert small.run(run.id).status is RunStatus.SUCCEEDED


def test_copies_of_a_look_that_was_made_die_out(small: SmallWorld) -> None:
    small.start(a_chain())
    for _ in range(3):
        small.pass_time(120, messages=False, ticks=())
    copies = [message.body for message in small.queue.receive(limit=32)]
    assert len(copies) > 1
    for copy in copies:
        small.handle(copy)
    assert small.service.looks == 1


def test_a_run_accepted_by_a_process_that_died_at_once_is_found_by_the_timer(small: SmallWorld) -> None:
    class DiedError(Exception):
        pass

    small.service.start_fails = [DiedError()]  # type: ignore[list-item]
    with pytest.raises(DiedError):
        small.start(a_chain(a_step("load")))
    [pointer] = small.world.runs.pointers()
    assert statuses(small, pointer.run_id) == {"load": "starting"}
    small.pass_time(400, ticks=())
    assert statuses(small, pointer.run_id) == {"load": "running"}
    assert list(small.service.jobs) == ["job-1"]


def test_an_accepted_run_is_not_refused_because_storage_failed_afterwards(small: SmallWorld) -> None:
    small.service.start_fails = [StorageUnavailableError("gone for a moment")]  # type: ignore[list-item]
    run = small.start(a_chain(a_step("load")))
    assert run.status is RunStatus.RUNNING
    small.pass_time(400, ticks=())
    assert statuses(small, run.id) == {"load": "running"}
    assert list(small.service.jobs) == ["job-1"]


def test_a_job_that_is_not_listed_yet_is_waited_for(small: SmallWorld) -> None:
    small.service.hidden.add("job-1")
    run = small.start(a_chain(a_step("load")))
    small.pass_time(MISSING_SECONDS - 60, ticks=())
    assert statuses(small, run.id) == {"load": "running"}
    small.service.hidden.clear()
    small.service.end("job-1")
    small.pass_time(120, ticks=())
    assert small.run(run.id).status is RunStatus.SUCCEEDED


def test_a_job_that_is_never_listed_fails_and_says_so(small: SmallWorld) -> None:
    small.service.hidden.add("job-1")
    run = small.start(a_chain(a_step("load")))
    small.pass_time(2 * MISSING_SECONDS, ticks=())
    error = small.run(run.id).step("load").error
    assert error is not None
    assert error.code == "job_missing"


def test_a_timeout_cancels_the_job_and_the_next_attempt_follows(small: SmallWorld) -> None:
    run = small.start(a_chain(a_step("load", timeout_seconds=60, retries=1, retry_delay_seconds=30)))
    small.pass_time(70, ticks=())
    assert small.service.cancelled == ["job-1"]
    small.pass_time(60, ticks=())
    assert list(small.service.jobs) == ["job-1", "job-2"]
    assert small.run(run.id).step("load").attempt == 2


def test_cancelling_stops_jobs_and_starts_nothing_more(small: SmallWorld) -> None:
    run = small.start(a_chain())
    after = cancel(small.world, run.id)
    assert after is not None
    assert small.service.cancelled == ["job-1"]
    small.pass_time(10)
    assert small.run(run.id).status is RunStatus.CANCELLED
    assert list(small.service.jobs) == ["job-1"]
    with pytest.raises(FinishedError):
        cancel(small.world, run.id)


def test_cancelling_what_is_not_there_says_so(small: SmallWorld) -> None:
    assert cancel(small.world, "nope") is None


def test_with_max_running_further_runs_wait_in_order(small: SmallWorld) -> None:
    chain = a_chain(a_step("load"), max_running=1)
    runs = [small.start(chain).id for _ in range(3)]
    assert list(small.service.jobs) == ["job-1"]
    small.service.end("job-1")
    small.pass_time(10)
    assert [small.run(run_id).step("load").status.value for run_id in runs] == ["succeeded", "running", "waiting"]
    cancel(small.world, runs[1])
    small.pass_time(10)
    assert small.run(runs[2]).step("load").status is StepStatus.RUNNING


def test_a_waiting_run_whose_wake_up_was_lost_is_found_by_the_timer(small: SmallWorld) -> None:
    chain = a_chain(a_step("load"), max_running=1)
    small.start(chain)
    second = small.start(chain)
    small.service.end("job-1")
    small.pass_time(3)
    small.lose_messages()
    small.pass_time(300, ticks=())
    assert small.run(second.id).step("load").status is StepStatus.RUNNING


def test_with_overlap_skip_further_runs_are_refused(small: SmallWorld) -> None:
    chain = a_chain(a_step("load"), max_running=1, overlap="skip")
    first = small.start(chain)
    with pytest.raises(AlreadyRunningError) as refused:
        small.start(chain)
    assert refused.value.running == (first.id,)
    assert [pointer.run_id for pointer in small.world.runs.pointers()] == [first.id]


def test_more_waiting_runs_than_anybody_can_want_are_refused(small: SmallWorld) -> None:
    chain = a_chain(a_step("load"), max_running=1)
    slots = small.world.runs.slots("sales")
    for number in range(1_001):
        slots = slots.entered(f"r{number}", 1)
    assert (len(slots.holders), len(slots.waiting)) == (1, 1_000)
    run = small.start(chain)
    assert run.status is RunStatus.RUNNING
    for _ in range(1_000):
        small.start(chain)
    with pytest.raises(TooManyWaitingError):
        small.start(chain)


def test_parameters_are_checked_all_at_once(small: SmallWorld) -> None:
    chain = a_chain(parameters={"region": Parameter(required=False, default="emea"), "day": Parameter()})
    with pytest.raises(BadParametersError) as refused:
        small.start(chain, regoin="x")
    assert refused.value.mistakes == (
        "parameters.regoin: chain 'sales' has no such parameter",
        "parameters.day: is required",
    )
    assert small.start(chain, day="mon").parameters == {"region": "emea", "day": "mon"}


def test_a_schedule_fires_each_time_once_however_often_the_timer_ticks(small: SmallWorld) -> None:
    chain = a_chain(a_step("load"), schedule=Schedule(cron="*/5 * * * *"))
    tick(small.world, [chain])
    small.now = T0 + timedelta(minutes=5, seconds=2)
    for _ in range(3):
        tick(small.world, [chain])
    [run] = small.world.runs.newest(status=None, limit=10, cursor=None).runs
    assert (run.trigger.type, run.trigger.time, run.trigger.missed) == ("schedule", T0 + timedelta(minutes=5), ())


def test_after_downtime_the_latest_missed_time_fires_once_and_names_the_others(small: SmallWorld) -> None:
    chain = a_chain(a_step("load"), schedule=Schedule(cron="*/5 * * * *"))
    tick(small.world, [chain])
    small.now = T0 + timedelta(minutes=17)
    tick(small.world, [chain])
    [run] = small.world.runs.newest(status=None, limit=10, cursor=None).runs
    assert run.trigger.time == T0 + timedelta(minutes=15)
    assert run.trigger.missed == (T0 + timedelta(minutes=5), T0 + timedelta(minutes=10))


def test_a_new_or_changed_schedule_does_not_fire_for_the_past(small: SmallWorld) -> None:
    chain = a_chain(a_step("load"), schedule=Schedule(cron="0 5 * * *"))
    tick(small.world, [chain])
    small.now += timedelta(days=3)
    tick(small.world, [replace(chain, schedule=Schedule(cron="1 5 * * *"))])
    assert small.world.runs.newest(status=None, limit=10, cursor=None).runs == ()


def test_two_instances_with_the_same_message_start_one_job(small: SmallWorld) -> None:
    run = small.start(a_chain())
    small.service.end("job-1")
    [message] = small.queue.receive() or [None]
    small.pass_time(3, messages=False)
    messages = small.queue.receive(limit=32)
    for body in [m.body for m in messages] * 3:
        small.handle(body)
    small.pass_time(60)
    assert message is None
    assert list(small.service.jobs) == ["job-1", "job-2"]
    assert small.run(run.id).step("refresh").status is StepStatus.RUNNING


def test_one_look_tells_about_every_job_of_a_place(small: SmallWorld) -> None:
    runs = [small.start(a_chain(a_step("load"))).id for _ in range(40)]
    small.pass_time(30)
    looks = small.service.looks
    assert looks < 30
    for number in range(1, 41):
        small.service.end(f"job-{number}")
    small.pass_time(10)
    assert {small.run(run_id).status for run_id in runs} == {RunStatus.SUCCEEDED}
    assert small.service.looks <= looks + 5


def test_copies_that_come_while_a_look_goes_on_do_not_look_beside_it(small: SmallWorld) -> None:
    small.start(a_chain(a_step("load")))
    small.pass_time(3, messages=False)
    [message] = small.queue.receive()
    small.service.while_observing = lambda: small.handle(message.body)
    small.handle(message.body)
    assert small.service.looks == 1


class SlowQueue:
    """Each message takes a second to send."""

    def __init__(self, small: SmallWorld) -> None:
        self._small = small

    def send(self, body: str, *, delay_seconds: float = 0) -> None:
        self._small.now += timedelta(seconds=1)
        self._small.queue.send(body, delay_seconds=delay_seconds)


def test_a_look_that_has_more_to_tell_than_it_has_time_leaves_the_rest_to_the_next(small: SmallWorld) -> None:
    runs = [small.start(a_chain(a_step("load"))).id for _ in range(60)]
    for number in range(1, len(runs) + 1):
        small.service.end(f"job-{number}")
    small.pass_time(3, messages=False)
    [message] = small.queue.receive()
    begun, small.world = small.now, replace(small.world, queue=SlowQueue(small))
    small.handle(message.body)
    small.queue.delete(message)
    assert small.now - begun <= timedelta(seconds=22)
    small.pass_time(60)
    assert {small.run(run_id).status for run_id in runs} == {RunStatus.SUCCEEDED}


class FastQueue:
    """Another host has handled the message before the one who sent it goes on."""

    def __init__(self, small: SmallWorld) -> None:
        self._small = small

    def send(self, body: str, *, delay_seconds: float = 0) -> None:
        if delay_seconds:
            self._small.queue.send(body, delay_seconds=delay_seconds)
        else:
            self._small.handle(body)


def test_a_job_whose_run_was_told_by_message_is_watched_no_more_however_fast_that_was(small: SmallWorld) -> None:
    small.world = replace(small.world, queue=FastQueue(small))
    for number in range(1, 2 * INLINE_ADVANCES + 1):
        small.start(a_chain(a_step("load")))
        small.service.end(f"job-{number}")
    small.pass_time(10)
    assert small.service.looks == 1
    assert [small.world.places.watched(watch.key) for watch in small.world.places.watches()] == [[]]


def test_a_look_that_is_behind_another_does_not_have_a_job_watched_again(small: SmallWorld) -> None:
    small.start(a_chain(a_step("load")))
    [watch] = small.world.places.watches()
    [job] = small.world.places.watched(watch.key)
    small.world.places.unwatch(watch.key, job.job.id)
    small.world.places.update(watch.key, replace(job, told_at=T0))
    assert small.world.places.watched(watch.key) == []


def test_a_run_whose_row_cannot_be_read_does_not_hold_up_the_others(small: SmallWorld) -> None:
    broken, good = small.start(a_chain(a_step("load"))), small.start(a_chain(a_step("load")))
    row = Row("chain.sales", f"r.{newest_first(broken.id)}", "not what Baton wrote")
    small.storage.table("baton").write([Upsert(row)])
    small.service.end("job-1")
    small.service.end("job-2")
    small.pass_time(120, ticks=())
    assert small.run(good.id).status is RunStatus.SUCCEEDED


def test_a_run_is_finished_with_the_definition_that_it_started_with(small: SmallWorld) -> None:
    run = small.start(a_chain())
    small.service.end("job-1")
    small.pass_time(10, ticks=[a_chain(a_step("other"))])
    assert statuses(small, run.id) == {"load": "succeeded", "refresh": "running"}


def test_an_announced_run_that_was_never_created_is_forgotten_for_good(small: SmallWorld) -> None:
    ghost = "sales.20261121T053000000Z.aaaaaaaa"
    small.world.runs.announce(ghost, small.now, small.now)
    small.pass_time(900, ticks=())
    assert list(small.world.runs.pointers()) == []
    assert small.world.runs.newest(status=None, limit=5, cursor=None).runs == ()
    assert advance(small.world, ghost) is None


def test_lists_go_newest_first_and_page_by_page(small: SmallWorld) -> None:
    made = []
    for number in range(7):
        small.now += timedelta(seconds=1)
        name = "a" if number % 2 else "b"
        made.append(small.start(replace(a_chain(a_step("load")), name=name)).id)
    small.service.end("job-7")
    small.pass_time(10)
    seen, cursor = [], None
    while True:
        page = small.world.runs.newest(status=None, limit=3, cursor=cursor)
        seen += [run.id for run in page.runs]
        cursor = page.cursor
        if cursor is None:
            break
    assert seen == made[::-1]
    of_a = small.world.runs.newest_of("a", status=None, limit=10, cursor=None).runs
    assert [run.id for run in of_a] == made[5::-2]
    ended = small.world.runs.newest(status=RunStatus.SUCCEEDED, limit=10, cursor=None).runs
    assert [run.id for run in ended] == [made[6]]
    running = small.world.runs.newest_of("b", status=RunStatus.RUNNING, limit=2, cursor=None)
    assert [run.id for run in running.runs] == [made[4], made[2]]


def test_a_job_cancelled_by_others_is_told_as_such(small: SmallWorld) -> None:
    run = small.start(a_chain())
    small.service.end("job-1", Verdict.CANCELLED)
    small.pass_time(10)
    told = small.run(run.id)
    assert told.error is not None
    assert (told.status, told.error.code) == (RunStatus.FAILED, "job_cancelled")
