"""What every command of the terminal shares: its surroundings, its exit codes, and how it gives up."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    import requests
    from azure.core.credentials import TokenCredential


class Exit(IntEnum):
    """What the process ends with. Scripts rely on it; docs/terminal.md tells it."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    CANCELLED = 3
    REFUSED = 4
    UNREACHABLE = 5
    STILL_RUNNING = 6
    INTERRUPTED = 130


OF_STATUS = {"succeeded": Exit.DONE, "failed": Exit.FAILED, "cancelled": Exit.CANCELLED}


class GaveUpError(Exception):
    """A command that ends without what it was asked for.

    `problem`: the answer's JSON, when Baton gave one. `surely_not`: the call did not reach anybody.
    """

    def __init__(
        self, code: Exit, message: str, problem: Mapping[str, Any] | None = None, *, surely_not: bool = False
    ) -> None:
        super().__init__(message)
        self.code = code
        self.problem = problem
        self.surely_not = surely_not


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """All that a command sees of the world, so that tests can give it another one."""

    root: Path
    environment: Mapping[str, str]
    input: TextIO
    out: TextIO
    err: TextIO
    session: Callable[[], requests.Session]
    credential: Callable[[], TokenCredential]
    ask_secret: Callable[[str], str]
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    elapsed_seconds: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def say(self, text: str = "") -> None:
        self.out.write(f"{text}\n")
        self.out.flush()

    def complain(self, text: str) -> None:
        self.err.write(f"{text}\n")
        self.err.flush()
