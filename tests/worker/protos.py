"""Stand-ins for the protobuf messages between the Functions host and Azure's worker library.

The library is handed the module that holds its message classes, so plain classes of the same names do.
"""

from __future__ import annotations

from typing import ClassVar


class Message:
    """Holds whatever fields it is made with."""

    def __init__(self, **fields: object) -> None:
        self.__dict__.update(fields)

    def WhichOneof(self, group: str) -> str | None:  # noqa: N802  protobuf's own name
        """The one field that is set: messages that are asked hold one at most."""
        return next((name for name, value in vars(self).items() if name != "name" and value is not None), None)


class BindingInfo(Message):
    undefined = 0
    inout = 2
    out = 1


class FunctionMetadataResponse(Message): ...


class InvocationResponse(Message): ...


class NullableBool(Message): ...


class NullableDouble(Message): ...


class NullableString(Message): ...


class NullableTimestamp(Message): ...


class ParameterBinding(Message): ...


class RpcException(Message): ...


class RpcFunctionMetadata(Message): ...


class RpcHttp(Message): ...


class RpcHttpCookie(Message):
    class SameSite:
        Lax = 1
        Strict = 2
        ExplicitNone = 3


setattr(RpcHttpCookie.SameSite, "None", 0)  # a name that only protobuf can write


class RpcRetryOptions(Message): ...


class StatusResult(Message):
    Failure: ClassVar[int] = 0
    Success: ClassVar[int] = 1


class Timestamp(Message): ...


class TypedData(Message): ...


class WorkerInitResponse(Message): ...


class WorkerMetadata(Message): ...
