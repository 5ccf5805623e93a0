"""Runs and their transitions, what caused them, which are under way, and who waits for whom."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice

from shared.core.ids import chain_of, newest_first
from shared.core.past import Past, RunLine, empty_past, line_of, why_of
from shared.core.run import Run, RunStatus, Transition
from shared.core.slots import Slots
from shared.storage.base import MAX_BATCH_ROWS, Delete, Insert, Replace, Row, Table, Upsert, Write
from shared.store.alerts import INDEX, Due, pointing_row
from shared.store.codec import decode, encode, key_of
from shared.store.pasts import line_data, line_from, past_data, past_from

_UNSAVED = frozenset({"unsaved"})
_PAST_RACES = 3
_VOID = "void"  # stands where a run can never come to be any more


@dataclass(frozen=True, slots=True)
class Held:
    """A run as it was read or written, with the etag that a save must still meet."""

    run: Run
    etag: str


@dataclass(frozen=True, slots=True)
class Pointer:
    """A run under way, as the timer sees it: looked at again when `due_at` has passed."""

    run_id: str
    due_at: datetime
    since: datetime


@dataclass(frozen=True, slots=True)
class RunPage:
    """Runs, newest first. `cursor` continues the list; None at its end."""

    runs: tuple[Run, ...]
    cursor: str | None


class RunStore:
    """Every stored fact about runs. All writes of one method go in one batch unless it says otherwise."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def load(self, run_id: str) -> Held | None:
        """The run, or None when there is none of that id."""
        chain = chain_of(run_id)
        if chain is None:
            return None
        row = self._table.get(_partition(chain), _run_key(run_id))
        return None if row is None or row.data == _VOID else _held(row)

    def run_of(self, chain: str, cause: str) -> str | None:
        """The id of the run that this cause has started, if it has."""
        row = self._table.get(_partition(chain), _cause_key(cause))
        return None if row is None else str(json.loads(row.data)["run"])

    def announce(self, run_id: str, due_at: datetime, now: datetime, *, alerting: bool = False) -> None:
        """Points at a run that is about to be created, so that whatever happens it cannot be forgotten.

        `alerting`: nor the event that it will be.
        """
        summary = json.dumps({"run": run_id, "status": RunStatus.RUNNING})
        rows = [
            Upsert(_pointer_row(run_id, due_at, now)),
            Upsert(Row(INDEX, _run_key(run_id), summary)),
            *([Upsert(pointing_row(Due(run_id, due_at, now)))] if alerting else []),
        ]
        self._table.write(rows)

    def withdraw(self, run_id: str, *, alerting: bool = False) -> None:
        """Takes back an announcement of a run that was not created."""
        keys = [f"a.{run_id}", _run_key(run_id), *([f"o.{run_id}"] if alerting else [])]
        self._table.write([Delete(INDEX, key) for key in keys])

    def create(self, run: Run, cause: str, slots: Slots | None) -> Held | None:
        """The saved run; None when the cause has a run already, or the slots have changed meanwhile."""
        partition = _partition(run.chain)
        writes: list[Write] = [
            Insert(Row(partition, _cause_key(cause), json.dumps({"run": run.id, "cause": cause}))),
            Insert(Row(partition, _run_key(run.id), _encoded(run))),
            *_transition_inserts(run),
            *_slot_writes(partition, slots),
        ]
        etags = self._table.write(writes)
        return None if etags is None else Held(replace(run, unsaved=()), etags[1])

    def save(self, held: Held, run: Run, slots: Slots | None = None) -> Held | None:
        """The run with its new etag; None when somebody else has saved it since it was read."""
        partition = _partition(run.chain)
        row = Row(partition, _run_key(run.id), _encoded(run), held.etag)
        writes = [Replace(row), *_transition_inserts(run), *_slot_writes(partition, slots)]
        etags = self._table.write(writes)
        return None if etags is None else Held(replace(run, unsaved=()), etags[0])

    def slots(self, chain: str) -> Slots:
        row = self._table.get(_partition(chain), "slots")
        if row is None:
            return Slots()
        stored = json.loads(row.data)
        return Slots(
            tuple(stored["holders"]),
            tuple(stored["waiting"]),
            row.etag,
            ahead=tuple(stored.get("ahead", ())),
            superseded=stored.get("superseded", {}),
            limit=stored.get("limit"),
        )

    def save_slots(self, chain: str, slots: Slots) -> bool:
        """The slots alone. False when somebody else has changed them since they were read."""
        return self._table.write(_slot_writes(_partition(chain), slots)) is not None

    def close(self, run: Run, unsent: Due | None = None) -> None:
        """Notes a finished run in the index and in its chain's past, and stops pointing at it.

        `unsent`: points at its events instead.
        """
        line = Row(INDEX, _run_key(run.id), line_data(line_of(run)))
        alerts = [] if unsent is None else [Upsert(pointing_row(unsent))]
        writes: list[Write] = [Upsert(line), *alerts, Delete(INDEX, f"a.{run.id}")]
        for _ in range(_PAST_RACES):
            if self._table.write([*writes, self._past_write(run)]) is not None:
                return
        self._table.write(writes)  # many runs of one chain end at once: its past can do without this one

    def is_open(self, run_id: str) -> bool:
        """Whether it is still pointed at: its last transition, if it has ended, may not have been followed up."""
        return self._table.get(INDEX, f"a.{run_id}") is not None

    def _past_write(self, run: Run) -> Write:
        row = self._table.get(INDEX, _past_key(run.chain))
        before = empty_past(run.chain) if row is None else past_from(row.data)
        data = past_data(before.with_line(line_of(run), why_of(run)))
        if row is None:
            return Insert(Row(INDEX, _past_key(run.chain), data))
        return Replace(replace(row, data=data))

    def pasts(self, most: int) -> dict[str, Past]:
        """What is known of each chain's ended runs, by the chain's name, in one or a few reads."""
        rows = scan_all(self._table, INDEX, "p.", "p/")
        return {past.chain: past for past in (past_from(row.data) for row in islice(rows, most))}

    def past(self, chain: str) -> Past:
        """The same of one chain."""
        row = self._table.get(INDEX, _past_key(chain))
        return empty_past(chain) if row is None else past_from(row.data)

    def newest_lines(self, limit: int) -> tuple[RunLine, ...]:
        """The newest runs of all chains, in short and in one read. What has just ended may still say running."""
        page = self._table.scan(INDEX, start="r.", end="r/", limit=limit)
        return tuple(line_from(row.data) for row in page.rows)

    def point(self, run_id: str, due_at: datetime, since: datetime) -> None:
        """Has the timer look at a run under way once `due_at` has passed."""
        self._table.write([Upsert(_pointer_row(run_id, due_at, since))])

    def point_all(self, pointers: Sequence[Pointer]) -> None:
        """The same for many, a batch at a time."""
        for first in range(0, len(pointers), MAX_BATCH_ROWS):
            batch = pointers[first : first + MAX_BATCH_ROWS]
            self._table.write([Upsert(_pointer_row(p.run_id, p.due_at, p.since)) for p in batch])

    def pointers(self) -> Iterator[Pointer]:
        """Every run under way (and, rarely, one that was announced and never created)."""
        for row in scan_all(self._table, INDEX, "a.", "a/"):
            stored = json.loads(row.data)
            yield Pointer(
                row.key[2:], datetime.fromisoformat(stored["due"]), datetime.fromisoformat(stored["since"])
            )

    def under_way(self, limit: int) -> tuple[tuple[str, ...], bool]:
        """Ids of runs under way, in one read, and whether there are more. Some may have just ended."""
        page = self._table.scan(INDEX, start="a.", end="a/", limit=limit)
        return tuple(row.key[2:] for row in page.rows), page.next_key is not None

    def bury(self, run_id: str) -> bool:
        """Makes sure that an announced run can never come to be. False when it has been created after all."""
        chain = chain_of(run_id)
        if chain is None:
            return True
        stone = Row(_partition(chain), _run_key(run_id), _VOID)
        if self._table.write([Insert(stone)]) is not None:
            return True
        there = self._table.get(stone.partition, stone.key)
        return there is None or there.data == _VOID

    def newest(self, *, status: RunStatus | None, limit: int, cursor: str | None) -> RunPage:
        """Runs of all chains. `status` filters; a page may then be short and still have a cursor."""
        page = self._table.scan(INDEX, start=cursor or "r.", end="r/", limit=limit if status is None else 1_000)
        found: list[Run] = []
        for row in page.rows:
            if len(found) == limit:
                return RunPage(tuple(found), row.key)
            stored = json.loads(row.data)
            if status in (None, stored["status"]) or stored["status"] == RunStatus.RUNNING:
                held = self.load(stored["run"])
                if held is not None and status in (None, held.run.status):
                    found.append(held.run)
        return RunPage(tuple(found), page.next_key)

    def newest_of(self, chain: str, *, status: RunStatus | None, limit: int, cursor: str | None) -> RunPage:
        """Runs of one chain. `status` filters; a page may then be short and still have a cursor."""
        size = limit if status is None else 200
        page = self._table.scan(_partition(chain), start=cursor or "r.", end="r/", limit=size)
        found: list[Run] = []
        for row in page.rows:
            if len(found) == limit:
                return RunPage(tuple(found), row.key)
            run = None if row.data == _VOID else _held(row).run
            if run is not None and status in (None, run.status):
                found.append(run)
        return RunPage(tuple(found), page.next_key)

    def transitions(self, run_id: str, after: int = 0) -> Sequence[Transition]:
        """All state changes of a run, in order; those with a higher number than `after`."""
        chain = chain_of(run_id)
        if chain is None:
            return ()
        start = _transition_key(run_id, after + 1)
        rows = scan_all(self._table, _partition(chain), start, _transition_key(run_id, 999_999))
        return [decode(Transition, row.data) for row in rows]

    def durations(self, chain: str, step: str) -> tuple[float, ...]:
        """How long the step's last jobs took, in seconds, oldest first."""
        row = self._table.get(_partition(chain), f"d.{key_of(step)}")
        return () if row is None else tuple(json.loads(row.data))

    def add_duration(self, chain: str, step: str, seconds: float, keep: int) -> None:
        """One more, of which the last `keep` stay. A lost race loses one duration, which is no loss."""
        known = (*self.durations(chain, step), round(seconds, 3))[-keep:]
        self._table.write([Upsert(Row(_partition(chain), f"d.{key_of(step)}", json.dumps(known)))])


def scan_all(table: Table, partition: str, start: str, end: str) -> Iterator[Row]:
    """Every row in a range, page by page."""
    next_key: str | None = start
    while next_key is not None:
        page = table.scan(partition, start=next_key, end=end)
        yield from page.rows
        next_key = page.next_key


def _partition(chain: str) -> str:
    return f"chain.{chain}"


def _run_key(run_id: str) -> str:
    return f"r.{newest_first(run_id)}"


def _past_key(chain: str) -> str:
    return f"p.{chain}"


def _cause_key(cause: str) -> str:
    return f"c.{key_of(cause)}"


def _transition_key(run_id: str, number: int) -> str:
    return f"t.{newest_first(run_id)}.{number:06d}"


def _encoded(run: Run) -> str:
    return encode(Run, run, exclude=_UNSAVED)


def _held(row: Row) -> Held:
    return Held(decode(Run, row.data), row.etag)


def _transition_inserts(run: Run) -> list[Write]:
    partition = _partition(run.chain)
    return [
        Insert(Row(partition, _transition_key(run.id, change.number), encode(Transition, change)))
        for change in run.unsaved
    ]


def _slot_writes(partition: str, slots: Slots | None) -> list[Write]:
    if slots is None:
        return []
    stored = {"holders": slots.holders, "waiting": slots.waiting}
    more = {name: value for name in ("ahead", "superseded", "limit") if (value := getattr(slots, name))}
    data = json.dumps(stored | more)
    if slots.etag is None:
        return [Insert(Row(partition, "slots", data))]
    return [Replace(Row(partition, "slots", data, slots.etag))]


def _pointer_row(run_id: str, due_at: datetime, since: datetime) -> Row:
    stored = {"due": due_at.astimezone(UTC).isoformat(), "since": since.astimezone(UTC).isoformat()}
    return Row(INDEX, f"a.{run_id}", json.dumps(stored))
