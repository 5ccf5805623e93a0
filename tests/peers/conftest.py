"""A fresh world for each story."""

from __future__ import annotations

import pytest

from tests.peers.story import Story


@pytest.fixture
def story() -> Story:
    return Story()
