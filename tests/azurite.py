"""Azurite, Microsoft's storage emulator, for tests: installed when missing, on ports of its own, ended by pid."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

VERSION = "3.35.0"
ACCOUNT = "devstoreaccount1"
# The emulator's public key, the same everywhere.
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
TOOLS = Path(__file__).resolve().parent.parent / ".tools"

_READY_SECONDS = 30.0
_INSTALL_SECONDS = 300.0
_STOP_SECONDS = 10.0
_HOST = "127.0.0.1"


class AzuriteMissingError(Exception):
    """Azurite is not here and cannot be installed. The message says why."""


class Azurite:
    """One emulator process. Without `data_dir` it forgets everything when it stops."""

    def __init__(self, executable: Path, data_dir: Path | None = None) -> None:
        self.blob_port, self.queue_port, self.table_port = _free_ports(3)
        self._data_dir = data_dir
        self._executable = executable
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def connection_string(self) -> str:
        """For all three services, over plain http."""
        return connection_string(blob=self.blob_port, queue=self.queue_port, table=self.table_port)

    def start(self) -> None:
        """Start it, on the same ports as before, and wait until it answers."""
        assert self._process is None, "Azurite runs already"
        with tempfile.TemporaryFile() as output:
            self._process = subprocess.Popen(
                self._command(), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
            deadline = time.monotonic() + _READY_SECONDS
            while not all(map(_answers, (self.blob_port, self.queue_port, self.table_port))):
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    output.seek(0)
                    raise RuntimeError(f"Azurite did not start: {output.read().decode(errors='replace')[-2000:]}")
                time.sleep(0.02)

    def stop(self) -> None:
        """End it. Stopping again does nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def restart(self) -> None:
        """Stop and start. In memory all data is lost; with a `data_dir` it stays."""
        self.stop()
        self.start()

    def _command(self) -> list[str]:
        command = [str(self._executable), "--silent", "--loose", "--skipApiVersionCheck", "--disableTelemetry"]
        for service in ("blob", "queue", "table"):
            command += [f"--{service}Host", _HOST, f"--{service}Port", str(getattr(self, f"{service}_port"))]
        if self._data_dir is None:
            return [*command, "--inMemoryPersistence"]
        return [*command, "--location", str(self._data_dir)]


def connection_string(*, blob: int, queue: int, table: int) -> str:
    """A connection string of the emulator's account for services on these ports of this machine."""
    endpoints = {"Blob": blob, "Queue": queue, "Table": table}
    return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};" + "".join(
        f"{service}Endpoint=http://{_HOST}:{port}/{ACCOUNT};" for service, port in endpoints.items()
    )


@contextmanager
def start_azurite(install_dir: Path = TOOLS, *, data_dir: Path | None = None) -> Iterator[Azurite]:
    """A running Azurite, ended with the block.

    Where it cannot be had the test is skipped, and fails instead when the variable CI is set.
    """
    try:
        executable = find_azurite(install_dir, os.environ)
    except AzuriteMissingError as error:
        reason = f"Azurite is needed: {error}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    azurite = Azurite(executable, data_dir)
    azurite.start()
    try:
        yield azurite
    finally:
        azurite.stop()


def find_azurite(install_dir: Path, environment: Mapping[str, str]) -> Path:
    """The executable: the variable AZURITE, or what is in `install_dir`, installed with npm when missing.

    Raises AzuriteMissingError.
    """
    if given := environment.get("AZURITE"):
        if not Path(given).is_file():
            raise AzuriteMissingError(f"the variable AZURITE names {given}, which is not there")
        return Path(given)
    executable = install_dir / "node_modules" / ".bin" / ("azurite.cmd" if os.name == "nt" else "azurite")
    if executable.is_file():
        return executable
    install_dir.mkdir(parents=True, exist_ok=True)
    # SQLite's lock works on every system and ends with its process: test workers install one after another.
    with closing(sqlite3.connect(install_dir / "install.lock", timeout=_INSTALL_SECONDS)) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        if not executable.is_file():
            _install(install_dir, environment.get("PATH"))
    return executable


def _install(install_dir: Path, path: str | None) -> None:
    npm = shutil.which("npm", path=path)
    if npm is None or shutil.which("node", path=path) is None:
        raise AzuriteMissingError("it needs node and npm, which are not on the PATH")
    command = [
        npm,
        "install",
        "--prefix",
        str(install_dir),
        "--no-audit",
        "--no-fund",
        "--prefer-offline",
        f"azurite@{VERSION}",
    ]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=_INSTALL_SECONDS)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        said = (error.stderr or b"").decode(errors="replace").strip()[-500:]
        raise AzuriteMissingError(f"npm could not install azurite@{VERSION}: {said or error}") from error


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server((_HOST, 0)) for _ in range(count)]
    ports: list[int] = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _answers(port: int) -> bool:
    try:
        with socket.create_connection((_HOST, port), timeout=1):
            return True
    except OSError:
        return False
