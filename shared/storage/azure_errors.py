"""What Azure's client libraries raise, in the words of the storage interface.

The new error stands alone: the text of the old one may hold an address with a signature in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
)
from requests.exceptions import RequestException

from shared.storage.base import StorageError, StorageUnavailableError, TooLargeError

_TOO_LARGE = frozenset({"EntityTooLarge", "MessageTooLarge", "PropertyValueTooLarge", "RequestBodyTooLarge"})
_BEING_DELETED = frozenset({"QueueBeingDeleted", "TableBeingDeleted"})
# The latter two come through the library when a batch's answer breaks off in the middle.
_NO_ANSWER = (AzureError, RequestException, HTTPException)
_RETRIABLE = frozenset({408, 429})
_MESSAGE_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Which service is spoken to, for messages to people, and the role that it asks of an identity."""

    service: str
    host: str
    role: str

    def __str__(self) -> str:
        """Such as "Table Storage at baton.table.core.windows.net"."""
        return f"{self.service} at {self.host}"


@contextmanager
def translated(endpoint: Endpoint) -> Iterator[None]:
    """Within it, errors of the client libraries become StorageError and its kinds."""
    try:
        yield
    except HttpResponseError as error:
        if isinstance(error, ClientAuthenticationError) and not code_of(error):  # storage was not asked
            raise StorageError(f"{endpoint}: no valid credentials to call it with: {_brief(error)}") from None
        raise _answered(error, endpoint) from None
    except ServiceRequestError as error:
        raise StorageUnavailableError(f"{endpoint} could not be reached ({_kind(error)})") from None
    except _NO_ANSWER as error:
        text = f"{endpoint} gave no answer ({_kind(error)}): whether it did what was asked is unknown"
        raise StorageUnavailableError(text) from None


def code_of(error: HttpResponseError) -> str:
    """The service's error code, such as `TableNotFound`, from wherever the library left it; "" if nowhere."""
    code = getattr(error, "error_code", None)
    if not code and error.response is not None:
        headers: Mapping[str, str] = getattr(error.response, "headers", {})
        code = headers.get("x-ms-error-code") or _code_in_body(error.response)
    return str(getattr(code, "value", code) or "")


def is_missing(error: HttpResponseError, thing: str) -> bool:
    """Whether the table or queue (`thing` is Table or Queue) itself is not there."""
    return error.status_code == 404 and code_of(error) == f"{thing}NotFound"


def is_conflict(error: HttpResponseError) -> bool:
    """Whether a row was not as a write demanded: there already, changed, or gone."""
    if error.status_code == 404:
        return not is_missing(error, "Table")
    return error.status_code in (409, 412) and code_of(error) not in _BEING_DELETED


def is_lost_hold(error: HttpResponseError) -> bool:
    """Whether a message is gone, or held by somebody else."""
    return error.status_code == 404 or code_of(error) == "PopReceiptMismatch"


def _code_in_body(response: Any) -> Any:
    try:
        return json.loads(response.text())["odata.error"]["code"]
    except (AttributeError, KeyError, TypeError, ValueError):  # not an error document of Table Storage
        return None


def _answered(error: HttpResponseError, endpoint: Endpoint) -> StorageError:
    status, code = error.status_code, code_of(error)
    said = f"{status} {code}".strip()
    if status is None or status < 400:
        return StorageUnavailableError(f"{endpoint} gave no whole answer ({_kind(error)}): the outcome is unknown")
    if status in _RETRIABLE or status >= 500 or code in _BEING_DELETED:
        return StorageUnavailableError(f"{endpoint} asked for patience or failed ({said}); the outcome is unknown")
    if status in (401, 403):
        return StorageError(f"{endpoint} refused the credentials ({said}). {_remedy(code, endpoint)}")
    if status == 413 or code in _TOO_LARGE:
        return TooLargeError(f"{endpoint} found it too large ({said})")
    return StorageError(f"{endpoint} refused ({said}): {_brief(error)}")


def _remedy(code: str, endpoint: Endpoint) -> str:
    role = f"Give the identity the role {endpoint.role} on the storage account; that takes minutes to count"
    if code == "KeyBasedAuthenticationNotPermitted":
        return f"The account allows no keys: connect with an identity instead of a connection string. {role}."
    return f"{role}. With a connection string, check its key. Check the account's network rules too."


def _kind(error: BaseException) -> str:
    inner = getattr(error, "inner_exception", None)
    return type(inner or error).__name__


def _brief(error: AzureError) -> str:
    return error.message.split("\n", 1)[0][:_MESSAGE_CHARACTERS]
