"""Who App Service says that a caller is: the header `X-MS-CLIENT-PRINCIPAL`.

Anybody can send that header to an app whose platform authentication is off: ask `platform_checks` first.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from typing import Any

from shared.web.access.caller import NOBODY, Caller

HEADER = "x-ms-client-principal"
READ_ROLE = "Baton.Read"
OPERATE_ROLE = "Baton.Operate"
ENTRA = "aad"
MOST_CHARACTERS = 65_536
MOST_NAME_CHARACTERS = 200
_ID_CLAIMS = ("http://schemas.microsoft.com/identity/claims/objectidentifier", "oid")
_NAME_CLAIMS = ("preferred_username", "name", "appid", "azp")


def platform_checks(environment: Mapping[str, str]) -> bool:
    """Whether App Service checks who calls, and so removes this header from what callers send."""
    return environment.get("WEBSITE_AUTH_ENABLED", "").strip().lower() == "true"


def caller_of(header: str | None) -> Caller:
    """The caller whom the header names; nobody for what it should not be."""
    told = _told(header or "")
    claims = list(_claims(told.get("claims")))
    if told.get("auth_typ") != ENTRA:
        return NOBODY
    role_types = {"roles", _text(told.get("role_typ")) or "roles"}
    roles = {value for kind, value in claims if kind in role_types}
    operates = OPERATE_ROLE in roles
    names = (_text(told.get("name_typ")), *_NAME_CLAIMS)
    return Caller(
        name=_first(claims, names)[:MOST_NAME_CHARACTERS] or None,
        may_read=operates or READ_ROLE in roles,
        may_operate=operates,
        id=_first(claims, _ID_CLAIMS),
    )


def is_known(caller: Caller) -> bool:
    """Whether the platform knows who it is, whatever they may do."""
    return bool(caller.id)


def _told(header: str) -> dict[str, Any]:
    if not header or len(header) > MOST_CHARACTERS:
        return {}
    try:
        padded = header + "=" * (-len(header) % 4)
        told = json.loads(base64.b64decode(padded, validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _claims(claims: object) -> Iterator[tuple[str, str]]:
    for claim in claims if isinstance(claims, list) else ():
        if isinstance(claim, dict) and _text(claim.get("typ")) and _text(claim.get("val")):
            yield claim["typ"], claim["val"]


def _first(claims: list[tuple[str, str]], kinds: tuple[str, ...]) -> str:
    found = dict(reversed(claims))
    return next((found[kind] for kind in kinds if kind in found), "")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
