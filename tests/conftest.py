"""For all tests: what they exchange with the simulated Azure is held against the services' API documents.

What does not fit fails the test that caused it; how much was checked stands at the end of a run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from local.simulated_azure.world import SimulatedAzure
from tests.documents import SPECS, Documents

DOCUMENTS = Documents()
_of_workers: Counter[str] = Counter()


def pytest_configure(config: pytest.Config) -> None:
    if SPECS.is_dir():
        SimulatedAzure.observer = DOCUMENTS.observe


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    result = yield
    _fail_for_mismatches()
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    result = yield
    _fail_for_mismatches()
    return result


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of a run that is spread over processes hands in its figures."""
    output: Any = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["documents"] = dict(DOCUMENTS.checked)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    _of_workers.update(getattr(node, "workeroutput", {}).get("documents", {}))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    left_out = [r for r in terminalreporter.stats.get("skipped", ()) if r.nodeid.startswith("tests/browser")]
    if left_out:
        terminalreporter.write_line(f"LEFT OUT: {len(left_out)} browser tests; the reasons stand above.", red=True)
    if not SPECS.is_dir():
        terminalreporter.write_line(
            "The services' API documents are not at hand: nothing was checked against them."
        )
        return
    checked = DOCUMENTS.checked + _of_workers
    told = ", ".join(f"{count:,} {what}" for what, count in sorted(checked.items()))
    terminalreporter.write_line(f"Checked against the services' API documents: {told or 'nothing'}.")


def _fail_for_mismatches() -> None:
    found = DOCUMENTS.taken()
    if found:
        pytest.fail("does not fit the services' documents:\n" + "\n".join(found[:20]), pytrace=False)
