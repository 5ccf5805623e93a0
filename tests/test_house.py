"""House rules as tests: which way imports point, how big things get, and that docs are true to the code."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.core.lifecycle import RUN_TABLE, STEP_TABLE

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = sorted([*(ROOT / "shared").rglob("*.py"), ROOT / "function_app.py"])
CODE = sorted([*PRODUCT, *(ROOT / "local").rglob("*.py")])
MOST_FUNCTION_LINES = 70
MOST_MODULE_LINES = 320

# What each part may import of the product, besides itself.
MAY_IMPORT = {
    "core": set(),
    "settings": set(),
    "ports": {"core"},
    "storage": set(),
    "store": {"core", "ports", "storage"},
    "identity": {"core", "ports", "settings"},
    "services": {"core", "ports", "identity", "settings"},
    "chains_file": {"core"},
    "events": {"core", "ports", "identity", "settings"},
    "relay": {"core", "ports", "store", "storage"},
    "web": {"core", "ports", "relay", "storage", "chains_file", "settings", "app"},
    "work": {"core", "relay", "chains_file", "app"},
    "app": {
        "core",
        "events",
        "ports",
        "relay",
        "services",
        "store",
        "storage",
        "identity",
        "settings",
        "chains_file",
    },
    "function_app": {"app", "web", "work"},
}
PURE = {"os", "io", "socket", "logging", "random", "secrets", "time", "threading", "requests", "azure"}


def part_of(path: Path) -> str:
    relative = path.relative_to(ROOT)
    return relative.parts[1].removesuffix(".py") if relative.parts[0] == "shared" else relative.stem


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize(
    "path", [p for p in PRODUCT if p.name != "__init__.py" or p.parent.name != "shared"], ids=str
)
def test_imports_point_one_way(path: Path) -> None:
    part = part_of(path)
    used = {name.split(".")[1] for name in imports(path) if name.startswith("shared.")}
    assert used - {part} <= MAY_IMPORT[part], f"{part} imports {used}"
    assert not any(name.split(".")[0] in ("local", "tests") for name in imports(path))


@pytest.mark.parametrize("path", [p for p in PRODUCT if part_of(p) == "core"], ids=str)
def test_the_core_is_pure(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports(path)} & PURE
    assert not re.search(r"\b(datetime\.now|utcnow|time\(\)|open\()", path.read_text())


@pytest.mark.parametrize("path", CODE, ids=str)
def test_functions_and_modules_stay_small(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= MOST_MODULE_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < MOST_FUNCTION_LINES, node.name


def test_importing_the_app_loads_nothing_heavy() -> None:
    code = "import sys, function_app; print(' '.join(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    heavy = {
        "azure.identity", "azure.core", "azure.data.tables", "azure.storage.queue", "azure.mgmt.datafactory", "azure.keyvault.secrets", "msal",
        "requests", "pydantic", "jinja2", "yaml", "cronsim", "cryptography", "sqlite3",
    }  # fmt: skip
    assert not loaded & heavy
    assert "shared.app" not in loaded


def test_the_page_on_the_lifecycle_is_drawn_from_the_table() -> None:
    assert (ROOT / "docs" / "lifecycle.md").read_text() == lifecycle_page(), "run `python -m tests.test_house`"


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = (folder / "README.md").read_text()
    for page in folder.glob("0*.md"):
        assert page.name in listed


def test_every_route_is_on_the_page_of_the_api() -> None:
    page = (ROOT / "docs" / "api.md").read_text()
    for route in re.findall(r'route="([^"]+)"', _triggers()):
        assert f"/api/{route}" in page, route


@pytest.mark.parametrize(
    "page", ["README.md", "docs/api.md", "docs/chains.md", "docs/settings.md", "docs/terminal.md"]
)
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (ROOT / page).read_text()):
        assert (ROOT / page).parent.joinpath(target).exists(), target


def test_the_readme_leads_to_every_page() -> None:
    readme = (ROOT / "README.md").read_text()
    for page in (ROOT / "docs").glob("*.md"):
        assert f"docs/{page.name}" in readme, page.name


def _triggers() -> str:
    pages = [ROOT / "function_app.py", *(ROOT / "shared" / "web").rglob("triggers.py")]
    return "".join(page.read_text() for page in pages)


def lifecycle_page() -> str:
    """docs/lifecycle.md, from the tables."""
    steps = "\n".join(f"  {before} --> {after}: {event}" for (before, event), after in STEP_TABLE.items())
    runs = "\n".join(f"  {before} --> {after}: {event}" for (before, event), after in RUN_TABLE.items())
    return f"""# The lifecycle

Drawn from the tables in `shared/core/lifecycle.py`; no other change of state is possible.

## A step

```mermaid
stateDiagram-v2
  [*] --> waiting
{steps}
```

`waiting`: for the steps before it, for a retry's delay, or for a service that said "later". `starting`: the intent
to start a job is saved, and whether there is a job may be unknown. `put_off`: there surely is no job; the step waits
to start it again. `retry`: the attempt failed and another one is left. Why a step failed is its error, never a state.

## A run

```mermaid
stateDiagram-v2
  [*] --> running
{runs}
```

A run ends when all of its steps have: `succeeded` when all of them have, `cancelled` when a caller asked for it,
else `failed`. In a rerun, a step whose result is kept is `succeeded` from the beginning.
"""


if __name__ == "__main__":
    (ROOT / "docs" / "lifecycle.md").write_text(lifecycle_page())
