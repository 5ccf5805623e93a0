"""The few pages before the dashboard: signing in, and why nobody gets further. No script, no template engine."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from http import HTTPStatus

from shared.web.answer import Answer

_STYLE = (
    ":root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:26rem;margin:15vh auto;"
    "padding:0 1rem}input,button{font:inherit;width:100%;box-sizing:border-box;padding:.5rem;margin:.5rem 0}"
)
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with no-referrer a browser sends a form's Origin as null
    "Cache-Control": "no-store",
}


def sign_in_page(next_page: str, *, refused: bool = False) -> Answer:
    """The form that asks for the key. `next_page` is where it leads."""
    told = '<p role="alert">That is not the key.</p>' if refused else ""
    page = escape(next_page, quote=True)
    body = (
        f'<h1>Baton</h1>{told}<form method="post" action="/api/dashboard/sign-in">'
        '<label for="key">Key of the dashboard</label>'
        '<input id="key" name="key" type="password" autocomplete="current-password" required autofocus>'
        f'<input type="hidden" name="next" value="{page}"><button>Sign in</button></form>'
        f'<p><a href="{page}">I have signed in already</a></p>'
    )
    return _page(403 if refused else 200, "Sign in", body)


def message_page(status: int, text: str) -> Answer:
    """A page that says why there is no other."""
    title = HTTPStatus(status).phrase
    return _page(status, title, f"<h1>{escape(title)}</h1><p>{escape(text)}</p>")


def _page(status: int, title: str, body: str) -> Answer:
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)} - Baton</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><main>{body}</main></body></html>"
    )
    return Answer(status=status, body=text, mimetype="text/html", headers=HEADERS)
