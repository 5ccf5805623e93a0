"""Credentials of the file to their definitions: secrets stay places, never values."""

from __future__ import annotations

from typing import Any

from shared.chains_file.shape import AnyCredentialShape
from shared.core.definition import Credential


def credential_of(name: str, made: AnyCredentialShape) -> Credential:
    """The definition of a checked credential."""
    fields: dict[str, Any] = made.model_dump(exclude_none=True)
    for field in ("client_secret", "certificate"):
        if field in fields:
            fields |= _placed(field, fields.pop(field))
    if "password" in fields:
        fields["certificate_password_setting"] = fields.pop("password").strip("%")
    if "secret" in fields:
        fields["refresh_token_url"] = fields.pop("secret")
    return Credential(name=name, **fields)


def _placed(field: str, place: str) -> dict[str, str]:
    if place.startswith("https://"):
        return {f"{field}_url": place}
    return {f"{field}_setting": place.strip("%")}
