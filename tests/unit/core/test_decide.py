"""What happens next: the order of steps, unclear starts, retries, timeouts and cancels."""

from dataclasses import replace

import pytest

from shared.core.decide import FindJob, StartJob, StopJob, next_due
from shared.core.facts import (
    CancelRequested,
    LookFailed,
    NotFound,
    PutOff,
    Refused,
    SlotGranted,
    Started,
    StopFailed,
    StopSent,
    Unclear,
    Verdict,
)
from shared.core.outputs import MAX_OUTPUT_CHARACTERS
from shared.core.run import Error, RunStatus, StepStatus
from shared.core.timing import MOST_FAILED_LOOKS, STOP_LIMIT_SECONDS
from tests.unit.core.example import PATIENCE, Driver, a_job, a_run, a_step, at

BUSY = Error("busy", "Another refresh is executing.")


def unclear(driver: Driver, seconds: float) -> None:
    driver.tell(Unclear(step="load", intent=driver.intent(), error=Error("no_answer", "lost")), seconds)


def not_found(driver: Driver, seconds: float) -> None:
    driver.tell(NotFound(step="load", intent=driver.intent(), looked_at=at(seconds)), seconds)


def test_a_first_step_starts_with_its_intent_saved_before() -> None:
    driver = Driver(a_run())
    assert driver.decide(1) == StartJob("load")
    step = driver.step()
    assert step.status is StepStatus.STARTING
    assert step.intent is not None
    assert step.intent.at == at(1)
    assert driver.step("refresh").status is StepStatus.WAITING


def test_an_intent_that_somebody_else_saved_is_not_acted_on() -> None:
    driver = Driver(a_run())
    driver.decide(0)
    assert driver.decide(PATIENCE.lease_seconds - 1) is None


def test_an_intent_whose_holder_crashed_is_looked_for_never_repeated() -> None:
    driver = Driver(a_run())
    driver.decide(0)
    assert driver.decide(PATIENCE.lease_seconds) == FindJob("load")


def test_the_next_step_starts_when_the_one_before_has_succeeded_and_not_sooner() -> None:
    driver = Driver(a_run())
    driver.start()
    driver.observe(Verdict.ACTIVE, 10)
    assert driver.decide(10) is None
    driver.observe(Verdict.SUCCEEDED, 60, ended_at=at(58), output={"rows": 7})
    assert driver.decide(60) == StartJob("refresh")
    assert driver.step().output == {"rows": 7}
    assert driver.step().finished_at == at(58)


def test_a_run_whose_steps_all_succeeded_has_succeeded() -> None:
    driver = Driver(a_run())
    driver.start()
    driver.observe(Verdict.SUCCEEDED, 60)
    driver.start("refresh", 60, job="job-2")
    driver.observe(Verdict.SUCCEEDED, 90, name="refresh", job="job-2")
    assert driver.decide(90) is None
    assert (driver.run.status, driver.run.finished_at, driver.run.error) == (RunStatus.SUCCEEDED, at(90), None)


def test_independent_steps_start_one_after_the_other_in_the_same_breath() -> None:
    driver = Driver(a_run(a_step("a"), a_step("b")))
    assert driver.decide(0) == StartJob("a")
    driver.tell(Started(step="a", intent=driver.intent("a"), job=a_job("j-a")), 0)
    assert driver.decide(0) == StartJob("b")
    assert driver.step("a").status is StepStatus.RUNNING


def test_a_failed_step_skips_what_waits_for_it_and_lets_the_others_end() -> None:
    driver = Driver(a_run(a_step("a"), a_step("b"), a_step("c", "a"), a_step("d", "c")))
    driver.start("a", 0, "j-a")
    driver.start("b", 0, "j-b")
    driver.observe(Verdict.FAILED, 5, name="a", job="j-a", error=Error("job_failed", "Disk full."))
    assert driver.decide(5) is None
    assert [driver.step(n).status.value for n in "abcd"] == ["failed", "running", "skipped", "skipped"]
    assert driver.step("d").error == Error("dependency_failed", "Step 'c' was skipped.")
    driver.observe(Verdict.SUCCEEDED, 9, name="b", job="j-b")
    driver.decide(9)
    assert driver.run.status is RunStatus.FAILED
    assert driver.run.error == Error("job_failed", "Step 'a': Disk full.")


def test_a_refused_start_fails_the_step_at_once_whatever_retries_are_left() -> None:
    driver = Driver(a_run(a_step("load", retries=3)))
    driver.decide(0)
    driver.tell(Refused(step="load", intent=driver.intent(), error=Error("not_found", "No such pipeline.")), 1)
    driver.decide(1)
    assert driver.step().status is StepStatus.FAILED
    assert driver.run.status is RunStatus.FAILED


def test_a_start_that_was_put_off_is_tried_again_when_the_service_wished() -> None:
    driver = Driver(a_run())
    driver.decide(0)
    driver.tell(PutOff(step="load", intent=driver.intent(), error=BUSY, after_seconds=3_392), 1)
    assert driver.decide(3_392) is None
    assert driver.run.wake_at == at(3_393)
    assert driver.decide(3_393) == StartJob("load")
    assert driver.step().attempt == 1


def test_a_start_for_which_getting_ready_took_too_long_is_tried_again_at_once_and_then_with_patience() -> None:
    driver = Driver(a_run())
    late = Error("too_late", "Getting ready took too long; nothing was sent.")
    assert driver.decide(0) == StartJob("load")
    driver.tell(PutOff(step="load", intent=driver.intent(), error=late), 11)
    assert driver.decide(11) == StartJob("load")
    driver.tell(PutOff(step="load", intent=driver.intent(), error=late), 22)
    assert driver.decide(22) is None
    assert driver.decide(40) == StartJob("load")


def test_a_start_put_off_past_its_timeout_fails_with_the_last_answer() -> None:
    driver = Driver(a_run(a_step("load", timeout_seconds=100)))
    driver.decide(0)
    driver.tell(PutOff(step="load", intent=driver.intent(), error=BUSY), 1)
    driver.decide(101)
    error = driver.step().error
    assert error is not None
    assert error.code == "timeout"
    assert BUSY.message in error.message


def test_a_start_put_off_beyond_its_timeout_is_brought_back_at_its_timeout() -> None:
    driver = Driver(a_run(a_step("load", timeout_seconds=100)))
    driver.decide(0)
    driver.tell(PutOff(step="load", intent=driver.intent(), error=BUSY, after_seconds=3_392), 1)
    driver.decide(1)
    assert driver.run.wake_at == at(100)
    assert driver.decide(100) is None
    assert driver.run.status is RunStatus.FAILED


def test_an_unclear_start_is_looked_for_and_adopted_when_found() -> None:
    driver = Driver(a_run())
    driver.decide(0)
    unclear(driver, 1)
    assert driver.decide(1) is None
    assert driver.decide(3) == FindJob("load")
    driver.tell(Started(step="load", intent=driver.intent(), job=a_job()), 3)
    assert driver.step().status is StepStatus.RUNNING
    assert driver.run.unsaved[-1].job_id == "job-1"


def test_an_unclear_start_is_repeated_only_after_the_grace_period_showed_no_job() -> None:
    driver = Driver(a_run())
    driver.decide(0)
    unclear(driver, 1)
    seconds = 1.0
    while seconds < 121:
        not_found(driver, seconds)
        assert driver.step().status is StepStatus.STARTING
        due = next_due(driver.run, PATIENCE)
        assert due is not None
        seconds = max(seconds + 1, (due - at(0)).total_seconds())
    not_found(driver, seconds)
    assert driver.step().status is StepStatus.WAITING
    assert driver.decide(seconds) == StartJob("load")


def test_a_look_that_failed_proves_nothing_about_a_start() -> None:
    driver = Driver(a_run())
    driver.decide(0)
    unclear(driver, 1)
    for seconds in (50, 150, 400):
        error = Error("forbidden", "no")
        driver.tell(LookFailed(step="load", intent=driver.intent(), error=error, after_seconds=30), seconds)
        assert driver.step().status is StepStatus.STARTING


def test_a_start_that_never_becomes_clear_ends_and_says_so() -> None:
    driver = Driver(a_run(a_step("load", timeout_seconds=100)))
    driver.decide(0)
    unclear(driver, 1)
    for looks in range(MOST_FAILED_LOOKS + 1):
        late = 200 + 100 * looks
        assert driver.decide(late) == FindJob("load")
        driver.tell(LookFailed(step="load", intent=driver.intent(), error=Error("forbidden", "no")), late)
    error = driver.step().error
    assert error is not None
    assert error.code == "unclear_start"


def test_a_start_that_nobody_looked_for_in_time_is_still_looked_for_before_it_is_given_up() -> None:
    driver = Driver(a_run(a_step("load", timeout_seconds=100)))
    driver.decide(0)
    unclear(driver, 1)
    assert driver.decide(5_000) == FindJob("load")
    driver.tell(Started(step="load", intent=driver.intent(), job=a_job()), 5_000)
    assert driver.decide(5_000) == StopJob("load")


def test_a_failed_job_is_tried_again_after_its_delay_as_another_attempt() -> None:
    driver = Driver(a_run(a_step("load", retries=1, retry_delay_seconds=300)))
    driver.start()
    driver.observe(Verdict.FAILED, 10)
    assert driver.decide(10) is None
    assert (driver.step().status, driver.step().attempt, driver.run.wake_at) == ("waiting", 2, at(310))
    assert driver.decide(310) == StartJob("load")
    driver.tell(Started(step="load", intent=driver.intent(), job=a_job("job-2")), 310)
    driver.observe(Verdict.FAILED, 320, job="job-2")
    driver.decide(320)
    assert driver.run.status is RunStatus.FAILED


def test_what_is_heard_of_an_earlier_attempt_changes_nothing() -> None:
    driver = Driver(a_run(a_step("load", retries=1, retry_delay_seconds=1)))
    driver.start()
    driver.observe(Verdict.FAILED, 10)
    before = driver.run
    driver.observe(Verdict.SUCCEEDED, 11, job="job-1")
    assert driver.run == before


def test_a_job_past_its_timeout_is_cancelled_and_then_fails() -> None:
    driver = Driver(a_run(a_step("load", timeout_seconds=60)))
    driver.start()
    assert driver.decide(59) is None
    assert driver.decide(60) == StopJob("load")
    driver.tell(StopSent(step="load", job_id="job-1"), 61)
    assert driver.decide(62) is None
    driver.observe(Verdict.CANCELLED, 70)
    driver.decide(70)
    error = driver.step().error
    assert error is not None
    assert error.code == "timeout"


def test_a_job_that_succeeds_after_its_timeout_has_still_succeeded() -> None:
    driver = Driver(a_run(a_step("load", timeout_seconds=60)))
    driver.start()
    driver.decide(60)
    driver.observe(Verdict.SUCCEEDED, 61)
    assert driver.step().status is StepStatus.SUCCEEDED


def test_a_timed_out_job_that_does_not_confirm_its_end_is_not_retried() -> None:
    driver = Driver(a_run(a_step("load", timeout_seconds=60, retries=5)))
    driver.start()
    driver.decide(60)
    driver.tell(StopSent(step="load", job_id="job-1"), 60)
    driver.decide(60 + STOP_LIMIT_SECONDS)
    assert driver.step().status is StepStatus.FAILED


def test_a_cancelled_run_starts_nothing_more_and_stops_its_jobs() -> None:
    driver = Driver(a_run())
    driver.start()
    driver.tell(CancelRequested(), 5)
    assert driver.decide(5) == StopJob("load")
    assert driver.step("refresh").status is StepStatus.CANCELLED
    driver.tell(StopSent(step="load", job_id="job-1"), 6)
    driver.observe(Verdict.CANCELLED, 8)
    driver.decide(8)
    assert driver.run.status is RunStatus.CANCELLED


def test_cancelling_while_a_start_is_unclear_waits_for_the_truth() -> None:
    driver = Driver(a_run())
    driver.decide(0)
    unclear(driver, 1)
    driver.tell(CancelRequested(), 2)
    assert driver.decide(3) == FindJob("load")
    driver.tell(Started(step="load", intent=driver.intent(), job=a_job()), 3)
    assert driver.decide(3) == StopJob("load")


def test_cancelling_while_a_start_proves_to_be_none_ends_the_step() -> None:
    driver = Driver(a_run())
    driver.decide(0)
    unclear(driver, 1)
    driver.tell(CancelRequested(), 2)
    not_found(driver, 122)
    assert driver.decide(122) is None
    assert driver.run.status is RunStatus.CANCELLED


def test_a_cancel_that_did_not_get_through_is_repeated() -> None:
    driver = Driver(a_run())
    driver.start()
    driver.tell(CancelRequested(), 5)
    driver.decide(5)
    driver.tell(StopFailed(step="load", job_id="job-1", error=Error("throttled", "429"), after_seconds=30), 5)
    assert driver.decide(34) is None
    assert driver.decide(35) == StopJob("load")


def test_a_job_that_cannot_be_cancelled_lets_the_run_end_and_says_that_it_goes_on() -> None:
    driver = Driver(a_run(a_step("load")))
    driver.start()
    driver.tell(CancelRequested(), 5)
    driver.decide(5)
    error = Error("not_cancellable", "It goes on at the service.")
    driver.tell(StopSent(step="load", job_id="job-1", error=error), 5)
    driver.decide(5)
    assert driver.run.status is RunStatus.CANCELLED
    assert driver.step().error == error


def test_a_job_cancelled_by_others_fails_without_a_retry() -> None:
    driver = Driver(a_run(a_step("load", retries=3)))
    driver.start()
    driver.observe(Verdict.CANCELLED, 5)
    driver.decide(5)
    error = driver.step().error
    assert error is not None
    assert (driver.run.status, error.code) == (RunStatus.FAILED, "job_cancelled")


def test_a_status_that_nobody_documented_is_shown_and_looked_at_again() -> None:
    driver = Driver(a_run())
    driver.start()
    driver.observe(Verdict.ACTIVE, 5)
    job = driver.step().job
    assert job is not None
    assert (driver.step().status, job.status) == (StepStatus.RUNNING, "Active")


def test_a_job_seen_before_its_start_was_saved_is_taken_up() -> None:
    driver = Driver(a_run())
    driver.decide(0)
    driver.observe(Verdict.SUCCEEDED, 30)
    assert driver.step().status is StepStatus.SUCCEEDED
    assert [change.event for change in driver.run.unsaved] == ["intend", "start", "succeed"]


def test_a_queued_run_starts_nothing_until_it_is_its_turn() -> None:
    driver = Driver(a_run(queued=True))
    assert driver.decide(0) is None
    assert next_due(driver.run, PATIENCE) is None
    driver.tell(SlotGranted(), 5)
    assert driver.decide(5) == StartJob("load")


def test_a_queued_run_can_be_cancelled() -> None:
    driver = Driver(a_run(queued=True))
    driver.tell(CancelRequested(), 1)
    driver.decide(1)
    assert driver.run.status is RunStatus.CANCELLED


def test_output_that_a_run_cannot_carry_fails_its_step_and_says_why() -> None:
    driver = Driver(a_run())
    driver.start()
    driver.observe(Verdict.SUCCEEDED, 5, output="x" * MAX_OUTPUT_CHARACTERS)
    error = driver.step().error
    assert error is not None
    assert (driver.step().status, error.code) == (StepStatus.FAILED, "output_too_large")


def test_parameters_are_made_from_what_the_run_knows() -> None:
    run = a_run(
        a_step("load"),
        a_step(
            "next", "load", parameters={"rows": "{{ steps.load.output.rows }}", "n": [1, "a"]}, correlation="c"
        ),
    )
    driver = Driver(run)
    driver.start()
    driver.observe(Verdict.SUCCEEDED, 5, output={"rows": 48_213})
    driver.decide(5)
    intent = driver.step("next").intent
    assert intent is not None
    assert intent.parameters == {"rows": 48_213, "n": [1, "a"], "c": f"{run.id}/next/1"}


def test_a_template_that_cannot_be_made_fails_its_step_alone() -> None:
    run = a_run(a_step("load", parameters={"x": "{{ steps.load.output.rows }}"}), a_step("other"))
    driver = Driver(run)
    assert driver.decide(0) == StartJob("other")
    error = driver.step().error
    assert error is not None
    assert error.code == "template_error"


@pytest.mark.parametrize("status", [s for s in RunStatus if s is not RunStatus.RUNNING])
def test_a_finished_run_takes_nothing_in(status: RunStatus) -> None:
    driver = Driver(replace(a_run(), status=status))
    driver.tell(CancelRequested(), 1)
    assert driver.decide(1) is None
    assert driver.run.cancel_requested_at is None
