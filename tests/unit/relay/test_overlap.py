"""`overlap: cancel_running`: a new run takes the place of the oldest, and begins when its jobs have ended."""

from dataclasses import replace

import pytest

from shared.core.definition import StepDefinition
from shared.core.facts import Verdict
from shared.core.run import Job, RunStatus
from shared.relay.cancel import cancel
from shared.storage.base import StorageUnavailableError
from tests.unit.relay.small_world import FakeService, SmallWorld, a_chain, a_step

CHAIN = a_chain(a_step("load"), max_running=1, overlap="cancel_running")


class Slow(FakeService):
    """Takes a cancel, and goes on until the test ends its jobs."""

    def cancel(self, definition: StepDefinition, job: Job) -> None:
        self.cancelled.append(job.id)


@pytest.fixture
def small() -> SmallWorld:
    return SmallWorld()


def test_the_new_run_begins_when_the_jobs_of_the_old_one_have_really_ended(small: SmallWorld) -> None:
    small.service = Slow(small)
    old, new = small.start(CHAIN), small.start(CHAIN)
    small.pass_time(60)
    assert small.service.cancelled == ["job-1"]
    assert list(small.service.jobs) == ["job-1"]
    small.service.end("job-1", Verdict.CANCELLED)
    small.pass_time(60)
    assert list(small.service.jobs) == ["job-1", "job-2"]
    error = small.run(old.id).error
    assert small.run(old.id).status is RunStatus.CANCELLED
    assert error is not None
    assert (error.code, new.id in error.message) == ("superseded", True)


def test_runs_that_wait_are_superseded_too(small: SmallWorld) -> None:
    small.start(CHAIN)
    waiting = small.start(CHAIN)
    newest = small.start(CHAIN)
    small.pass_time(60)
    ended = small.run(waiting.id)
    assert (ended.status, ended.error and ended.error.code) == (RunStatus.CANCELLED, "superseded")
    assert ended.step("load").job is None
    assert small.run(newest.id).step("load").job is not None


def test_a_run_that_succeeds_before_it_is_stopped_has_succeeded(small: SmallWorld) -> None:
    small.service = Slow(small)
    old, new = small.start(CHAIN), small.start(CHAIN)
    small.service.end("job-1")
    small.pass_time(60)
    assert small.run(old.id).status is RunStatus.SUCCEEDED
    assert small.run(new.id).step("load").job is not None


def test_messages_that_were_lost_are_made_up_for_by_the_timer(small: SmallWorld) -> None:
    old, new = small.start(CHAIN), small.start(CHAIN)
    small.lose_messages()
    small.pass_time(400, ticks=())
    assert small.run(old.id).status is RunStatus.CANCELLED
    assert small.run(new.id).step("load").job is not None


def test_a_crash_before_the_old_run_was_asked_to_stop_is_made_up_for(small: SmallWorld) -> None:
    class Down:
        def send(self, body: str, *, delay_seconds: float = 0) -> None:
            raise StorageUnavailableError("the process died here")

    old = small.start(CHAIN)
    working = small.world
    small.world = replace(working, queue=Down())
    new = small.start(CHAIN)
    small.world = working
    assert small.run(old.id).cancel_requested_at is None
    small.pass_time(400, ticks=())
    assert small.run(old.id).status is RunStatus.CANCELLED
    assert small.run(new.id).step("load").job is not None


def test_a_waiting_run_that_was_superseded_does_not_wait_for_ever_when_the_later_one_is_gone(
    small: SmallWorld,
) -> None:
    old = small.start(CHAIN)
    waiting = small.start(CHAIN)
    newest = small.start(CHAIN)
    small.lose_messages()
    cancel(small.world, newest.id)
    small.lose_messages()
    small.pass_time(2_500, ticks=())
    assert small.run(waiting.id).status is RunStatus.CANCELLED
    assert small.run(old.id).status is RunStatus.RUNNING  # nobody needs its place any more


def test_a_run_that_a_caller_has_cancelled_already_says_so(small: SmallWorld) -> None:
    small.service = Slow(small)
    old = small.start(CHAIN)
    cancel(small.world, old.id)
    small.start(CHAIN)
    small.service.end("job-1", Verdict.CANCELLED)
    small.pass_time(60)
    error = small.run(old.id).error
    assert error is not None
    assert error.code == "cancelled"


def test_a_chain_that_used_to_wait_supersedes_what_it_left_waiting(small: SmallWorld) -> None:
    before = replace(CHAIN, overlap="wait")
    runs = [small.start(before), small.start(before), small.start(before)]
    newest = small.start(CHAIN)
    small.pass_time(120)
    assert [small.run(run.id).status for run in runs] == [RunStatus.CANCELLED] * 3
    assert len(small.service.jobs) == 2
    assert small.run(newest.id).step("load").job is not None
