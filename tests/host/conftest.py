"""What the sample apps leave in this process is taken away again: they are all called `function_app`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="package", autouse=True)
def _no_sample_app_is_left_behind() -> Iterator[None]:
    path, module = list(sys.path), sys.modules.get("function_app")
    yield
    sys.path[:] = path
    sys.modules.pop("function_app", None)
    if module is not None:
        sys.modules["function_app"] = module
