"""Who of a chain with max_running is under way, who waits, and whose place is taken: one value for a chain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Slots:
    """Who of a chain with max_running is under way, and who waits, first come first.

    `ahead`: runs that wait too, and were wanted although the chain is paused: they go first, pause or not.
    `superseded`: runs that a later one takes the place of, with its id. Those that held a slot hold it until they
    have ended; those that waited wait no more. `limit`: how many there may be, as the newest run says: after a
    deploy that lowered it, older runs do not let in more on leaving.
    """

    holders: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    etag: str | None = None  # None: no row yet
    ahead: tuple[str, ...] = ()
    superseded: Mapping[str, str] = field(default_factory=dict)
    limit: int | None = None  # None: no run has told yet

    def entered(self, run_id: str, limit: int, *, paused: bool = False) -> Slots:
        """With one more who wants to run; during a pause this one does not wait for its end."""
        if paused:
            return replace(self, ahead=(*self.ahead, run_id), limit=limit).filled(limit, paused=True)
        return replace(self, waiting=(*self.waiting, run_id), limit=limit).filled(limit)

    def superseding(self, run_id: str, limit: int, *, paused: bool = False) -> Slots:
        """With one more, in place of all that wait and, where the slots are taken, of the oldest under way."""
        staying = [other for other in self.holders if other not in self.superseded]
        oldest = staying[: max(0, len(staying) + 1 - limit)]
        replaced = dict.fromkeys((*self.ahead, *self.waiting, *oldest), run_id)
        without = replace(self, waiting=(), ahead=(), superseded={**self.superseded, **replaced})
        return without.entered(run_id, limit, paused=paused)

    def left(self, run_id: str, limit: int, *, paused: bool = False) -> Slots:
        """Without this one, and with the next in its place."""
        return replace(
            self,
            holders=_without(self.holders, run_id),
            waiting=_without(self.waiting, run_id),
            ahead=_without(self.ahead, run_id),
            superseded={other: by for other, by in self.superseded.items() if other != run_id},
        ).filled(limit, paused=paused)

    def filled(self, limit: int, *, paused: bool = False) -> Slots:
        """With every free slot given to who is next; during a pause only to who goes ahead.

        `limit` is the word of a run that is there: what the newest has said goes before it.
        """
        free = max(0, (self.limit or limit) - len(self.holders))
        first, free = self.ahead[:free], free - len(self.ahead[:free])
        more = () if paused else self.waiting[:free]
        return replace(
            self,
            holders=(*self.holders, *first, *more),
            ahead=self.ahead[len(first) :],
            waiting=self.waiting[len(more) :],
        )

    def waits(self, run_id: str) -> bool:
        """Whether it will have a slot some day."""
        return run_id in self.waiting or run_id in self.ahead


def _without(ids: tuple[str, ...], gone: str) -> tuple[str, ...]:
    return tuple(other for other in ids if other != gone)
