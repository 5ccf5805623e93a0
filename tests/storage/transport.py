"""Transports for the client libraries that do as a test says. They never sleep."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from azure.core.exceptions import ServiceRequestError
from azure.core.pipeline.transport import RequestsTransport


class Transport(RequestsTransport):  # type: ignore[misc]  # the library hides its type
    """`before` may change a request, `after` an answer, or lose it."""

    def __init__(
        self,
        before: Callable[[Any], None] = lambda request: None,
        after: Callable[[Any, Any], None] = lambda request, response: None,
    ) -> None:
        super().__init__(connection_timeout=3, read_timeout=8)
        self._before = before
        self._after = after

    def sleep(self, duration: float) -> None:
        pass

    def send(self, request: Any, **options: Any) -> Any:
        self._before(request)
        response = super().send(request, **options)
        self._after(request, response)
        return response


class Recording(Transport):
    """Reaches nobody, and notes whom it was to reach, and with what right."""

    def __init__(self, asked: list[str]) -> None:
        super().__init__()
        self.asked = asked
        self.rights: set[str | None] = set()

    def send(self, request: Any, **options: Any) -> Any:
        self.asked.append(request.url)
        self.rights.add(request.headers.get("Authorization"))
        raise ServiceRequestError("not sent by the test")
