"""Where each chain stands with its deadline: beside the outbox, so that a change and its event are one batch."""

from __future__ import annotations

from dataclasses import dataclass

from shared.core.alerts import Alert
from shared.core.deadlines import Standing
from shared.storage.base import Table
from shared.store.codec import decode, encode
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
        self._outbox = Outbox(table)

    def standings(self) -> dict[str, HeldStanding]:
        """By chain."""
        rows = self._outbox.states(_PREFIX)
        names = {key: key.removeprefix(_PREFIX) for key in rows}
        return {
            names[key]: HeldStanding(names[key], decode(Standing, row.data), row.etag) for key, row in rows.items()
        }

    def save(self, held: HeldStanding, alert: Alert | None = None) -> bool:
        """With the event of the change, if it is one. False when somebody else was faster."""
        return self._outbox.save(f"{_PREFIX}{held.chain}", encode(Standing, held.standing), held.etag, alert)
