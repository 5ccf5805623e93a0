"""Finds a Python that can run Azure's worker library, which needs 3.13 or newer."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
SETTING = "BATON_PYTHON313"
MISSING = (
    "Azure's worker library needs Python 3.13 or newer with azure-functions and azure-functions-runtime: "
    f"run the tests with one, name one in {SETTING}, or make .venv313 in the repository's folder"
)
_PROBE = "import sys; assert sys.version_info >= (3, 13); import azure.functions, azure_functions_runtime"
_PROBE_SECONDS = 30


def find_interpreter(environment: Mapping[str, str], root: Path = ROOT) -> Path | None:
    """The first of: this interpreter, the one that BATON_PYTHON313 names, `.venv313` of the repository."""
    return next((python for python in _candidates(environment, root) if _works(python)), None)


def _candidates(environment: Mapping[str, str], root: Path) -> Iterator[Path]:
    if sys.version_info >= (3, 13):
        yield Path(sys.executable)
    if environment.get(SETTING):
        yield Path(environment[SETTING])
    yield root / ".venv313" / "bin" / "python"


def _works(python: Path) -> bool:
    try:
        probe = subprocess.run([python, "-c", _PROBE], capture_output=True, timeout=_PROBE_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return probe.returncode == 0
