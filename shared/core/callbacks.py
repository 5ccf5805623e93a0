"""How jobs call back: the mark that stands for the address in all that is stored, and the token in the address."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

MOST_TOKEN_CHARACTERS = 100
_TOKEN = re.compile(r"(/callback\?token=)[A-Za-z0-9._%-]+")
_SENT = re.compile(r"([1-9][0-9]{0,5})\.[0-9a-f]{64}")


def mark_of(intent_id: str) -> str:
    """What `callback_url` gives in templates. Nobody can write it beforehand: each start has an id of its own."""
    return f"baton-callback:{intent_id}"


def token_of(secret: bytes, run_id: str, step: str, attempt: int) -> str:
    """Good for one attempt of one step."""
    told = json.dumps(["callback", run_id, step, attempt]).encode()
    return f"{attempt}.{hmac.new(secret, told, hashlib.sha256).hexdigest()}"


def is_token(secret: bytes, run_id: str, step: str, token: str) -> bool:
    """Whether it is one of this step's."""
    sent = _SENT.fullmatch(token) if len(token) <= MOST_TOKEN_CHARACTERS else None
    return sent is not None and hmac.compare_digest(token, token_of(secret, run_id, step, int(sent[1])))


def replaced(value: Any, mark: str, address: str) -> Any:
    """The value with the address wherever the mark stands."""
    return _changed(value, lambda text: text.replace(mark, address))


def without_tokens(value: Any) -> Any:
    """The value as it may be shown and stored: services repeat what they were given, the address among it."""
    return _changed(value, lambda text: _TOKEN.sub(r"\1***", text))


def _changed(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {name: _changed(item, change) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_changed(item, change) for item in value]
    return value
