"""Fabric items by id or by display name. A name is looked up once per process; an id needs no call."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from shared.core.errors import RefusedError, TryLaterError
from shared.services.fabric_calls import Calls
from shared.services.nearest import nearest
from shared.services.wire import text_of

GUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")

# The item type that a job type runs on, where there is only one.
ITEM_TYPES = {
    "Pipeline": "DataPipeline",
    "RunNotebook": "Notebook",
    "sparkjob": "SparkJobDefinition",
    "CopyJob": "CopyJob",
    "TableMaintenance": "Lakehouse",
    "RefreshMaterializedLakeViews": "Lakehouse",
    "ApplyChanges": "Dataflow",
    "RefreshGraph": "GraphModel",
}
# What shares its name with the item that was meant, and runs no jobs of this kind.
JOBLESS = frozenset({"SQLEndpoint", "SemanticModel", "Report", "Dashboard", "PaginatedReport", "Environment"})


@dataclass(frozen=True, slots=True)
class Item:
    """An item. Named by its id in the chains file, its name and type are unknown until somebody asks."""

    id: str
    name: str | None = None
    type: str | None = None


def scope_of(item: str, job_type: str) -> str:
    """Where an item's jobs are watched, without asking: its id, or its name beside its type (`Notebook:Sales`)."""
    return item.lower() if GUID.fullmatch(item) else f"{ITEM_TYPES.get(job_type, '')}:{item}"


class Items:
    """One workspace's items, as far as they have been asked for."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._found: dict[str, Item] = {}
        self._types: dict[str, str] = {}  # of items by id

    def find(self, scope: str) -> Item:
        """The item of a scope. Raises RefusedError when no item, or more than one, has that name."""
        if GUID.fullmatch(scope):
            return Item(scope)
        item = self._found.get(scope)
        if item is None:
            item = self._found[scope] = self._named(scope)
        return item

    def read(self, scope: str) -> Item:
        """The same, but asked for anew, with name and type."""
        if not GUID.fullmatch(scope):
            self._found.pop(scope, None)
            return self.find(scope)
        told = self._calls.get(f"/items/{scope}", f"reading item {scope}")
        return Item(scope, text_of(told.get("displayName")), text_of(told.get("type")))

    def forget(self, scope: str) -> None:
        """The next one who asks looks the name up anew."""
        self._found.pop(scope, None)

    def moved(self, scope: str, item: Item) -> bool:
        """Whether a name leads to another item than before: for when the one from before is gone."""
        return not GUID.fullmatch(scope) and self.read(scope).id != item.id

    def type_of(self, item: Item) -> str | None:
        """The item's type, asked for once per process where it is unknown."""
        if item.type is not None:
            return item.type
        if item.id not in self._types:
            told = self.read(item.id).type
            if told is not None:
                self._types[item.id] = told
        return self._types.get(item.id)

    def _named(self, scope: str) -> Item:
        kind, _, name = scope.partition(":")
        listed = self._listed(kind)
        found = [item for item in listed if item.name == name]
        if len(found) > 1:
            found = [item for item in found if item.type not in JOBLESS] or found
        if len(found) == 1:
            return found[0]
        if not found:
            raise RefusedError("not_found", f"There is no {_kind(kind)} named {name!r}{_near(name, listed)}")
        these = ", ".join(f"{item.type} {item.id}" for item in found)
        raise RefusedError(
            "ambiguous_item", f"{len(found)} items are named {name!r}: {these}. Give the item's id."
        )

    def _listed(self, kind: str) -> Sequence[Item]:
        what = f"listing items to find {_kind(kind)} ids by name"
        told = self._calls.entries("/items", what, f"type={quote(kind, safe='')}" if kind else "")
        items = [Item(str(e.get("id")), text_of(e.get("displayName")), text_of(e.get("type"))) for e in told]
        if any(not GUID.fullmatch(item.id) for item in items):
            raise TryLaterError("unexpected_answer", f"{what}: an item has no id")
        return items


def _kind(kind: str) -> str:
    return kind or "item"


def _near(name: str, items: Sequence[Item]) -> str:
    near = nearest(name, {item.name for item in items if item.name})
    return f" in the workspace{near or ': it has none, or the identity may not see them. Viewers may.'}"
