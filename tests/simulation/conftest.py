"""Simulations are quiet: warnings are what they are made of."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from local.simulated_azure.world import SimulatedAzure


@pytest.fixture(autouse=True, scope="module")
def quiet() -> Iterator[None]:
    """Other tests hold the requests against the services' documents."""
    logging.disable(logging.CRITICAL)
    observer, SimulatedAzure.observer = SimulatedAzure.observer, None
    yield
    SimulatedAzure.observer = observer
    logging.disable(logging.NOTSET)
