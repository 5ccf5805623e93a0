"""Whoever waits for a run is called back when it has ended: once as a rule, and at least once whatever breaks."""

from datetime import timedelta

import pytest

from shared.core.errors import RefusedError, TryLaterError
from shared.core.facts import Verdict
from shared.core.run import Error
from shared.core.web_hook import KEPT_SECONDS
from shared.relay.web_hooks import owe
from tests.unit.relay.small_world import SmallWorld, a_chain, a_step

ADDRESS = "https://dp1.svc.datafactory.azure.com/workflow/callback/SECRET"
OTHER = ADDRESS + "2"
CHAIN = a_chain(a_step("load"))


@pytest.fixture
def small() -> SmallWorld:
    return SmallWorld()


def owed(small: SmallWorld) -> int:
    return len(list(small.world.web_hooks.all()))


def test_the_outcome_is_told_when_the_run_has_ended_and_not_before(small: SmallWorld) -> None:
    run = small.start(CHAIN)
    owe(small.world, run.id, ADDRESS)
    small.pass_time(400, ticks=())
    assert small.post_back.told == []
    small.service.end("job-1", output={"rows": 7})
    small.pass_time(200, ticks=())
    [(address, body)] = small.post_back.told
    assert (address, body["StatusCode"], "Error" in body) == (ADDRESS, "200", False)
    assert body["Output"]["steps"]["load"] == {"status": "succeeded", "output": {"rows": 7}, "error": None}
    assert owed(small) == 0


def test_a_failure_is_told_in_the_activitys_words(small: SmallWorld) -> None:
    run = small.start(CHAIN)
    owe(small.world, run.id, ADDRESS)
    small.service.end("job-1", Verdict.FAILED, error=Error("job_failed", "The disk is full."))
    small.pass_time(60)
    [(_, body)] = small.post_back.told
    assert (body["StatusCode"], body["Error"]["ErrorCode"]) == ("500", "job_failed")
    assert "The disk is full." in body["Error"]["Message"]
    assert run.id in body["Error"]["Message"]


def test_a_run_that_has_ended_already_is_told_of_at_once(small: SmallWorld) -> None:
    run = small.start(CHAIN)
    small.service.end("job-1")
    small.pass_time(60)
    owe(small.world, run.id, ADDRESS)
    small.deliver()
    assert len(small.post_back.told) == 1


def test_several_may_wait_and_the_same_one_is_called_once(small: SmallWorld) -> None:
    run = small.start(CHAIN)
    for address in (ADDRESS, OTHER, ADDRESS):
        owe(small.world, run.id, address)
    small.service.end("job-1")
    small.pass_time(60)
    assert sorted(address for address, _ in small.post_back.told) == [ADDRESS, OTHER]


def test_a_lost_message_is_made_up_for_by_the_timer(small: SmallWorld) -> None:
    run = small.start(CHAIN)
    owe(small.world, run.id, ADDRESS)
    small.service.end("job-1")
    while small.run(run.id).status == "running":
        small.now += timedelta(seconds=1)
        for message in small.queue.receive(limit=1):
            small.handle(message.body)
            small.queue.delete(message)
    small.lose_messages()
    small.pass_time(600, ticks=())
    assert len(small.post_back.told) == 1


def test_trouble_is_tried_again_until_it_is_accepted(small: SmallWorld) -> None:
    small.post_back.fails = [TryLaterError("callback_failed", "503", 20)] * 4
    run = small.start(CHAIN)
    owe(small.world, run.id, ADDRESS)
    small.service.end("job-1")
    small.pass_time(600, ticks=())
    assert len(small.post_back.told) == 1
    assert owed(small) == 0


def test_a_crash_in_the_call_is_made_up_for(small: SmallWorld) -> None:
    small.post_back.fails = [KeyboardInterrupt()]
    run = small.start(CHAIN)
    owe(small.world, run.id, ADDRESS)
    small.service.end("job-1")
    with pytest.raises(KeyboardInterrupt):
        small.pass_time(60)
    small.lose_messages()
    small.pass_time(400, ticks=())
    assert len(small.post_back.told) == 1


def test_a_definite_no_ends_it(small: SmallWorld, caplog: pytest.LogCaptureFixture) -> None:
    small.post_back.fails = [RefusedError("callback_failed", "404")]
    run = small.start(CHAIN)
    owe(small.world, run.id, ADDRESS)
    small.service.end("job-1")
    small.pass_time(600, ticks=())
    assert (small.post_back.told, owed(small)) == ([], 0)
    assert "callback_refused" in caplog.text
    assert "SECRET" not in caplog.text


def test_after_a_day_nobody_is_tried_any_more(small: SmallWorld) -> None:
    small.post_back.fails = [TryLaterError("callback_failed", "503")] * 1_000
    run = small.start(CHAIN)
    owe(small.world, run.id, ADDRESS)
    small.service.end("job-1")
    small.pass_time(600, ticks=())
    assert owed(small) == 1
    small.now += timedelta(seconds=KEPT_SECONDS)
    small.pass_time(900, ticks=())
    assert owed(small) == 0


def test_the_address_is_nowhere_but_in_its_own_row(small: SmallWorld) -> None:
    run = small.start(CHAIN)
    owe(small.world, run.id, ADDRESS)
    assert "SECRET" not in repr(small.world.web_hooks.of(run.id))
    assert "SECRET" not in repr(small.run(run.id))
