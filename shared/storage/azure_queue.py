"""A `Queue` in Queue Storage."""

from __future__ import annotations

import base64
import binascii
import math
from dataclasses import replace
from urllib.parse import urlsplit

from azure.core.exceptions import HttpResponseError, ResourceExistsError
from azure.storage.queue import QueueClient, QueueMessage

from shared.storage import limits
from shared.storage.azure_errors import Endpoint, code_of, is_lost_hold, is_missing, translated
from shared.storage.base import Message


class AzureQueue:
    """A `Queue` in Queue Storage. Messages are Base64, as Azure Functions expects them."""

    def __init__(self, client: QueueClient) -> None:
        self._client = client
        host = urlsplit(client.url).netloc
        self._endpoint = Endpoint("Queue Storage", host, "Storage Queue Data Contributor")

    def send(self, body: str, *, delay_seconds: float = 0) -> None:
        limits.check_message(body, delay_seconds)
        content = base64.b64encode(body.encode()).decode()
        with translated(self._endpoint):
            try:
                self._send(content, delay_seconds)
            except HttpResponseError as error:
                if not is_missing(error, "Queue"):
                    raise
                self._create()
                self._send(content, delay_seconds)

    def _send(self, content: str, delay_seconds: float) -> None:
        self._client.send_message(content, visibility_timeout=math.ceil(delay_seconds), time_to_live=-1)

    def _create(self) -> None:
        try:
            self._client.create_queue()
        except ResourceExistsError as error:
            if code_of(error) != "QueueAlreadyExists":
                raise

    def receive(self, *, limit: int = 1, hidden_seconds: float = 60) -> tuple[Message, ...]:
        limits.check_receive(limit, hidden_seconds)
        with translated(self._endpoint):
            try:
                found = self._client.receive_messages(
                    messages_per_page=limit, visibility_timeout=math.ceil(hidden_seconds)
                )
                return tuple(_message(message) for message in next(found.by_page(), ()))
            except HttpResponseError as error:
                if is_missing(error, "Queue"):
                    return ()
                raise

    def delete(self, message: Message) -> bool:
        with translated(self._endpoint):
            try:
                self._client.delete_message(message.id, message.receipt)
            except HttpResponseError as error:
                if is_lost_hold(error):
                    return False
                raise
        return True

    def hide(self, message: Message, hidden_seconds: float) -> Message | None:
        limits.check_delay(hidden_seconds)
        with translated(self._endpoint):
            try:
                updated = self._client.update_message(
                    message.id, message.receipt, visibility_timeout=math.ceil(hidden_seconds)
                )
            except HttpResponseError as error:
                if is_lost_hold(error):
                    return None
                raise
        return replace(message, receipt=str(updated.pop_receipt))

    def length(self) -> int:
        with translated(self._endpoint):
            try:
                return int(self._client.get_queue_properties().approximate_message_count or 0)
            except HttpResponseError as error:
                if is_missing(error, "Queue"):
                    return 0
                raise


def _message(message: QueueMessage) -> Message:
    assert message.inserted_on is not None
    body = _decoded(message.content or "")
    return Message(message.id, body, message.dequeue_count or 1, str(message.pop_receipt), message.inserted_on)


def _decoded(content: str) -> str:
    """The text; what is not Base64 as it is, so that its reader can refuse and remove it."""
    try:
        return base64.b64decode(content, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return content
