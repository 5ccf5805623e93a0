"""Where each chain stands with its deadline: beside the outbox, so that a change and its event are one batch.

The outbox and standings are imported when they are needed: every process has this store, and a start does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from shared.storage.base import Table
from shared.store.codec import decode, encode

if TYPE_CHECKING:
    from shared.core.alerts import Alert
    from shared.core.deadlines import Standing
    from shared.store.outbox import Outbox

_PREFIX = "deadline."


@dataclass(frozen=True, slots=True)
class HeldStanding:
    """A standing as it was read, with the etag that a save must still meet; "" when there is no row yet."""

    chain: str
    standing: Standing
    etag: str = ""


class DeadlineStore:
    """One row for each chain that has, or had, a deadline."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def standings(self) -> dict[str, HeldStanding]:
        """By chain."""
        from shared.core.deadlines import Standing

        rows = self._outbox.states(_PREFIX)
        names = {key: key.removeprefix(_PREFIX) for key in rows}
        return {
            names[key]: HeldStanding(names[key], decode(Standing, row.data), row.etag) for key, row in rows.items()
        }

    def save(self, held: HeldStanding, alert: Alert | None = None) -> bool:
        """With the event of the change, if it is one. False when somebody else was faster."""
        from shared.core.deadlines import Standing

        return self._outbox.save(f"{_PREFIX}{held.chain}", encode(Standing, held.standing), held.etag, alert)

    @cached_property
    def _outbox(self) -> Outbox:
        from shared.store.outbox import Outbox

        return Outbox(self._table)
