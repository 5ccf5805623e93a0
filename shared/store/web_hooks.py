"""Pipelines that are to be called back: a row for each, in a partition of their own.

The address in a row is a secret of the pipeline's service. It is nowhere else: not with the run, not in messages.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from shared.core.web_hook import Debt
from shared.storage.base import Delete, Insert, Replace, Row, Table
from shared.store.runs import scan_all

CALLBACKS = "callbacks"


class WebHookStore:
    """What is owed to pipelines. Only as long as it is owed."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, debt: Debt) -> None:
        """One more; one that is there already stays as it is."""
        self._table.write([Insert(_row(debt))])

    def of(self, run_id: str) -> list[Debt]:
        """What is owed when this run has ended."""
        return [_debt(row) for row in scan_all(self._table, CALLBACKS, f"{run_id}.", f"{run_id}/")]

    def all(self) -> Iterator[Debt]:
        """Everything that is owed. One scan of few rows, or none."""
        return (_debt(row) for row in scan_all(self._table, CALLBACKS, "", "~"))

    def save(self, debt: Debt) -> Debt | None:
        """With its new etag; None when somebody else has changed or settled it."""
        etags = self._table.write([Replace(_row(debt))])
        return None if etags is None else replace(debt, etag=etags[0])

    def settle(self, debt: Debt) -> None:
        """Nothing is owed any more."""
        self._table.write([Delete(CALLBACKS, _row(debt).key)])


def _row(debt: Debt) -> Row:
    digest = hashlib.sha256(debt.address.encode()).hexdigest()[:24]
    stored = {"run": debt.run_id, "address": debt.address, "due": debt.due_at.isoformat(), "tries": debt.tries}
    return Row(CALLBACKS, f"{debt.run_id}.{digest}", json.dumps(stored), debt.etag)


def _debt(row: Row) -> Debt:
    stored = json.loads(row.data)
    return Debt(
        run_id=stored["run"],
        address=stored["address"],
        due_at=datetime.fromisoformat(stored["due"]),
        tries=stored["tries"],
        etag=row.etag,
    )
