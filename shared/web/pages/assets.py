"""The pages' style sheet and script: their names carry a digest, so that browsers may keep them for ever."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from shared.web.answer import Answer
from shared.web.pages.words import HOME

STATIC = Path(__file__).resolve().parent / "static"
_KINDS = {"css": "text/css", "js": "text/javascript"}


@cache
def asset_address(name: str) -> str:
    """Where `baton.css` or `baton.js` is."""
    digest = hashlib.sha256(_content(name).encode()).hexdigest()[:12]
    stem, kind = name.split(".")
    return f"{HOME}/assets/{stem}.{digest}.{kind}"


def asset(name: str) -> Answer:
    """The file of this address; 404 for any other, also for one of an older version."""
    for kind, mimetype in _KINDS.items():
        if asset_address(f"baton.{kind}") == f"{HOME}/assets/{name}":
            headers = {
                "Cache-Control": "public, max-age=31536000, immutable",
                "X-Content-Type-Options": "nosniff",
            }
            return Answer(status=200, body=_content(f"baton.{kind}"), mimetype=mimetype, headers=headers)
    return Answer(status=404, body="There is no such file.", mimetype="text/plain")


@cache
def _content(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")
