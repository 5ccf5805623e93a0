"""One HTTP call to a Power BI workspace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import requests

from shared.core.definition import Connection
from shared.core.errors import TryLaterError
from shared.services.answers import no_answer
from shared.services.reach import CONNECT_SECONDS, READ_SECONDS, Reach


class Calls:
    """Calls below one workspace's address, with one identity."""

    def __init__(self, connection: Connection, reach: Reach) -> None:
        self._connection = connection
        self._reach = reach

    def send(
        self,
        method: str,
        path: str,
        what: str,
        *,
        body: Mapping[str, Any] | None = None,
        send_before: Callable[[], bool] | None = None,
    ) -> requests.Response:
        """The answer, whatever its status. `send_before` marks a call that starts a job: see `Service.start`."""
        settings = self._reach.settings
        url = f"{settings.power_bi_endpoint}/v1.0/myorg/groups/{self._connection.workspace}/{path}"
        bearer = self._reach.identities.of(self._connection.credential).bearer(settings.power_bi_scope)
        if send_before is not None and not send_before():
            raise TryLaterError("too_late", "Getting ready to start took too long; nothing was sent.")
        try:
            return self._reach.session.request(
                method,
                url,
                json=body,
                headers={"Authorization": bearer},
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            starting = send_before is not None
            raise no_answer(f"{what} at {self._connection.name}", error, starting=starting) from error


def object_of(answer: requests.Response) -> Mapping[str, Any]:
    """The answer's JSON object; empty where it is none."""
    try:
        told = answer.json()
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
