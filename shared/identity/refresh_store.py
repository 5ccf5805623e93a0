"""Refresh tokens in Key Vault: which of two is the newer, and how a new one takes the place of an old one.

Key Vault cannot compare and swap. Each token therefore carries, as tags, the sign-in it comes from and how many
renewals lie between: a token is never written over a newer one, whoever is slow.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.core.errors import RefusedError
from shared.identity.key_vault import HeldSecret, KeyVault
from shared.ports import Clock
from shared.settings import Secret

UNUSED_FOR = timedelta(days=90)  # then Entra forgets it
_SIGNED_IN_AT = "baton_signed_in_at"
_RENEWALS = "baton_renewals"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshToken:
    """`signed_in_at` is text that sorts; `version` is empty until Key Vault has it."""

    value: Secret
    signed_in_at: str
    renewals: int
    version: str = ""
    expires_at: datetime | None = None

    @property
    def age(self) -> tuple[str, int]:
        """Greater is newer. A later sign-in is newer than any renewal of an earlier one."""
        return self.signed_in_at, self.renewals

    def renewed(self, value: str) -> RefreshToken:
        return RefreshToken(value=Secret(value), signed_in_at=self.signed_in_at, renewals=self.renewals + 1)


class RefreshStore:
    """The refresh token of one credential."""

    def __init__(self, vault: KeyVault, address: str, clock: Clock, sign_in: str) -> None:
        self.address = address
        self._vault = vault
        self._clock = clock
        self._sign_in = sign_in

    def read(self) -> RefreshToken:
        """The latest. Raises RefusedError when nobody has signed in yet."""
        try:
            return _token(self._vault.read(self.address))
        except RefusedError as error:
            if error.code != "not_found":
                raise
            told = f"There is no refresh token at {self.address} yet. Sign in: {self._sign_in}."
            raise RefusedError("not_found", told) from error

    def settle(self, token: RefreshToken) -> RefreshToken:
        """Puts the token there unless a newer one, or its equal, is there already. Gives what is there then."""
        latest = self.read()
        return latest if latest.age >= token.age else self._write(token)

    def begin(self, value: str) -> RefreshToken:
        """A person has signed in: this token is newer than all before it."""
        now = self._clock().astimezone(UTC)
        return self._write(RefreshToken(value=Secret(value), signed_in_at=_sortable(now), renewals=0))

    def _write(self, token: RefreshToken) -> RefreshToken:
        tags = {_SIGNED_IN_AT: token.signed_in_at, _RENEWALS: str(token.renewals)}
        held = self._vault.write(
            self.address, token.value, tags=tags, expires_at=self._clock().astimezone(UTC) + UNUSED_FOR
        )
        return RefreshToken(
            value=token.value,
            signed_in_at=token.signed_in_at,
            renewals=token.renewals,
            version=held.version,
            expires_at=held.expires_at,
        )


def _token(held: HeldSecret) -> RefreshToken:
    """Without tags a person has put it there by hand: as good as a sign-in at that time."""
    by_hand = _sortable(held.created_at or datetime.fromtimestamp(0, UTC))
    renewals = held.tags.get(_RENEWALS, "0")
    return RefreshToken(
        value=held.value,
        signed_in_at=held.tags.get(_SIGNED_IN_AT) or by_hand,
        renewals=int(renewals) if renewals.isdecimal() else 0,
        version=held.version,
        expires_at=held.expires_at,
    )


def _sortable(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
