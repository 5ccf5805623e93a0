"""Which of the actions that Baton needs at a factory its identity lacks.

Facts: the REST documents of Azure's role-based access control ("gets all permissions the caller has for a
resource", api-version 2022-04-01). An identity that may not ask this, like one with only Baton's own custom role,
is taken to have what it needs: what is missing then shows when it is used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import requests

from shared.core.definition import Connection
from shared.core.errors import BatonError
from shared.services.reach import CONNECT_SECONDS, READ_SECONDS, Reach

API_VERSION = "2022-04-01"
NEEDED = (
    "pipelines/read",
    "pipelines/createrun/action",
    "pipelineruns/read",
    "pipelineruns/cancel/action",
    "pipelineruns/queryactivityruns/action",
    "querypipelineruns/action",
)


def missing_actions(connection: Connection, reach: Reach) -> list[str]:
    """Of `NEEDED`; empty where that is not to be learned."""
    settings = reach.settings
    url = (
        f"{settings.resource_manager_endpoint}/subscriptions/{connection.subscription}"
        f"/resourceGroups/{connection.resource_group}/providers/Microsoft.DataFactory/factories/{connection.factory}"
        "/providers/Microsoft.Authorization/permissions"
    )
    try:
        bearer = reach.identities.of(connection.credential).bearer(settings.resource_manager_scope)
        answer = reach.session.get(
            url,
            params={"api-version": API_VERSION},
            headers={"Authorization": bearer},
            timeout=(CONNECT_SECONDS, READ_SECONDS),
            allow_redirects=False,
        )
        told = answer.json() if answer.status_code == 200 else None
    except (BatonError, requests.RequestException):  # a body that is no JSON is one of these too
        return []
    value = told.get("value") if isinstance(told, dict) and not told.get("nextLink") else None
    permissions = [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
    return [action for action in NEEDED if permissions and not _allowed(action, permissions)]


def _allowed(action: str, permissions: Sequence[Mapping[str, Any]]) -> bool:
    """Each role takes its own `notActions` away from its own `actions`, and from no other role's."""
    whole = f"Microsoft.DataFactory/factories/{action}"
    return any(
        _matches(whole, permission.get("actions")) and not _matches(whole, permission.get("notActions"))
        for permission in permissions
    )


def _matches(action: str, patterns: Any) -> bool:
    """`*` in a pattern stands for anything; case does not count."""
    listed = [each for each in patterns if isinstance(each, str)] if isinstance(patterns, list) else []
    return any(
        re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), action, re.IGNORECASE) for pattern in listed
    )
