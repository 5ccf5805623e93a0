"""The services' world serves the API's tests too."""

from __future__ import annotations

from tests.services.conftest import cloud

__all__ = ["cloud"]
