"""The Bicep files as text, and the few things in them that tests ask about."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
INFRA = ROOT / "infra"
MODULES = INFRA / "modules"
TEMPLATES = sorted(INFRA.rglob("*.bicep"))
_COMMENT = re.compile(r"^\s*//.*$", re.MULTILINE)
_GUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")


def text_of(path: Path) -> str:
    """Without comments that take whole lines."""
    return _COMMENT.sub("", path.read_text())


def module(name: str) -> str:
    return text_of(MODULES / f"{name}.bicep")


def resource_types(text: str) -> set[str]:
    """`Type@version` of every resource that names one."""
    return set(re.findall(r"^\s*resource \w+ '([^'@]+@[^']+)'", text, re.MULTILINE))


def guids(text: str) -> set[str]:
    return set(_GUID.findall(text))


def setting_of(text: str, name: str) -> list[str]:
    """Every value that the property is given, as it is written."""
    return re.findall(rf"^\s*{re.escape(name)}: (.+)$", text, re.MULTILINE)


def block(text: str, start: str) -> str:
    """What stands between the brackets that open at the end of `start`."""
    begin = text.index(start) + len(start)
    opening = text[begin - 1]
    closing = {"{": "}", "[": "]"}[opening]
    depth = 1
    for at in range(begin, len(text)):
        depth += (text[at] == opening) - (text[at] == closing)
        if depth == 0:
            return text[begin:at]
    raise ValueError(f"{start!r} is not closed")


def keys(text: str) -> set[str]:
    """The keys of an object's own lines."""
    return set(re.findall(r"^\s*'?([\w.-]+)'?:", text, re.MULTILINE))


def parameters(text: str) -> set[str]:
    return set(re.findall(r"^param (\w+)", text, re.MULTILINE))
