"""Who looks at a page, and what they may do there."""

from __future__ import annotations

import hmac
from collections.abc import Mapping

from shared.web.access.visitor import Visitor as Viewer
from shared.web.answer import ProblemError

__all__ = ["Viewer", "checked"]


def checked(viewer: Viewer, form: Mapping[str, str]) -> None:
    """Raises ProblemError when this viewer may not send this form."""
    same = hmac.compare_digest(form.get("csrf", "").encode(), viewer.csrf.encode())
    if not viewer.may_operate or not same:
        raise ProblemError(403, "You may look, but not start, stop or rerun anything.")
