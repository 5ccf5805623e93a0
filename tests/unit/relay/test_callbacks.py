"""Jobs that call back: what they are given, what their call does, and where their token is not."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from shared.core.callbacks import is_token, token_of, without_tokens
from shared.core.definition import Parameter
from shared.core.errors import RefusedError, TryLaterError, UnclearError
from shared.core.facts import Verdict
from shared.core.run import Error, Run, RunStatus, StepStatus
from shared.relay.callbacks import Callbacks
from shared.relay.called_back import LOOK_AFTER_SECONDS, called_back
from shared.store.signing import SigningStore
from tests.unit.relay.small_world import SmallWorld, a_chain, a_step

CALLS = {"baton_callback": "{{ callback_url }}", "region": "{{ parameters.region }}"}
LOST = UnclearError("no_answer", "The response was lost.")


def with_callbacks(small: SmallWorld, hostname: str = "baton.test") -> SmallWorld:
    secret = SigningStore(small.storage.table("baton"), lambda: b"s" * 32).secret
    small.world = replace(small.world, callbacks=Callbacks(secret, hostname))
    return small


@pytest.fixture
def small(tmp_path: Path) -> Iterator[SmallWorld]:
    made = with_callbacks(SmallWorld(tmp_path / "baton.db"))
    yield made
    made.storage.close()


def start(small: SmallWorld, **said: Any) -> Run:
    step = a_step("load", parameters=CALLS, retries=1)
    return small.start(a_chain(step, parameters={"region": Parameter(required=False, default="x")}), **said)


def address(small: SmallWorld, job: str = "job-1") -> str:
    return str(small.service.orders[job].parameters["baton_callback"])


def token(small: SmallWorld, job: str = "job-1") -> str:
    return parse_qs(urlsplit(address(small, job)).query)["token"][0]


def rows(path: Path) -> str:
    with closing(sqlite3.connect(path)) as database:
        return "\n".join(database.iterdump())


def test_the_job_gets_an_address_that_is_good_for_its_step(small: SmallWorld) -> None:
    run = start(small)
    assert address(small) == f"https://baton.test/api/runs/{run.id}/steps/load/callback?token={token(small)}"
    assert small.world.callbacks.is_for(run.id, "load", token(small))
    assert not small.world.callbacks.is_for(run.id, "refresh", token(small))
    assert not small.world.callbacks.is_for(f"{run.id}x", "load", token(small))


def test_the_token_is_in_no_row_and_no_log(
    small: SmallWorld, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        small.service.start_fails_after = [LOST]
        run = start(small)
        small.pass_time(100)
        called_back(small.world, run.id, "load")
        why = Error("job_failed", f"POST {address(small)} answered 503")
        small.service.end("job-1", Verdict.FAILED, error=why, output={"called": address(small)})
        small.pass_time(60)
        small.service.start_fails = [RefusedError("bad_request", f"no {address(small)}")]
    text = rows(tmp_path / "baton.db") + caplog.text
    assert "baton-callback:" in text
    assert "/callback?token=***" in text
    assert token(small) not in text
    assert token(small).partition(".")[2] not in text


def test_a_job_whose_start_was_lost_is_adopted_by_the_address_that_it_was_given(small: SmallWorld) -> None:
    small.service.start_fails_after = [LOST]
    run = start(small)
    assert small.run(run.id).step("load").status is StepStatus.STARTING
    small.pass_time(100)
    assert small.service.wanted[-1].parameters == small.service.orders["job-1"].parameters
    assert small.run(run.id).step("load").status is StepStatus.RUNNING
    assert len(small.service.orders) == 1


def test_a_call_makes_baton_look_within_seconds(small: SmallWorld) -> None:
    run = start(small)
    small.pass_time(600)
    small.service.end("job-1")
    called_back(small.world, run.id, "load")
    small.pass_time(LOOK_AFTER_SECONDS + 1)
    assert small.run(run.id).status is RunStatus.SUCCEEDED


def test_a_call_is_not_taken_for_the_outcome(small: SmallWorld) -> None:
    run = start(small)
    small.pass_time(600)
    called_back(small.world, run.id, "load")
    small.pass_time(LOOK_AFTER_SECONDS + 1)
    assert small.run(run.id).step("load").status is StepStatus.RUNNING


def test_many_calls_cost_one_look(small: SmallWorld) -> None:
    run = start(small)
    small.pass_time(600)
    looks, messages = small.service.looks, small.queue.length()
    for _ in range(50):
        called_back(small.world, run.id, "load")
    assert small.queue.length() == messages + 1
    small.pass_time(LOOK_AFTER_SECONDS + 1)
    assert small.service.looks == looks + 1


def test_a_service_that_asked_to_be_left_alone_is(small: SmallWorld) -> None:
    run = start(small)
    small.service.observe_fails = [TryLaterError("throttled", "Later.", 300)]
    small.pass_time(30)
    looks = small.service.looks
    called_back(small.world, run.id, "load")
    small.pass_time(60)
    assert small.service.looks == looks


def test_a_call_after_the_end_costs_nothing(small: SmallWorld) -> None:
    run = start(small)
    small.service.end("job-1")
    small.pass_time(200, ticks=())
    messages, looks = small.queue.length(), small.service.looks
    called_back(small.world, run.id, "load")
    called_back(small.world, run.id, "no-such-step")
    called_back(small.world, "sales.20261121T053000123Z.aaaaaaaa", "load")
    small.pass_time(60)
    assert (small.queue.length(), small.service.looks) == (messages, looks)


def test_what_a_caller_says_is_never_taken_for_the_mark(small: SmallWorld) -> None:
    start(small, region="baton-callback:0000000000000000 «callback url» {{ callback_url }}")
    said = small.service.orders["job-1"].parameters["region"]
    assert said == "baton-callback:0000000000000000 «callback url» {{ callback_url }}"


def test_without_a_host_name_the_step_says_which_setting_is_missing() -> None:
    small = with_callbacks(SmallWorld(), hostname="")
    error = small.run(start(small).id).step("load").error
    assert error is not None
    assert "WEBSITE_HOSTNAME" in error.message


def test_steps_that_do_not_call_back_need_neither_secret_nor_host_name() -> None:
    small = with_callbacks(SmallWorld(), hostname="")
    assert small.start(a_chain()).step("load").status is StepStatus.RUNNING
    assert small.storage.table("baton").get("signing", "secret") is None


def test_two_instances_sign_with_one_secret(small: SmallWorld) -> None:
    table = small.storage.table("baton")
    one, other = SigningStore(table, lambda: b"a" * 32), SigningStore(table, lambda: b"b" * 32)
    assert one.secret() == other.secret() == SigningStore(table, lambda: b"c" * 32).secret() == b"a" * 32


@pytest.mark.parametrize("sent", ["", "1", "1.", "0.", "a.b", "1." + "0" * 64, "é", "1." + "0" * 5_000, "-1.x"])
def test_what_is_no_token_is_refused(sent: str) -> None:
    assert not is_token(b"secret", "run", "load", sent)


def test_a_token_is_of_one_attempt_and_one_secret() -> None:
    good = token_of(b"secret", "run", "load", 2)
    assert is_token(b"secret", "run", "load", good)
    assert not is_token(b"secret", "run", "load", f"1{good[1:]}")
    assert not is_token(b"other", "run", "load", good)


def test_tokens_are_taken_out_of_whatever_services_repeat() -> None:
    told = {"a": [f"x https://h/api/runs/r/steps/s/callback?token={token_of(b'k', 'r', 's', 1)}&y=1"], "b": 1}
    assert without_tokens(told) == {"a": ["x https://h/api/runs/r/steps/s/callback?token=***&y=1"], "b": 1}
