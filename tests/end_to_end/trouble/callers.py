"""Callers that want one run each, and ask any host with the same key until one has accepted it."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import requests

from tests.end_to_end.host_process import KEY

CALL_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 1.0  # Retry-After is for production's patience
_PAUSE_SECONDS = 0.2


class RefusedError(Exception):
    """An answer that no caller should ever get, or none in time."""


@dataclass(slots=True)
class Caller:
    """`again`: how often it calls once more after it was accepted, as callers that lost the answer do."""

    key: str
    chain: str
    starts_after_seconds: float
    again: int = 0
    run_ids: set[str] = field(default_factory=set)
    calls: int = 0

    def call(self, urls: Sequence[str], luck: random.Random, deadline: float) -> None:
        """Until it has its run, and then `again` times more. Raises RefusedError."""
        with requests.Session() as session:
            for _ in range(1 + self.again):
                self.run_ids.add(self._accepted(session, urls, luck, deadline))

    def _accepted(
        self, session: requests.Session, urls: Sequence[str], luck: random.Random, deadline: float
    ) -> str:
        headers = {"x-functions-key": KEY, "Idempotency-Key": self.key}
        while time.monotonic() < deadline:
            self.calls += 1
            try:
                url = f"{luck.choice(urls)}/api/chains/{self.chain}/runs"
                answer = session.post(url, headers=headers, timeout=CALL_SECONDS)
            except requests.RequestException:  # it was killed, or is frozen: ask another
                time.sleep(_PAUSE_SECONDS)
                continue
            if answer.status_code == 202:
                return str(answer.json()["id"])
            if answer.status_code not in (429, 503) or "Retry-After" not in answer.headers:
                raise RefusedError(f"{self.key} was answered {answer.status_code}: {answer.text[:500]}")
            time.sleep(min(float(answer.headers["Retry-After"]), LONGEST_PAUSE_SECONDS))
        raise RefusedError(f"{self.key} was not accepted in time")
