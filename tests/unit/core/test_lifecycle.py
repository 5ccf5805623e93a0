"""The table of states and events, over the whole product of both."""

from dataclasses import replace
from typing import get_args

import pytest

from shared.core.lifecycle import (
    RUN_TABLE,
    STEP_TABLE,
    IllegalTransitionError,
    RunEvent,
    StepEvent,
    run_event,
    step_event,
)
from shared.core.run import FINAL_STEP, RunStatus, StepStatus
from tests.unit.core.example import T0, a_run


@pytest.mark.parametrize("event", get_args(StepEvent))
@pytest.mark.parametrize("status", StepStatus)
def test_a_step_moves_as_the_table_says_or_not_at_all(status: StepStatus, event: StepEvent) -> None:
    run = a_run()
    step = replace(run.step("load"), status=status)
    run = run.with_step(step)
    after = STEP_TABLE.get((status, event))
    if after is None:
        with pytest.raises(IllegalTransitionError, match="load"):
            step_event(run, step, event, T0)
        assert run.unsaved == ()
        return
    moved = step_event(run, step, event, T0)
    assert moved.step("load").status is after
    [noted] = moved.unsaved
    assert (noted.step, noted.event, noted.before, noted.after) == ("load", event, status, after)
    assert noted.number == run.transitions + 1 == moved.transitions
    assert (moved.step("load").finished_at == T0) is (after in FINAL_STEP)


@pytest.mark.parametrize("event", get_args(RunEvent))
@pytest.mark.parametrize("status", RunStatus)
def test_a_run_moves_as_the_table_says_or_not_at_all(status: RunStatus, event: RunEvent) -> None:
    run = replace(a_run(), status=status)
    after = RUN_TABLE.get((status, event))
    if after is None:
        with pytest.raises(IllegalTransitionError):
            run_event(run, event, T0)
        return
    ended = run_event(run, event, T0)
    assert (ended.status, ended.finished_at, ended.wake_at) == (after, T0, None)
    assert ended.unsaved[-1].step is None


def test_nothing_leaves_a_final_state() -> None:
    assert not [key for key in STEP_TABLE if key[0] in FINAL_STEP]
    assert not [key for key in RUN_TABLE if key[0] is not RunStatus.RUNNING]


def test_every_state_can_be_reached() -> None:
    assert {StepStatus.WAITING, *STEP_TABLE.values()} == set(StepStatus)
    assert {RunStatus.RUNNING, *RUN_TABLE.values()} == set(RunStatus)
