"""Requests to Entra for msal: our session and time limits, and troubles told as what they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.core.errors import TryLaterError
from shared.identity.failures import Subject, unavailable, unreachable

if TYPE_CHECKING:
    import requests

_SECONDS = (5.0, 30.0)  # to connect, to read


class EntraHttp:
    """What msal calls an http client. Raises TryLaterError for no answer, 429 and 5xx."""

    def __init__(self, session: requests.Session, subject: Subject) -> None:
        self._session = session
        self._subject = subject

    def get(self, url: str, **options: Any) -> requests.Response:
        return self._sent("GET", url, options)

    def post(self, url: str, **options: Any) -> requests.Response:
        return self._sent("POST", url, options)

    def close(self) -> None:
        """The session is somebody else's."""

    def _sent(self, method: str, url: str, options: dict[str, Any]) -> requests.Response:
        import requests

        try:
            response = self._session.request(method, url, **{"timeout": _SECONDS, **options})
        except requests.RequestException as error:
            raise unreachable(self._subject, " ".join(str(error).split())[:300]) from error
        if response.status_code == 429 or response.status_code >= 500:
            raise self._trouble(response)
        return response

    def _trouble(self, response: requests.Response) -> TryLaterError:
        after = response.headers.get("Retry-After", "")
        text = f"HTTP {response.status_code} from {response.url.split('?')[0]}"
        return unavailable(self._subject, text, float(after) if after.isdecimal() else None)
