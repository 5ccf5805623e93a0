"""More starts at once than the hosts can take."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.trouble.burst import BurstPlan, burst


@pytest.mark.parametrize(("storage", "hosts"), [("sqlite", 1), ("azurite", 2)])
def test_each_of_many_starts_is_accepted_whole_or_refused_whole(tmp_path: Path, storage: str, hosts: int) -> None:
    plan = BurstPlan(storage=storage, starts=150, hosts=hosts, callers=60, most_at_once=10)
    outcome = burst(plan, tmp_path)
    assert outcome.violations == []
    assert set(outcome.answers) == {202, 429}
