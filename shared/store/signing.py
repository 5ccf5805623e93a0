"""The one secret that Baton signs with: made at its first use, the same for every instance."""

from __future__ import annotations

import json
from collections.abc import Callable

from shared.storage.base import Insert, Row, Table

SIGNING = "signing"
KEY = "secret"


class SigningStore:
    """One row. `fresh` gives 32 random bytes."""

    def __init__(self, table: Table, fresh: Callable[[], bytes]) -> None:
        self._table = table
        self._fresh = fresh
        self._known: bytes | None = None

    def secret(self) -> bytes:
        """Read once per process; deleting the row and restarting the app makes another."""
        self._known = self._known or self._read() or self._make()
        return self._known

    def _read(self) -> bytes | None:
        row = self._table.get(SIGNING, KEY)
        return None if row is None else bytes.fromhex(json.loads(row.data)["secret"])

    def _make(self) -> bytes:
        made = self._fresh()
        if self._table.write([Insert(Row(SIGNING, KEY, json.dumps({"secret": made.hex()})))]) is not None:
            return made
        read = self._read()  # another instance was faster
        if read is None:
            raise RuntimeError("the signing secret was neither made nor found")
        return read
