"""The JSON Schema of chains.yaml: `python -m shared.chains_file.schema > chains.schema.json`."""

from __future__ import annotations

import json
import sys
from typing import Any

from shared.chains_file.shape import FileShape

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """As editors take it. App settings (`%NAME%`) may stand for any text that has a form."""
    made = FileShape.model_json_schema()
    return {"$schema": DIALECT, **_with_settings(made), "title": "Baton chains"}


def _with_settings(node: Any) -> Any:
    if isinstance(node, list):
        return [_with_settings(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: _with_settings(item) for key, item in node.items()}
    if node.get("type") == "string" and "pattern" in node and not node["pattern"].startswith("^%"):
        node["pattern"] = f"{node['pattern']}|%[A-Za-z_][A-Za-z0-9_]+%"
        node.pop("minLength", None)
        node.pop("maxLength", None)
    return node


if __name__ == "__main__":
    sys.stdout.write(json.dumps(schema(), indent=2) + "\n")
