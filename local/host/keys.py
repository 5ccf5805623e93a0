"""The keys that callers show: in the header `x-functions-key` or as `code` in the query.

Keys are compared in constant time. They are in no log line and in no `repr`.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field, fields

from local.host.messages import WebRequest

KEY_HEADER = "x-functions-key"
KEY_PARAMETER = "code"


@dataclass(frozen=True, slots=True)
class Keys:
    """`function` opens functions of level `function`, `event_grid` the webhook, `master` everything."""

    master: str = field(repr=False)
    function: str = field(repr=False)
    event_grid: str = field(repr=False)

    def __post_init__(self) -> None:
        """Raises ValueError for an empty key, which would open its doors to everyone."""
        blank = [item.name for item in fields(self) if not getattr(self, item.name)]
        if blank:
            raise ValueError(f"these keys are empty: {', '.join(blank)}")

    def opens_function(self, auth_level: str, request: WebRequest) -> bool:
        """`auth_level` is `anonymous`, `function` or `admin`."""
        if auth_level == "anonymous":
            return True
        accepted = [self.master] if auth_level == "admin" else [self.master, self.function]
        return _shown(request, accepted)

    def opens_admin(self, request: WebRequest) -> bool:
        return _shown(request, [self.master])

    def opens_event_grid(self, request: WebRequest) -> bool:
        return _shown(request, [self.master, self.event_grid])


def _shown(request: WebRequest, accepted: Iterable[str]) -> bool:
    shown = request.headers.get(KEY_HEADER) or request.parameter(KEY_PARAMETER)
    # Every key is compared, so that the time does not tell which one was close.
    matches = [hmac.compare_digest(shown.encode(), key.encode()) for key in accepted]
    return any(matches)
