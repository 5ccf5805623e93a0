"""Three hosts that are killed and frozen while they work, an Azurite that restarts, services that fail."""

from __future__ import annotations

from pathlib import Path

from tests.end_to_end.trouble.many_hosts import Plan, play


def test_whatever_breaks_each_chain_runs_once_and_none_is_forgotten(tmp_path: Path) -> None:
    outcome = play(Plan(seed=1), tmp_path)
    assert outcome.violations == []
    assert outcome.trouble == {"kill": 4, "freeze": 1, "restart": 1}
