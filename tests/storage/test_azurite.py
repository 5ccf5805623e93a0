"""The emulator's helper: others stop storage in the middle of a run and start it again."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.storage.azure import AzureStorage
from shared.storage.base import Insert, Row
from tests.azurite import AzuriteMissingError, find_azurite, start_azurite


def test_an_emulator_that_is_restarted_on_disk_has_kept_everything_at_the_same_address(tmp_path: Path) -> None:
    with start_azurite(data_dir=tmp_path) as azurite:
        storage = AzureStorage.from_connection_string(azurite.connection_string)
        storage.table("kept").write([Insert(Row("p", "k", "x"))])
        storage.queue("kept").send("x")
        azurite.restart()
        assert storage.table("kept").get("p", "k") is not None
        assert storage.queue("kept").length() == 1
        storage.close()


def test_the_variable_azurite_must_name_a_file(tmp_path: Path) -> None:
    with pytest.raises(AzuriteMissingError, match="not there"):
        find_azurite(tmp_path, {"AZURITE": str(tmp_path / "none")})


def test_without_npm_the_emulator_is_missing(tmp_path: Path) -> None:
    with pytest.raises(AzuriteMissingError, match="node and npm"):
        find_azurite(tmp_path, {"PATH": str(tmp_path)})


def test_an_installed_emulator_is_found(tmp_path: Path) -> None:
    executable = tmp_path / "node_modules" / ".bin" / "azurite"
    executable.parent.mkdir(parents=True)
    executable.touch()
    assert find_azurite(tmp_path, {}) == executable
