"""What `python -X importtime` says, digested: own time by package."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_LINE = re.compile(r"^import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)$")
_DEEP = {"azure": 3}  # a namespace of many packages: azure.mgmt.datafactory is one


@dataclass(frozen=True, slots=True)
class Imported:
    """A package and its modules. `seconds`: what they took themselves, without what they import in turn."""

    package: str
    seconds: float
    names: tuple[str, ...]


def imported(log: str) -> list[Imported]:
    """From standard error; the dearest first. Modules of the standard library are one package."""
    taken: dict[str, tuple[float, list[str]]] = {}
    for seconds, name in _lines(log):
        package = package_of(name)
        so_far, names = taken.get(package, (0.0, []))
        taken[package] = (so_far + seconds, [*names, name])
    found = [Imported(package, seconds, tuple(names)) for package, (seconds, names) in taken.items()]
    return sorted(found, key=lambda each: -each.seconds)


def package_of(module: str) -> str:
    parts = module.split(".")
    if parts[0] == "azure" and parts[1:2] in (["core"], ["identity"], ["functions"]):
        return ".".join(parts[:2])
    return ".".join(parts[: _DEEP.get(parts[0], 1)])


def _lines(log: str) -> Iterable[tuple[float, str]]:
    for line in log.splitlines():
        found = _LINE.match(line)
        if found is not None:
            yield int(found[1]) / 1e6, found[2]
