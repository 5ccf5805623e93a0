"""Names of resources, the package that is deployed, and the pieces that must fit together."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

from tests.infra.templates import INFRA, ROOT, block, module, parameters, text_of

# The Cloud Adoption Framework's abbreviations.
ABBREVIATIONS = {
    "identity": "id-",
    "storage": "st",
    "workspace": "log-",
    "insights": "appi-",
    "topic": "evgt-",
    "vault": "kv-",
    "plan": "asp-",
    "app": "func-",
    "actionGroup": "ag-",
}
DEPLOYED = {"function_app.py", "host.json", "requirements.txt", "chains.yaml", "shared"}
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def test_names_begin_with_the_frameworks_abbreviations() -> None:
    names = dict(re.findall(r"(\w+): '([^']*)'", block(text_of(INFRA / "main.bicep"), "var names = {")))
    assert names.keys() == ABBREVIATIONS.keys()
    assert all(names[kind].startswith(prefix) for kind, prefix in ABBREVIATIONS.items())


def test_names_stay_within_their_limits() -> None:
    """uniqueString has 13 characters; storage accounts and vaults may have 24, environment names here 12."""
    text = text_of(INFRA / "main.bicep")
    assert "storage: 'st${token}'" in text
    assert "vault: 'kv-${token}'" in text
    assert re.search(r"@maxLength\(12\)\nparam environmentName", text)


def test_the_sample_parameters_are_parameters() -> None:
    given = parameters(text_of(INFRA / "main.bicepparam"))
    assert given <= parameters(text_of(INFRA / "main.bicep"))
    assert "environmentName" in given


def test_azd_finds_the_app_by_its_tag() -> None:
    azure = yaml.safe_load((ROOT / "azure.yaml").read_text())
    (service,) = azure["services"]
    assert f"'azd-service-name': '{service}'" in module("function-app")
    told = {key: azure["services"][service][key] for key in ("project", "language", "host")}
    assert told == {"project": ".", "language": "python", "host": "function"}
    assert (ROOT / azure["infra"]["path"] / f"{azure['infra']['module']}.bicep").exists()


def test_the_package_holds_the_app_and_nothing_else() -> None:
    patterns = [line for line in (ROOT / ".funcignore").read_text().splitlines() if line]
    tracked = {path.name for path in ROOT.iterdir() if path.name not in (".git", "__pycache__")}
    assert {name for name in tracked if not any(fnmatch(name, pattern) for pattern in patterns)} == DEPLOYED


def test_nothing_inside_the_package_is_left_out() -> None:
    """A pattern without a slash applies at every depth."""
    patterns = [line for line in (ROOT / ".funcignore").read_text().splitlines() if line]
    for path in (ROOT / "shared").rglob("*"):
        assert not any(fnmatch(path.name, pattern) for pattern in patterns), path


def test_the_package_is_compiled_before_it_is_packed(tmp_path: Path) -> None:
    """In a copy: this tree stays as it is. What is edited afterwards is not hidden by what was compiled."""
    hook = yaml.safe_load((ROOT / "azure.yaml").read_text())["services"]["baton"]["hooks"]["prepackage"]
    (tmp_path / "shared").mkdir()
    for name in ("function_app.py", "shared/ports.py"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    for system, python in (("posix", "python3.13 "), ("windows", "py -3.13 ")):
        words = hook[system]["run"].removeprefix(python).split()
        done = subprocess.run([sys.executable, *words], cwd=tmp_path, check=True, capture_output=True, text=True)
        assert done.stdout == ""
        for compiled in tmp_path.rglob("__pycache__/*.pyc"):
            flags = int.from_bytes(compiled.read_bytes()[4:8], "little")
            assert flags == 0b11, "1: by the source's hash, and not by its time; 2: which is compared"
        found = {path.name.partition(".")[0] for path in tmp_path.rglob("__pycache__/*.pyc")}
        assert found == {"function_app", "ports"}
        shutil.rmtree(tmp_path / "shared" / "__pycache__")


def test_what_is_deployed_is_compiled_by_the_apps_own_python() -> None:
    version = re.search(r"runtime: \{\s*name: 'python'\s*version: '([\d.]+)'", module("function-app"))
    assert version is not None
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "deploy.yml").read_text())
    (setup,) = [step for step in workflow["jobs"]["deploy"]["steps"] if "setup-python" in step.get("uses", "")]
    assert setup["with"]["python-version"] == version[1]
    hook = yaml.safe_load((ROOT / "azure.yaml").read_text())["services"]["baton"]["hooks"]["prepackage"]
    assert hook["posix"]["run"].startswith(f"python{version[1]} ")
    assert hook["windows"]["run"].startswith(f"py -{version[1]} ")


@pytest.mark.parametrize("name", [".azure", ".env", "local.settings.json", "key.pem", ".venv313", "node_modules"])
def test_what_may_hold_secrets_or_weighs_much_is_neither_deployed_nor_committed(name: str) -> None:
    for file in (".funcignore", ".gitignore"):
        patterns = [line.rstrip("/") for line in (ROOT / file).read_text().splitlines() if line]
        assert any(fnmatch(name, pattern) for pattern in patterns), f"{name} in {file}"


def test_the_event_subscription_comes_after_the_code_and_names_its_function() -> None:
    assert "functions/on_event" in (INFRA / "events.bicep").read_text()
    assert "on_event" not in (INFRA / "main.bicep").read_text()
    assert "events.bicep" not in " ".join(re.findall(r"^module .*", text_of(INFRA / "main.bicep"), re.MULTILINE))


def test_alerts_ask_for_what_baton_logs() -> None:
    """The heartbeat is the timer's name; the words are those that `say` writes."""
    alerts = module("alerts")
    assert 'name == "tick"' in alerts
    assert re.search(r"^def tick\(", (ROOT / "function_app.py").read_text(), re.MULTILINE)
    said = "".join(path.read_text() for path in (ROOT / "shared" / "relay").glob("*.py"))
    for action in re.findall(r'startswith "action=(\w+) "', alerts):
        assert f'say("{action}"' in said, action


def test_every_alert_is_in_the_operations_page() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    for query in re.findall(r"^\s*query: '(.+)'$", module("alerts"), re.MULTILINE):
        assert query in " ".join(page.split()), query


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_use_no_stored_secret_and_ask_for_few_rights(path: Path) -> None:
    text = path.read_text()
    assert "secrets." not in text
    workflow = yaml.safe_load(text)
    assert workflow["permissions"]["contents"] == "read"
    for job in workflow["jobs"].values():
        assert set(job.get("permissions", {})) <= {"contents", "id-token"}


def test_there_are_workflows_for_changes_and_for_deployment() -> None:
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "deploy.yml"]
