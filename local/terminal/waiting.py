"""Waiting for a run's end: at Baton's own pace, through its short absences, and never longer than asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local.terminal.client import Client
from local.terminal.words import Exit, GaveUpError

DEFAULT_POLL_SECONDS = 5.0
MOST_POLL_SECONDS = 60.0
MOST_ABSENT_SECONDS = 600.0
FRAME_SECONDS = 1.0

Run = Mapping[str, Any]


class StillRunningError(GaveUpError):
    """The time is over, and the run is not. `run` is what was last known of it."""

    def __init__(self, run: Run, waited_seconds: float) -> None:
        super().__init__(Exit.STILL_RUNNING, f"{run['id']} still runs after {waited_seconds:.0f} s of waiting.")
        self.run = run


@dataclass(frozen=True, slots=True)
class Wait:
    """`show` is called with the run and the seconds since the beginning: each second where it is drawn live."""

    client: Client
    elapsed_seconds: Callable[[], float]
    show: Callable[[Run, float], None]
    live: bool
    timeout_seconds: float | None = None

    def until_over(self, run: Run, pause_seconds: float | None) -> Run:
        """The ended run. Raises StillRunningError at the timeout, GaveUpError when Baton stays away."""
        began = self.elapsed_seconds()
        answered_at = began
        while True:
            self.show(run, self.elapsed_seconds() - began)
            if run["status"] != "running":
                return run
            self._pause(run, began, pause_seconds)
            try:
                told = self.client.run(run["id"])
            except GaveUpError as error:
                away = self.elapsed_seconds() - answered_at
                if error.code is not Exit.UNREACHABLE or away > MOST_ABSENT_SECONDS:
                    raise
            else:
                run, pause_seconds = told.body, told.retry_after_seconds
                answered_at = self.elapsed_seconds()

    def _pause(self, run: Run, began: float, wished_seconds: float | None) -> None:
        pause = min(wished_seconds or DEFAULT_POLL_SECONDS, MOST_POLL_SECONDS)
        now = self.elapsed_seconds()
        ends_at = now + pause
        if self.timeout_seconds is not None:
            if now - began >= self.timeout_seconds:
                raise StillRunningError(run, now - began)
            ends_at = min(ends_at, began + self.timeout_seconds)
        while (left := ends_at - self.elapsed_seconds()) > 0:
            self.client.sleep(min(left, FRAME_SECONDS) if self.live else left)
            if self.live:
                self.show(run, self.elapsed_seconds() - began)
