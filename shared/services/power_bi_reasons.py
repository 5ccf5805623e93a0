"""Why a semantic model's refresh failed, in the service's words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from shared.services.wire import text_of

_MOST_TEXT = 4_000


def reason_of(entry: Mapping[str, Any], status: str) -> str:
    """The engine's errors; without them the exception of the entry or its last attempt, and at last warnings."""
    errors = [_message(told) for told in _items(entry, "messages") if told.get("type") != "Warning"]
    warnings = [_message(told) for told in _items(entry, "messages") if told.get("type") == "Warning"]
    exceptions = [
        _exception(text)
        for holder in (entry, *reversed(list(_items(entry, "refreshAttempts"))))
        if (text := text_of(holder.get("serviceExceptionJson")))
    ]
    told = [text for text in errors if text] or exceptions[:1] or [text for text in warnings if text]
    return f"The refresh ended as {status}. {' '.join(told)}".strip()[:_MOST_TEXT]


def _items(entry: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    told = entry.get(name)
    yield from (item for item in (told if isinstance(told, list) else []) if isinstance(item, dict))


def _message(told: Mapping[str, Any]) -> str:
    code, message = text_of(told.get("code")), text_of(told.get("message"))
    if code and message and code not in message:
        return f"{code}: {message}"
    return message or code or ""


def _exception(text: str) -> str:
    try:
        told = json.loads(text)
    except ValueError:
        return text
    if not isinstance(told, dict):
        return text
    return ": ".join(str(told[name]) for name in ("errorCode", "errorDescription") if told.get(name)) or text
