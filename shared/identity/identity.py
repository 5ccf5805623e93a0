"""One identity: tokens for clients of every kind, failures in words, warnings ahead of time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from shared.identity.failures import Subject, told
from shared.ports import Problem

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, TokenCredential

WARN_BEFORE = timedelta(days=30)


class Identity:
    """A credential object for the whole process: it holds the token cache."""

    def __init__(
        self,
        inner: TokenCredential,
        subject: Subject | str,
        warnings: Callable[[], Sequence[Problem]] = tuple,
    ) -> None:
        self._inner = inner
        self._subject = Subject(subject) if isinstance(subject, str) else subject
        self._warnings = warnings

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """A token from the cache or the authority. Raises RefusedError or TryLaterError."""
        from azure.core.exceptions import AzureError

        try:
            return self._inner.get_token(*scopes, **options)
        except (AzureError, ValueError, FileNotFoundError, PermissionError) as error:
            raise told(error, self._subject) from error

    def bearer(self, scope: str) -> str:
        """The value of an Authorization header."""
        return f"Bearer {self.get_token(scope).token}"

    def warnings(self) -> Sequence[Problem]:
        """What works today and will not for long. Says nothing before the first token was asked for."""
        return self._warnings()


def expiry_warnings(what: str, expires_at: datetime | None, now: datetime, remedy: str) -> tuple[Problem, ...]:
    """One problem `expires_soon` when less than 30 days are left."""
    if expires_at is None or expires_at - now > WARN_BEFORE:
        return ()
    days = (expires_at - now).days
    when = "has expired" if expires_at <= now else f"expires in {days} {'day' if days == 1 else 'days'}"
    return (Problem("expires_soon", f"{what} {when} (on {expires_at:%Y-%m-%d}): {remedy}."),)
