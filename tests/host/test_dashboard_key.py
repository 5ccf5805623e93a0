"""The dashboard's key on one machine."""

from __future__ import annotations

import stat
from pathlib import Path

from local.configuration import dashboard_key
from shared.web.access.session import LEAST_KEY_CHARACTERS


def test_it_is_made_once_long_enough_and_for_its_owner_only(tmp_path: Path) -> None:
    made = dashboard_key(tmp_path)
    assert len(made) >= LEAST_KEY_CHARACTERS
    assert dashboard_key(tmp_path) == made
    kept = next(path for path in (tmp_path / ".baton").iterdir())
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
