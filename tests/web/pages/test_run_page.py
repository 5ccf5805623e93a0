"""A run's page: attempts, where bars and arrows go, notes, and what a rerun may begin with."""

from __future__ import annotations

from datetime import timedelta

from shared.core.errors import TryLaterError
from shared.core.facts import Verdict
from shared.core.run import Error, Run
from shared.web.pages.attempts import attempts
from shared.web.pages.gantt import BAR_TOP, ROW_HEIGHT
from shared.web.pages.run_page import RunView, run_page
from tests.browser.stored import Ending, store_run
from tests.unit.relay.small_world import T0, SmallWorld, a_chain, a_step

DIAMOND = a_chain(
    a_step("end", "left", "right"), a_step("left", "begin"), a_step("right", "begin"), a_step("begin")
)


def seen(small: SmallWorld, run: Run, **durations: tuple[float, ...]) -> RunView:
    stored = small.run(run.id)
    return run_page(stored, small.world.runs.transitions(run.id), durations, None, small.now)


def test_steps_stand_behind_those_that_they_wait_for() -> None:
    small = SmallWorld()
    run = store_run(small, DIAMOND, T0, Ending())
    assert [step.name for step in seen(small, run).steps] == ["begin", "left", "right", "end"]


def test_a_finished_runs_bars_fill_the_width_one_after_the_other() -> None:
    small = SmallWorld()
    chain = a_chain(a_step("load"), a_step("check", "load"), a_step("refresh", "check"))
    view = seen(small, store_run(small, chain, T0, Ending(seconds=300)))
    assert view.gantt is not None
    assert [(box.x, box.width, box.letter) for box in view.gantt.boxes] == [
        ("0.00%", "33.33%", "s"),
        ("33.33%", "33.33%", "s"),
        ("66.67%", "33.33%", "s"),
    ]
    assert [box.y for box in view.gantt.boxes] == [BAR_TOP, BAR_TOP + ROW_HEIGHT, BAR_TOP + 2 * ROW_HEIGHT]
    assert [tick.label for tick in view.gantt.ticks] == ["0", "2 min", "4 min"]
    assert len(view.gantt.lines) == 2


def test_each_attempt_has_a_bar_and_its_error() -> None:
    small = SmallWorld()
    run = small.start(a_chain(a_step("load", retries=1, retry_delay_seconds=30)))
    small.service.end("job-1", Verdict.FAILED, error=Error("job_failed", "First time."))
    small.pass_time(100)
    small.service.end("job-2", Verdict.FAILED, error=Error("job_failed", "Second time."))
    small.pass_time(100)
    (step,) = seen(small, run).steps
    assert [(a.number, a.status, a.error and a.error.message) for a in step.attempts] == [
        (1, "failed", "First time."),
        (2, "failed", "Second time."),
    ]
    view = seen(small, run)
    assert view.gantt is not None
    assert [box.letter for box in view.gantt.boxes] == ["f", "f"]
    assert [failed.name for failed in view.failed] == ["load"]


def test_a_start_that_is_put_off_is_one_attempt_that_says_why() -> None:
    small = SmallWorld()
    small.service.start_fails = [TryLaterError("throttled", "Too many.", 20)]
    run = small.start(a_chain(a_step("load")))
    (attempt,) = attempts(small.world.runs.transitions(run.id))["load"]
    assert (attempt.number, attempt.status, attempt.put_offs) == (1, "put off", 1)
    (step,) = seen(small, run).steps
    assert step.note == "Tries again in 20 s."
    assert step.error is not None
    assert step.error.message == "Too many."


def test_a_running_step_shows_how_long_it_usually_takes() -> None:
    small = SmallWorld()
    run = small.start(a_chain())
    small.pass_time(60)
    view = seen(small, run, load=(200.0, 240.0, 280.0))
    assert (view.steps[0].elapsed, view.steps[0].usual) == ("1 min", "4 min")
    assert view.steps[1].note == "Waits for load."
    assert view.gantt is not None
    assert [(box.letter, box.width) for box in view.gantt.boxes] == [("u", "100.00%"), ("r", "25.00%")]
    assert view.rerun_from == ()


def test_what_a_rerun_may_begin_with() -> None:
    small = SmallWorld()
    failed = seen(small, store_run(small, a_chain(), T0, Ending(fails_at="refresh")))
    assert [value for value, _ in failed.rerun_from] == ["failed", "start", "load", "refresh"]
    whole = seen(small, store_run(small, a_chain(), T0 + timedelta(1), Ending()))
    assert [value for value, _ in whole.rerun_from] == ["start", "load", "refresh"]


def test_a_step_that_failed_before_it_began_is_told_all_the_same() -> None:
    small = SmallWorld()
    run = small.start(a_chain(a_step("load", parameters={"day": "{{ parameters.nothing }}"})))
    view = seen(small, run)
    assert view.gantt is None
    assert [step.name for step in view.failed] == ["load"]
    assert view.failed[0].attempts == ()
