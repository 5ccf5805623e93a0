"""The rows that tell of runs in short."""

from __future__ import annotations

import json
from datetime import timedelta

from shared.core.ids import newest_first, run_id
from shared.core.past import line_of
from shared.core.run import RunStatus
from shared.storage.base import Row, Upsert
from shared.store.pasts import line_data, line_from, past_data, past_from
from tests.browser.stored import Ending, store_run
from tests.unit.relay.small_world import T0, SmallWorld, a_chain


def test_what_is_written_is_what_is_read() -> None:
    small = SmallWorld()
    run = store_run(small, a_chain(), T0, Ending(fails_at="load"))
    assert line_from(line_data(line_of(run))) == line_of(run)
    past = small.world.runs.past("sales")
    assert past_from(past_data(past)) == past
    assert past.lines == (line_of(run),)
    assert past.why is not None
    assert past.why.step == "load"


def test_index_rows_of_an_older_version_are_read() -> None:
    small = SmallWorld()
    old = run_id("sales", T0, 5)
    row = Row("index", f"r.{newest_first(old)}", json.dumps({"run": old, "status": "succeeded"}))
    small.storage.table("baton").write([Upsert(row)])
    (line,) = small.world.runs.newest_lines(10)
    assert (line.run_id, line.status, line.seconds) == (old, RunStatus.SUCCEEDED, None)


def test_closing_a_run_again_changes_nothing() -> None:
    small = SmallWorld()
    old = store_run(small, a_chain(), T0, Ending())
    store_run(small, a_chain(), T0 + timedelta(hours=1), Ending(fails_at="load"))
    before = small.world.runs.past("sales")
    small.world.runs.close(old)
    assert small.world.runs.past("sales") == before


def test_runs_that_ended_in_the_ordinary_way_are_in_their_chains_past() -> None:
    small = SmallWorld()
    run = small.start(a_chain())
    small.service.end("job-1")
    small.pass_time(60)
    small.service.end("job-2")
    small.pass_time(60)
    (line,) = small.world.runs.past("sales").lines
    assert (line.run_id, line.status) == (run.id, RunStatus.SUCCEEDED)
    assert small.world.runs.under_way(10) == ((), False)
