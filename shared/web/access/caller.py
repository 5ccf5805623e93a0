"""Who calls, as far as Baton cares."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """`name` is for showing, `id` for telling callers apart; both may be empty. Who may operate may read."""

    name: str | None
    may_read: bool
    may_operate: bool
    id: str = ""


NOBODY = Caller(None, may_read=False, may_operate=False)
KEY_HOLDER = Caller(None, may_read=True, may_operate=True)
