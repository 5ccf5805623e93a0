"""Who looks at a page, and what they may do there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.web.answer import ProblemError


@dataclass(frozen=True, slots=True)
class Viewer:
    """`csrf` goes into every form and comes back with it."""

    may_operate: bool
    csrf: str = ""
    name: str | None = None


def viewer_of(headers: Mapping[str, str]) -> Viewer:  # noqa: ARG001 - who it is will be read from them
    """Whoever shows the function key may do everything."""
    return Viewer(may_operate=True)


def checked(viewer: Viewer, form: Mapping[str, str]) -> None:
    """Raises ProblemError when this viewer may not send this form."""
    if not viewer.may_operate or form.get("csrf", "") != viewer.csrf:
        raise ProblemError(403, "You may look, but not start, stop or rerun anything.")
