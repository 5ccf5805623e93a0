"""Templates to HTML. Everything that is put into them is escaped; what they do not know is an error."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.web.pages.assets import asset_address
from shared.web.pages.words import HOME

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).resolve().parent / "templates"


def render(template: str, **values: Any) -> str:
    """The page as text."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    """Made at the first page: starts of the app do not wait for it."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals.update(home=HOME, css=asset_address("baton.css"), js=asset_address("baton.js"))
    return made
