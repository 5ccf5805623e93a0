"""YAML to plain data, with the line of every path, duplicate keys found, and app settings put in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from shared.chains_file.mistakes import ChainsFileError, Mistake, Mistakes, Path

MAX_NODES = 100_000
_SETTING = re.compile(r"%([A-Za-z_][A-Za-z0-9_]+)%")
_SECRET_FIELDS = frozenset({"client_secret", "certificate", "password"})
_TEMPLATE = re.compile(r"(\{\{.*?\}\}|\{%.*?%\})", re.DOTALL)
MAX_MERGED = 10_000  # keys of one mapping, with all that `<<` brings
MAX_MERGES = 100  # mappings that one `<<` names
MAX_BITS = 4_096  # of a whole number
_TIMESTAMP = "tag:yaml.org,2002:timestamp"
_PLAIN_TAGS = frozenset({"tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"})
_MERGE = "tag:yaml.org,2002:merge"


class YamlValueError(ValueError):
    """A value that JSON has no word for."""


class _Loader(yaml.SafeLoader):
    """Dates stay texts: JSON has none. Merging is bounded: merges of merges grow beyond all measure."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        for key, value in node.value:
            if key.tag == _MERGE and isinstance(value, yaml.SequenceNode) and len(value.value) > MAX_MERGES:
                raise YamlValueError(f"line {key.start_mark.line + 1}: merges more than {MAX_MERGES} mappings")
        super().flatten_mapping(node)
        if len(node.value) > MAX_MERGED:
            raise YamlValueError(f"line {node.start_mark.line + 1}: a mapping has more than {MAX_MERGED:,} keys")


_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load(text: str, name: str) -> tuple[Any, Mistakes]:
    """The data, and the mistakes found so far. Raises ChainsFileError when the text is no YAML at all."""
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        reader = _Reader(loader)
        data = None if node is None else reader.read(node, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        column = f", column {mark.column + 1}" if mark else ""
        message = f"no valid YAML{column}: {error.problem or error.context}"
        raise ChainsFileError(name, [Mistake("", message, line)]) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ChainsFileError(name, [Mistake("", f"no valid YAML: {error}")]) from error
    mistakes = Mistakes(reader.lines)
    for path, first in reader.doubled:
        mistakes.add(path, f"stands twice; the first is on line {first}")
    return data, mistakes


class _Reader:
    """Walks YAML's nodes once."""

    def __init__(self, loader: _Loader) -> None:
        self._loader = loader
        self._count = 0
        self.lines: dict[Path, int] = {}
        self.doubled: list[tuple[Path, int]] = []

    def read(self, node: yaml.Node, path: Path) -> Any:
        self._count += 1
        if self._count > MAX_NODES or len(path) > 60:
            raise ValueError("the file is too big, or refers to itself")
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if node.tag not in _PLAIN_TAGS:
            raise _unusable(node)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        return [self.read(item, (*path, index)) for index, item in enumerate(node.value)]

    def _scalar(self, node: yaml.ScalarNode) -> str | int | float | bool | None:
        try:
            value = self._loader.construct_object(node)
        # What the library's constructors raise for a tag that does not fit its text: `!!int x`, `!!bool x`, …
        except (ValueError, LookupError, AttributeError) as error:
            raise _unusable(node) from error
        if isinstance(value, int) and value.bit_length() > MAX_BITS:
            raise YamlValueError(f"line {node.start_mark.line + 1}: a number has more than {MAX_BITS:,} bits")
        if value is None or isinstance(value, str | int | float):
            return value
        raise _unusable(node)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        self._loader.flatten_mapping(node)
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else str(key_node.tag)
            inner = (*path, key)
            if key in found:
                self.doubled.append((inner, self.lines[inner]))
            self.lines[inner] = key_node.start_mark.line + 1
            found[key] = self.read(value_node, inner)
        return found


def _unusable(node: yaml.Node) -> YamlValueError:
    kind = node.tag.removeprefix("tag:yaml.org,2002:")[:100]
    known = "only texts, numbers, true, false, null, lists and mappings are values"
    return YamlValueError(f"line {node.start_mark.line + 1}: {known}, written as such; this is {kind!r}")


def with_settings(value: Any, settings: Mapping[str, str], mistakes: Mistakes, path: Path = ()) -> Any:
    """The data with every `%NAME%` outside templates replaced. A secret stays the name of its setting."""
    if isinstance(value, dict):
        return {key: with_settings(item, settings, mistakes, (*path, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [with_settings(item, settings, mistakes, (*path, i)) for i, item in enumerate(value)]
    if not isinstance(value, str) or "%" not in value:
        return value
    parts = _TEMPLATE.split(value)
    stays = _is_secret(path) and not value.startswith("https://")
    for index in range(0, len(parts), 2):
        for name in _SETTING.findall(parts[index]):
            if not settings.get(name):
                mistakes.add(path, f"the app setting {name} is not set")
        if not stays:
            parts[index] = _SETTING.sub(lambda found: settings.get(found[1]) or found[0], parts[index])
    return "".join(parts)


def _is_secret(path: Path) -> bool:
    return len(path) == 3 and path[0] == "credentials" and path[2] in _SECRET_FIELDS
