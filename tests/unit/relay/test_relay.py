"""Start, advance, watch, cancel and tick, over the embedded store and a service that tests steer."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.core.definition import Credential, Parameter, Schedule
from shared.core.errors import RefusedError, TryLaterError, UnclearError
from shared.core.facts import Observed, Verdict
from shared.core.ids import newest_first
from shared.core.run import Error, Job, Run, RunStatus, StepStatus
from shared.core.slots import Slots
from shared.core.timing import MISSING_SECONDS
from shared.relay.advance import advance
from shared.relay.cancel import FinishedError, cancel
from shared.relay.start import AlreadyRunningError, BadParametersError, TooManyWaitingError
from shared.relay.tick import tick
from shared.relay.watch import look
from shared.storage.base import Row, StorageUnavailableError, Upsert
from shared.store.places import PlaceStore, Watch
from shared.store.runs import Held, RunStore
from tests.unit.relay.small_world import T0, SmallWorld, a_chain, a_step

LOST = UnclearError("no_answer", "The response was lost.")


class DiedError(Exception):
    """The process is gone."""


@pytest.fixture
def small() -> SmallWorld:
    return SmallWorld()


def _job(small: SmallWorld, run_id: str) -> Job:
    job = small.run(run_id).step("load").job
    assert job is not None
    return job


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
    small.pass_time(6)
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


def test_the_timer_comes_round_to_every_run_however_many_there_are(small: SmallWorld) -> None:
    chain = a_chain(a_step("load"))
    runs = [small.start(chain).id for _ in range(130)]
    small.lose_messages()
    small.pass_time(120, messages=False, ticks=())
    ahead = [pointer for pointer in small.world.runs.pointers() if pointer.due_at > small.now]
    assert sorted(pointer.run_id for pointer in ahead) == sorted(runs)


def test_a_run_accepted_by_a_process_that_died_at_once_is_found_by_the_timer(small: SmallWorld) -> None:
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


def test_a_job_that_is_never_listed_fails_says_so_and_gets_no_second_beside_it(small: SmallWorld) -> None:
    small.service.hidden.add("job-1")
    run = small.start(a_chain(a_step("load", retries=1)))
    small.pass_time(3 * MISSING_SECONDS, ticks=())
    error = small.run(run.id).step("load").error
    assert error is not None
    assert error.code == "job_missing"
    assert list(small.service.jobs) == ["job-1"]


def test_a_job_that_was_shown_and_is_not_for_a_while_is_not_lost(small: SmallWorld) -> None:
    run = small.start(a_chain(a_step("load")))
    small.pass_time(2 * MISSING_SECONDS, ticks=())
    small.service.hidden.add("job-1")
    small.pass_time(MISSING_SECONDS - 60, ticks=())
    small.service.hidden.clear()
    small.pass_time(MISSING_SECONDS, ticks=())
    small.service.hidden.add("job-1")
    small.pass_time(MISSING_SECONDS - 60, ticks=())
    assert statuses(small, run.id) == {"load": "running"}
    small.service.hidden.clear()
    small.service.end("job-1")
    small.pass_time(120, ticks=())
    assert small.run(run.id).status is RunStatus.SUCCEEDED
    assert list(small.service.jobs) == ["job-1"]


class DiesBeforeTheSave(RunStore):
    def save(self, held: Held, run: Run, slots: Slots | None = None) -> Held | None:
        if any(change.event == "start" for change in run.unsaved):
            raise DiedError
        return super().save(held, run, slots)


class DiesBeforeTheWatch(PlaceStore):
    def begin(self, key: str, watch: Watch) -> bool:
        raise DiedError


@pytest.mark.parametrize("dying", [{"runs": DiesBeforeTheSave}, {"places": DiesBeforeTheWatch}])
def test_a_job_that_was_booked_is_not_started_again_though_it_is_not_listed(
    small: SmallWorld, dying: dict[str, type]
) -> None:
    whole, table = small.world, small.storage.table("baton")
    small.world = replace(whole, **{name: store(table) for name, store in dying.items()})
    small.service.hidden.add("job-1")
    with pytest.raises(DiedError):
        small.start(a_chain(a_step("load")))
    small.world = whole
    small.pass_time(600, ticks=())
    assert list(small.service.jobs) == ["job-1"]
    [pointer] = small.world.runs.pointers()
    assert _job(small, pointer.run_id).id == "job-1"
    small.service.hidden.clear()
    small.service.end("job-1")
    small.pass_time(120, ticks=())
    assert small.run(pointer.run_id).status is RunStatus.SUCCEEDED


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


def test_however_long_a_run_has_waited_its_lost_wake_up_is_found_within_minutes(small: SmallWorld) -> None:
    chain = a_chain(a_step("load"), max_running=1)
    small.start(chain)
    second = small.start(chain)
    small.pass_time(900, ticks=())
    small.service.end("job-1")
    small.pass_time(50)
    assert small.run(second.id).step("load").status is StepStatus.RUNNING
    third = small.start(chain)
    small.pass_time(900, ticks=())
    small.service.end("job-2")
    advance(
        small.world,
        second.id,
        Observed(step="load", attempt=1, job=_job(small, second.id), observation=small.service.jobs["job-2"]),
    )
    small.lose_messages()
    assert small.run(third.id).queued
    small.pass_time(180, ticks=())
    assert small.run(third.id).step("load").status is StepStatus.RUNNING


def test_runs_that_wait_for_a_slot_cost_nothing_meanwhile(small: SmallWorld) -> None:
    chain = a_chain(a_step("load", timeout_seconds=86_400), max_running=1)
    for _ in range(5):
        small.start(chain)
    small.pass_time(180, ticks=())
    waited_until = sorted(pointer.due_at for pointer in small.world.runs.pointers())
    small.pass_time(1_200, ticks=())
    assert sorted(pointer.due_at for pointer in small.world.runs.pointers()) == waited_until


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
    small.now += timedelta(hours=20)
    tick(small.world, [replace(chain, schedule=Schedule(cron="1 9 * * *"))])
    assert small.world.runs.newest(status=None, limit=10, cursor=None).runs == ()


def test_what_was_due_before_a_schedule_changed_is_still_run(small: SmallWorld) -> None:
    before = a_chain(a_step("load"), schedule=Schedule(cron="*/5 * * * *"))
    after = replace(before, schedule=Schedule(cron="1-59/5 * * * *"))
    tick(small.world, [before])
    small.now += timedelta(minutes=5, seconds=30)
    tick(small.world, [after])
    small.now += timedelta(minutes=1)
    tick(small.world, [after])
    times = [run.trigger.time for run in small.world.runs.newest(status=None, limit=9, cursor=None).runs]
    assert times == [T0 + timedelta(minutes=6), T0 + timedelta(minutes=5)]


def test_while_two_versions_are_at_work_no_scheduled_time_is_lost(small: SmallWorld) -> None:
    old = a_chain(a_step("load"), schedule=Schedule(cron="*/5 * * * *"))
    new = replace(old, schedule=Schedule(cron="*/5,2 * * * *"))
    for minute in range(12):
        tick(small.world, [old if minute % 2 else new])
        small.now += timedelta(minutes=1)
    times = [run.trigger.time for run in small.world.runs.newest(status=None, limit=9, cursor=None).runs]
    assert {T0 + timedelta(minutes=5), T0 + timedelta(minutes=10)} <= set(times)


def test_a_schedule_that_was_away_is_a_new_one_when_it_comes_back(small: SmallWorld) -> None:
    chain = a_chain(a_step("load"), schedule=Schedule(cron="*/5 * * * *"))
    tick(small.world, [chain])
    tick(small.world, [])
    small.now += timedelta(minutes=12)
    tick(small.world, [chain])
    [run] = small.world.runs.newest(status=None, limit=9, cursor=None).runs
    assert run.trigger.missed == (T0 + timedelta(minutes=5),)
    tick(small.world, [])
    small.now += timedelta(minutes=30)
    tick(small.world, [chain])
    assert len(small.world.runs.newest(status=None, limit=9, cursor=None).runs) == 1


def test_a_file_that_cannot_be_read_makes_no_schedule_a_new_one(small: SmallWorld) -> None:
    chain = a_chain(a_step("load"), schedule=Schedule(cron="*/5 * * * *"))
    tick(small.world, [chain])
    tick(small.world, None)
    small.now += timedelta(minutes=21)
    tick(small.world, [chain])
    [run] = small.world.runs.newest(status=None, limit=9, cursor=None).runs
    assert run.trigger.time == T0 + timedelta(minutes=20)
    assert len(run.trigger.missed) == 3


def test_a_lost_start_is_looked_for_near_its_call_at_first_and_in_the_end_as_far_as_clocks_differ(
    small: SmallWorld,
) -> None:
    small.service.start_fails_after.append(UnclearError("no_answer", "lost"))
    small.service.hidden.add("job-1")
    small.start(a_chain(a_step("load")))
    small.pass_time(400)
    near, *_, far = small.service.wanted
    assert (near.clocks_differ, near.latest_at) == (timedelta(seconds=2), T0 + timedelta(seconds=2))
    assert (far.clocks_differ, far.latest_at) == (timedelta(seconds=30), T0 + timedelta(seconds=30))


def test_two_instances_with_the_same_message_start_one_job(small: SmallWorld) -> None:
    run = small.start(a_chain())
    small.service.end("job-1")
    [message] = small.queue.receive() or [None]
    small.pass_time(6, messages=False)
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
    small.pass_time(6, messages=False)
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
    small.pass_time(6, messages=False)
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
    for number in range(1, 2 * small.world.inline_advances + 1):
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


def test_a_place_is_what_it_leads_to_whatever_it_is_called_and_whoever_opens_it(small: SmallWorld) -> None:
    step = a_step("load")
    other = replace(step.connection, name="other", credential=Credential(type="client_secret", name="ci"))
    small.start(a_chain(step))
    small.start(replace(a_chain(replace(step, connection=other)), name="second"))
    [held] = small.world.places.watches()
    assert held.watch.place.connection == other  # the newest start's credential is the one that looks
    assert len(small.world.places.watched(held.key)) == 2


def test_a_message_with_an_end_that_got_lost_is_made_up_for_by_a_look_at_everything(small: SmallWorld) -> None:
    for _ in range(small.world.inline_advances + 2):
        small.start(a_chain(a_step("load")))
    small.pass_time(5)
    for job_id in tuple(small.service.jobs):
        small.service.end(job_id)
    look(small.world, *_only_watch(small))
    small.lose_messages()
    small.now += timedelta(seconds=120)
    tick(small.world, [])
    small.pass_time(2)
    assert small.service.asked[-1] is None
    small.pass_time(2)
    assert all(run.status is RunStatus.SUCCEEDED for run in _all_runs(small))


def test_a_run_that_could_not_be_told_is_told_by_the_next_look(small: SmallWorld) -> None:
    class Failing(RunStore):
        failures = 1

        def save(self, held: Held, run: Run, slots: Slots | None = None) -> Held | None:
            if Failing.failures:
                Failing.failures -= 1
                raise StorageUnavailableError("storage does not answer")
            return super().save(held, run, slots)

    small.start(a_chain(a_step("load")))
    small.pass_time(10)
    small.service.end("job-1")
    asked_until = small.service.asked[-1]
    world = replace(small.world, runs=Failing(small.storage.table("baton")))
    look(world, *_only_watch(small))
    look(small.world, *_only_watch(small))
    assert small.service.asked[-1] == small.service.asked[-2] != asked_until
    assert all(run.status is RunStatus.SUCCEEDED for run in _all_runs(small))


def _only_watch(small: SmallWorld) -> tuple[str, str]:
    [held] = small.world.places.watches()
    return held.key, held.watch.token


def _all_runs(small: SmallWorld) -> tuple[Run, ...]:
    return small.world.runs.newest(status=None, limit=50, cursor=None).runs


def test_what_was_said_without_a_status_is_asked_for_again(small: SmallWorld) -> None:
    small.start(a_chain(a_step("load")))
    small.pass_time(30)
    asked_until = small.service.asked[-1]
    assert asked_until is not None
    known = small.service.jobs["job-1"]
    small.service.jobs["job-1"] = replace(known, learned=False)
    small.pass_time(60)
    assert small.service.asked[-1] == small.service.asked[-2] != asked_until
    small.service.jobs["job-1"] = known
    small.pass_time(60)
    assert small.service.asked[-1] != small.service.asked[-2]
