"""Errors by what the caller should do about them.

BatonError
├── RefusedError     it did not happen and never will like this: tell someone
├── TryLaterError    it did not happen, and may work later
└── UnclearError     it may have happened: look before trying again
"""

from __future__ import annotations

from shared.core.callbacks import without_tokens


class BatonError(Exception):
    """Root of what services raise. `code` is one of the words that runs show. Messages hold no callback token."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message: str = without_tokens(message)
        super().__init__(self.message)


class RefusedError(BatonError):
    """A definite no: bad request, no right, no such pipeline, a dead credential."""


class TryLaterError(BatonError):
    """Nothing happened: throttled, unreachable, busy. `after_seconds` is the service's own wish, if any."""

    def __init__(self, code: str, message: str, after_seconds: float | None = None) -> None:
        super().__init__(code, message)
        self.after_seconds = after_seconds


class UnclearError(BatonError):
    """Sent, and no trustworthy answer: a lost response, a gateway's 5xx."""
