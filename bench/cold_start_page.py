"""docs/benchmarks/cold-start.md, from what was just measured."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from bench.imports import Imported

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks" / "cold-start.md"
MOST = 14  # packages that are named
_VERSIONS = (
    "import platform; from importlib.metadata import version as v; print(', '.join(['Python '"
    " + platform.python_version(), *(f'{n} {v(n)}' for n in ('azure-functions-runtime', 'azure-functions',"
    " 'azure-mgmt-datafactory', 'azure-identity', 'requests', 'pydantic', 'jinja2'))]))"
)


class Timed(Protocol):
    """An app's medians, in seconds."""

    @property
    def name(self) -> str: ...
    @property
    def indexed(self) -> float: ...
    @property
    def answered(self) -> float: ...
    @property
    def starts(self) -> Sequence[object]: ...


def page(
    versions: str,
    measured: Sequence[Timed],
    imports: Mapping[str, Sequence[Imported]],
    early: Sequence[str],
    limit: float,
) -> str:
    """`measured`: the empty app, which the others are compared with, the plain one, Baton three times, and what
    else there is. The first of `imports` is of the empty app, too."""
    ratio = max(each.indexed for each in measured[2:5]) / measured[0].indexed
    held = "met" if ratio <= limit else f"missed, with {ratio:.2f}"
    answered = [f"{each.answered / measured[0].answered:.1f}" for each in measured[:5]]
    head = _HEAD.format(
        versions=versions,
        machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores; {datetime.now(UTC):%Y-%m-%d}",
        starts=len(measured[0].starts),
        limit=limit,
        held=held,
        early="Nothing of it is." if not early else f"These are: {', '.join(early)}.",
        answered=" to ".join((min(answered[2:], key=float), max(answered[2:], key=float))),
        plain=answered[1],
    )
    return "\n\n".join([head.strip(), _times(measured), _WHY.strip(), *_imports(imports)]) + "\n"


def written(versions: str, *told: object) -> str:
    """Writes the page, and gives it back. See `page`."""
    text = page(versions, *told)  # type: ignore[arg-type]
    PAGE.write_text(text, encoding="utf-8")
    return text


def versions_of(python: Path) -> str:
    """Of the interpreter that the apps ran in, and of the libraries there."""
    return subprocess.run([python, "-c", _VERSIONS], check=True, capture_output=True, text=True).stdout.strip()


def _times(measured: Sequence[Timed]) -> str:
    first = measured[0]
    lines = ["| app | indexed, ms | ratio | first answer, ms | ratio |", "| --- | ---: | ---: | ---: | ---: |"]
    lines += [
        f"| {each.name} | {each.indexed * 1_000:.0f} | x {each.indexed / first.indexed:.2f}"
        f" | {each.answered * 1_000:.0f} | x {each.answered / first.answered:.2f} |"
        for each in measured
    ]
    return "\n".join(lines)


def _imports(imports: Mapping[str, Sequence[Imported]]) -> list[str]:
    base, *others = imports.items()
    known = {each.package: each.seconds for each in base[1]}
    return [_imported(name, found, known) for name, found in others]


def _imported(name: str, found: Sequence[Imported], known: Mapping[str, float]) -> str:
    extra = sorted(
        ((each.seconds - known.get(each.package, 0.0), each) for each in found), key=lambda pair: -pair[0]
    )
    total = sum(seconds for seconds, _ in extra)
    lines = [
        f"## {name}: imports beyond the empty app's, {total * 1_000:.0f} ms",
        "",
        "| package | share | modules |",
        "| --- | ---: | ---: |",
    ]
    lines += [f"| {each.package} | {seconds / total:.0%} | {len(each.names)} |" for seconds, each in extra[:MOST]]
    rest = sum(seconds for seconds, _ in extra[MOST:])
    return "\n".join([*lines, f"| all others | {rest / total:.0%} | |"])


_HEAD = """# Cold start

Made by `make bench-cold-start`: {versions}; {machine}. Written by the benchmark; do not edit.

The aims: from process start until all functions are indexed, and until the first run is accepted, at most {limit}
times an empty Functions app with one HTTP function.

- Indexed: {held}. What is heavy is not loaded before it is needed: {early}
- First run accepted: missed, with {answered} times the empty app's first answer. A plain app that starts the same
  pipeline with Azure's own client needs {plain} times.

How: each start is a process of its own under Azure's worker library, {starts} of each app, in turn, after one
round that compiles and warms the disk; medians. The apps are `bench/apps/empty`, `bench/apps/plain` and Baton
itself, over SQLite, with a chains file of two connections and three chains. Azure is simulated, on a loopback
port, and answers at once. *A run that needs no service* fails in a template before it calls: it shows Baton
alone. The Functions host, its channel to the worker and the start of the instance are the same for all apps,
and left out: with them all ratios are nearer to 1. On a busy machine the milliseconds grow, and the ratios
hardly.
"""

_WHY = """## Why the first run takes longer

The empty app's first answer needs nothing beyond what indexing has loaded. A first run needs the chains file
read and checked (pydantic, yaml, jinja2), the relay and the stores, an HTTP client (requests, urllib3), and to
start a job a token (azure-identity, with msal and cryptography) and for Data Factory its client, whose models
are the biggest import of all. `requests` alone is about all that a ratio of 1.3 leaves. All of it is loaded once
in a process, at the first call that needs it. An always-ready instance (`alwaysReady` in the Bicep of the app)
takes it from whoever comes first.

Compiled code matters too: the last line of the table is Baton with its libraries compiled, as pip leaves them,
and its own modules not, as in a package of sources that is mounted read-only. azd compiles them before it packs
([decision 33](../decisions/0033-compiled-before-it-is-deployed.md)), and the other lines are measured so.

Done: services are loaded by the connections that there are; alerts, deadlines and backfills when they are asked
for; models of the chains file that nothing is checked with are not built; annotations there are types and not
texts; pydantic looks for no plugins (a setting in the app's Bicep). Of all this only the compiling shows clearly
in whole starts (the last line of the table); the rest is a few hundredths of their CPU.

What was tried or weighed, and left:

- Python's garbage collector, off or with a threshold of 200,000: about a tenth of the imports alone, and nothing
  that could be told from noise in whole starts, of which six of each were compared.
- Imports in a second thread, after indexing or while storage answers: they are work and not waiting, and two
  threads in packages that import each other in circles may meet half-made modules. Not measured.
- The warm-up trigger: documented as called when an app scales out, and not on other starts; the Consumption plan
  has none, and whether Flex Consumption calls it is not documented clearly enough to build on.
- `azure.mgmt.datafactory` imports all its models and operations from its `__init__`, so that no part of it can be
  had for less. A plain app with it misses the aim by itself.
"""
