"""From process start until all functions are indexed, and until the first run is accepted, beside two other apps.

`python -m bench.cold_start [--starts 15]` starts each app in a process of its own under Azure's worker library,
in turn, prints medians and ratios to the empty app, and writes docs/benchmarks/cold-start.md. It exits 1 when
indexing takes over LIMIT times as long as the empty app's, or something heavy is loaded before it is needed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from bench.cold_start_page import versions_of, written
from bench.imports import Imported, imported
from local.simulated_azure.sample import DATASET, FACTORY, GROUP, SUBSCRIPTION, WORKSPACE, sample_azure
from local.simulated_azure.server import Server
from tests.worker.interpreter import MISSING, ROOT, find_interpreter

LIMIT = 1.3
APPS = Path(__file__).resolve().parent / "apps"
HEAVY = ("requests", "pydantic", "jinja2", "yaml", "cronsim", "azure.core", "azure.identity", "azure.mgmt")

CHAINS = f"""
connections:
  adf: {{type: data_factory, subscription: "{SUBSCRIPTION}", resource_group: {GROUP}, factory: {FACTORY}}}
  pbi: {{type: power_bi, workspace: {WORKSPACE}}}
chains:
  load:
    steps:
      load: {{connection: adf, pipeline: LoadSales, parameters: {{region: emea, run_date: "2026-11-21"}}}}
  refresh:
    steps:
      refresh: {{connection: pbi, dataset: {DATASET}}}
  nothing:
    parameters: {{region: {{default: emea}}}}
    steps:
      load: {{connection: adf, pipeline: LoadSales, parameters: {{region: "{{{{ parameters.region.nothing }}}}"}}}}
"""


@dataclass(frozen=True, slots=True)
class Case:
    """An app, and the HTTP request that comes first. `chain`: of Baton. `compiled`: whether its own code is."""

    name: str
    app: Path
    function: str
    chain: str | None = None
    compiled: bool = True

    def request(self) -> dict[str, Any]:
        params = {"chain": self.chain} if self.chain else {}
        url = f"http://127.0.0.1/api/chains/{self.chain}/runs" if self.chain else "http://127.0.0.1/api/runs"
        return {"function": self.function, "http": {"method": "POST", "url": url, "params": params}}


EMPTY = Case("empty app", APPS / "empty", "start")
PLAIN = Case("plain app with Azure's client", APPS / "plain", "start")
REFUSED = Case("Baton, a run that needs no service", ROOT, "start_run", "nothing")
REFRESH = Case("Baton, a Power BI refresh", ROOT, "start_run", "refresh")
LOAD = Case("Baton, a Data Factory pipeline", ROOT, "start_run", "load")
BARE = Case("Baton, the same, its own code not compiled", ROOT, "start_run", "load", compiled=False)
CASES = (EMPTY, PLAIN, REFUSED, REFRESH, LOAD, BARE)


@dataclass(frozen=True, slots=True)
class Start:
    """One process: seconds from its start until all functions were indexed, and until the first answer."""

    indexed: float
    answered: float


@dataclass(frozen=True, slots=True)
class Measured:
    case: Case
    starts: Sequence[Start]

    @property
    def name(self) -> str:
        return self.case.name

    @property
    def indexed(self) -> float:
        return median(each.indexed for each in self.starts)

    @property
    def answered(self) -> float:
        return median(each.answered for each in self.starts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=15)
    told = parser.parse_args()
    python = find_interpreter(os.environ)
    if python is None:
        print(MISSING, file=sys.stderr)
        return 2
    with Server(sample_azure(lambda: datetime.now(UTC))) as azure, tempfile.TemporaryDirectory() as folder:
        bench = Bench(python, Path(folder), {**azure.settings(), "SUBSCRIPTION_ID": SUBSCRIPTION})
        measured = bench.measure(told.starts)
        imports = {case.name: bench.imports(case) for case in (EMPTY, REFRESH, LOAD)}
        early = bench.loaded_when_indexed()
    text = written(versions_of(python), measured, imports, early, LIMIT)
    print(text)
    return 1 if early or measured[CASES.index(LOAD)].indexed > LIMIT * measured[0].indexed else 0


@dataclass(frozen=True, slots=True)
class Bench:
    """Starts apps. `folder`: for the chains file, the requests and the databases."""

    python: Path
    folder: Path
    settings: Mapping[str, str]

    def measure(self, starts: int) -> list[Measured]:
        """Each case once in each round, after a round that warms the disk and compiles."""
        found: dict[str, list[Start]] = {case.name: [] for case in CASES}
        for number in range(starts + 1):
            for case in CASES:
                start = self._started(case, number)
                if number > 0:
                    found[case.name].append(start)
            if number == 0:
                self._compile()
                shutil.rmtree(self._bytecode(BARE) / str(ROOT).lstrip("/"))
        return [Measured(case, found[case.name]) for case in CASES]

    def _started(self, case: Case, number: int) -> Start:
        began = time.monotonic()
        told = json.loads(self._run(case, number, [case.request()]).stdout)
        assert told["error"] is None, told["error"]
        result = told["results"][0]
        assert result["ok"], result
        assert result["http"]["status"] == 202, result
        return Start(told["indexed_at"] - began, result["at"] - began)

    def imports(self, case: Case) -> list[Imported]:
        """What was imported until the first answer, by package."""
        return imported(self._run(case, "imports", [case.request()], "-X", "importtime").stderr)

    def loaded_when_indexed(self) -> list[str]:
        """Of what is heavy: what Baton loads beyond the empty app before anything is asked of it."""
        baton, empty = (
            {
                name
                for each in imported(self._run(case, "early", [], "-X", "importtime").stderr)
                for name in each.names
            }
            for case in (LOAD, EMPTY)
        )
        return [name for name in HEAVY if name in baton - empty]

    def _compile(self) -> None:
        """Baton's own code, as azd's hook does it before it packs."""
        how = ["-q", "-f", "--invalidation-mode", "checked-hash"]
        kept = {**os.environ, "PYTHONPYCACHEPREFIX": str(self._bytecode(LOAD))}
        subprocess.run(
            [self.python, "-m", "compileall", *how, "function_app.py", "shared"], cwd=ROOT, env=kept, check=True
        )

    def _bytecode(self, case: Case) -> Path:
        """Where compiled code is kept, so that neither this tree nor the environment has a say in it."""
        return self.folder / ("compiled" if case.compiled else "bare")

    def _run(
        self, case: Case, number: object, requests: Sequence[Any], *options: str
    ) -> subprocess.CompletedProcess[str]:
        folder = self.folder / f"{CASES.index(case)}.{number}"
        folder.mkdir(exist_ok=True)
        path, chains = folder / "requests.json", folder / "chains.yaml"
        path.write_text(json.dumps(requests), encoding="utf-8")
        chains.write_text(CHAINS, encoding="utf-8")
        own = {"AzureWebJobsStorage": f"sqlite:{folder}/baton.db", "CHAINS_FILE": str(chains)}
        own["PYTHONPYCACHEPREFIX"] = str(self._bytecode(case))
        own["PYDANTIC_DISABLE_PLUGINS"] = "__all__"  # as in the app's Bicep
        own["PYTHONDONTWRITEBYTECODE"] = "" if case.compiled or number == 0 else "1"
        return subprocess.run(
            [self.python, *options, "-m", "tests.worker.run_under_worker", case.app, path],
            cwd=ROOT,
            env={**os.environ, **self.settings, **own},
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )


if __name__ == "__main__":
    sys.exit(main())
