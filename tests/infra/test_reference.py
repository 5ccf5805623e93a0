"""Nothing in infra/ is made up: API versions and role ids are those of the type data and the reference pages.

The data lie beside the repository where it is developed; elsewhere these tests are left out, and Azure's own
`bicep build` says it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.infra.templates import INFRA, ROOT, TEMPLATES, guids, resource_types, text_of

SHARED = next(
    (folder / "shared" for folder in ROOT.parents if (folder / "shared" / "tools" / "bicep").is_dir()),
    ROOT.parent / "shared",
)
CHECK = SHARED / "tools" / "bicep" / "check_bicep.py"
needs_data = pytest.mark.skipif(not CHECK.exists(), reason="the type data are not at hand")


@needs_data
@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_api_version_is_in_the_type_data(path: Path) -> None:
    known = {name.lower() for name in json.loads((CHECK.parent / "az-types.json").read_text())["resources"]}
    assert {name.lower() for name in resource_types(text_of(path))} <= known


@needs_data
@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_role_is_in_the_reference(path: Path) -> None:
    known = "".join(page.read_text() for page in (SHARED / "reference").glob("*.md"))
    known += (CHECK.parent / "bicepcheck" / "check_security.py").read_text()
    assert all(guid in known for guid in guids(text_of(path)))


@needs_data
def test_the_bicep_check_finds_nothing() -> None:
    done = subprocess.run(
        [sys.executable, str(CHECK), str(INFRA), "--strict"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")
