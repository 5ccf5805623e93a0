"""What a rerun keeps, does again and continues, as pure functions of the ended run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shared.core.decide import StartJob, decide, ready_at
from shared.core.definition import Chain, Connection, Parameter, StepDefinition
from shared.core.facts import Verdict
from shared.core.rerun import NothingToRunError, UnknownStepError, definition_of_rerun, steps_of_rerun
from shared.core.run import Error, Run, RunStatus, Step, StepStatus, Trigger, new_run
from shared.store.codec import decode, encode
from tests.unit.core.example import PATIENCE, Driver, a_job, a_run, a_step, at

FAILED = Error("job_failed", "No disk.")
FABRIC = Connection(name="lake", type="fabric", workspace="w")


def done(name: str, **more: Any) -> Step:
    return Step(
        name=name,
        status=StepStatus.SUCCEEDED,
        job=a_job(f"{name}-1"),
        began_at=at(0),
        started_at=at(1),
        finished_at=at(9),
        output={"rows": 7},
        **more,
    )


def failed(name: str, error: Error = FAILED, job: str | None = None, **more: Any) -> Step:
    shown = a_job(job or f"{name}-1", "Failed")
    return Step(name=name, status=StepStatus.FAILED, job=shown, finished_at=at(20), error=error, **more)


def ended(*steps: Step, definitions: tuple[StepDefinition, ...] = ()) -> Run:
    """A run of a → b → c, and of d beside them."""
    definitions = definitions or (a_step("a"), a_step("b", "a"), a_step("c", "b"), a_step("d"))
    run = a_run(*definitions)
    given = {step.name: step for step in steps}
    rest = {name.name: Step(name=name.name, status=StepStatus.SKIPPED) for name in definitions}
    return replace(run, status=RunStatus.FAILED, steps=tuple((rest | given).values()))


def rerun(old: Run, begin: str = "failed", declared: Chain | None = None) -> dict[str, Step]:
    return {step.name: step for step in steps_of_rerun(old, definition_of_rerun(old, declared), begin)}


def kept(old: Run, begin: str = "failed") -> set[str]:
    return {name for name, step in rerun(old, begin).items() if step.status is StepStatus.SUCCEEDED}


OLD = ended(done("a"), failed("b"), done("d"))
ALL_DONE = ended(done("a"), done("b"), done("c"), done("d"))


def test_from_failed_keeps_what_succeeded_and_runs_all_else() -> None:
    assert kept(OLD) == {"a", "d"}
    assert {step.status for name, step in rerun(OLD).items() if name in "bc"} == {StepStatus.WAITING}


def test_a_kept_step_has_its_job_times_and_output_and_nothing_that_waits() -> None:
    step = rerun(OLD)["a"]
    assert (step.job, step.output) == (a_job("a-1"), {"rows": 7})
    assert (step.started_at, step.finished_at) == (at(1), at(9))
    assert (step.intent, step.began_at, step.due_at, step.stop) == (None, None, None, None)


def test_from_start_keeps_nothing_and_continues_nothing() -> None:
    assert list(rerun(OLD, "start").values()) == [Step(name=name) for name in "abcd"]


@pytest.mark.parametrize(
    ("begin", "left"), [("a", {"d"}), ("b", {"a", "d"}), ("c", {"a", "b", "d"}), ("d", set("abc"))]
)
def test_from_a_step_it_and_all_that_comes_after_it_run_again(begin: str, left: set[str]) -> None:
    assert kept(ALL_DONE, begin) == left


def test_from_a_step_what_had_not_succeeded_runs_too() -> None:
    assert kept(OLD, "d") == {"a"}


def test_from_a_step_begins_that_job_anew() -> None:
    assert rerun(OLD, "b")["b"].continues is None


def test_an_unknown_step_is_refused_with_the_nearest_names() -> None:
    old = ended(definitions=(a_step("load"), a_step("refresh", "load")))
    with pytest.raises(UnknownStepError, match=r"no step 'lod'; did you mean 'load'\? There are load, refresh;"):
        rerun(old, "lod")


def test_nothing_to_run_is_refused() -> None:
    with pytest.raises(NothingToRunError, match="Every step"):
        rerun(ALL_DONE)


@pytest.mark.parametrize("kind", ["data_factory", "synapse", "fabric", "power_bi"])
def test_a_failed_job_is_continued_where_its_service_can(kind: Any) -> None:
    connection = Connection(name="x", type=kind)
    old = ended(failed("a"), definitions=(replace(a_step("a"), connection=connection),))
    assert rerun(old)["a"].continues == ("a-1" if kind in ("data_factory", "synapse") else None)


@pytest.mark.parametrize("code", ["job_cancelled", "timeout", "job_missing", "output_too_large"])
def test_a_job_that_did_not_fail_by_itself_begins_anew(code: str) -> None:
    assert rerun(ended(failed("a", Error(code, "x"))))["a"].continues is None


def test_a_step_that_never_had_a_job_begins_anew() -> None:
    assert rerun(ended(replace(failed("a"), job=None)))["a"].continues is None


@pytest.mark.parametrize(
    ("step", "continues"),
    [
        (Step(name="a", status=StepStatus.CANCELLED, continues="J"), "J"),
        (Step(name="a", status=StepStatus.FAILED, error=Error("forbidden", "x"), continues="J"), "J"),
        (Step(name="a", status=StepStatus.FAILED, error=Error("bad_request", "x"), continues="J"), None),
        (failed("a", job="K", continues="J"), "K"),
    ],
)
def test_the_rerun_of_a_rerun_goes_on_with_the_last_job_that_can_be(step: Step, continues: str | None) -> None:
    assert rerun(ended(step))["a"].continues == continues


def test_the_chain_as_it_is_declared_now_counts() -> None:
    repaired = replace(OLD.definition, steps=(*OLD.definition.steps[:3], a_step("d", retries=3)), max_running=1)
    assert definition_of_rerun(OLD, repaired) is repaired


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": OLD.definition.steps[:3]},
        {"steps": (*OLD.definition.steps[:3], a_step("d", "a"))},
        {"parameters": {"region": Parameter()}},
    ],
)
def test_the_stored_chain_counts_where_the_old_results_would_not_fit_the_new_one(changes: dict[str, Any]) -> None:
    assert definition_of_rerun(OLD, replace(OLD.definition, **changes)) is OLD.definition
    assert definition_of_rerun(OLD, None) is OLD.definition


@pytest.mark.parametrize(
    "changes",
    [
        {"pipeline": "Other"},
        {"parameters": {"day": "mon"}},
        {"connection": replace(OLD.definition.steps[1].connection, factory="g")},
        {"connection": FABRIC},
    ],
)
def test_a_step_that_is_now_another_job_begins_anew(changes: dict[str, Any]) -> None:
    first, second, *rest = OLD.definition.steps
    declared = replace(OLD.definition, steps=(first, replace(second, **changes), *rest))
    assert rerun(OLD, declared=declared)["b"].continues is None


def test_another_credential_or_more_time_does_not_keep_a_job_from_being_continued() -> None:
    first, second, *rest = OLD.definition.steps
    connection = replace(
        second.connection, name="renamed", credential=replace(second.connection.credential, client_id="x")
    )
    changed = replace(second, connection=connection, timeout_seconds=1)
    assert rerun(OLD, declared=replace(OLD.definition, steps=(first, changed, *rest)))["b"].continues == "b-1"


def new(old: Run, begin: str = "failed") -> Run:
    trigger = Trigger(type="rerun", time=at(500), first_time=old.trigger.time)
    steps = steps_of_rerun(old, old.definition, begin)
    made = new_run(
        id=old.id,
        definition=old.definition,
        trigger=trigger,
        parameters={},
        now=at(500),
        queued=False,
        steps=steps,
        rerun_of=old.id,
    )
    return replace(made, unsaved=())


def test_the_new_run_starts_at_the_failed_step_and_its_intent_says_what_it_continues() -> None:
    run, effect = decide(new(OLD), at(501), "i", PATIENCE)
    assert effect == StartJob("b")
    assert [(t.step, t.event, t.continues, t.parameters) for t in run.unsaved] == [("b", "intend", "b-1", {})]


def test_a_step_that_is_kept_is_ready_when_it_was() -> None:
    run = new(OLD)
    assert ready_at(run, run.step("b")) == at(9)


def test_a_further_attempt_begins_anew() -> None:
    old = ended(failed("a"), definitions=(a_step("a", retries=1),))
    driver = Driver(new(old))
    driver.start("a", 500, "a-2")
    driver.observe(Verdict.FAILED, 510, name="a", job="a-2")
    assert (driver.step("a").attempt, driver.step("a").continues) == (2, None)
    driver.start("a", 600, "a-3")
    assert driver.step("a").continues is None


def test_templates_go_by_the_time_of_the_first_trigger_and_by_the_kept_output() -> None:
    template = {"day": "{{ trigger.time.isoformat() }}", "rows": "{{ steps.a.output.rows }}"}
    old = ended(
        done("a"),
        Step(name="b", status=StepStatus.CANCELLED),
        definitions=(a_step("a"), a_step("b", "a", parameters=template)),
    )
    run, _ = decide(new(old), at(501), "i", PATIENCE)
    intent = run.step("b").intent
    assert intent is not None
    assert intent.parameters == {"day": at(0).isoformat(), "rows": 7}


def test_a_rerun_is_stored_and_read_again_and_old_rows_are_still_read() -> None:
    run = new(OLD)
    assert decode(Run, encode(Run, run)) == run
    old = encode(Run, OLD)
    assert "continues" not in old
    assert decode(Run, old).rerun_of is None
