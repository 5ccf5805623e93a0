"""Bad luck that can be switched on: for an operation, before or after its effect, some times or by chance."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Literal

from local.simulated_azure.messages import LostError, Response, answer, problem

When = Literal["before", "after"]

_CODES = {
    400: ("BadRequest", "The request is wrong."),
    401: ("ExpiredAuthenticationToken", "The access token has expired."),
    403: ("AuthorizationFailed", "The client does not have authorization to perform the action over the scope."),
    404: ("ResourceNotFound", "The resource was not found."),
    429: ("TooManyRequests", "Too many requests."),
    500: ("InternalServerError", "InternalServerError executing request"),
    502: ("BadGateway", "Bad gateway."),
    503: ("ServiceUnavailable", "The service is unavailable."),
    430: ("TooManyRequestsForJobs", "Too many jobs are queued."),
    504: ("GatewayTimeout", "The gateway did not receive a response in time."),
}


@dataclass(slots=True)
class Fault:
    """`operation` is like `data_factory.create_run`; `*` stands for any part. One of `status`, `lost`,
    `hide_seconds`, `same_id`, `no_status` and `aadsts` says what goes wrong; `times` how often, `chance` how
    probably.
    """

    operation: str
    when: When = "before"
    status: int | None = None
    lost: bool = False
    body: str | None = None  # with `status`: the answer's whole body, in place of the usual one
    retry_after: str | None = None
    flat_envelope: bool = False  # Power BI's throttling answer has no `error` around its message
    bare_envelope: bool = False  # Synapse's errors may come without an `error` around them
    hide_seconds: float | None = None  # what this call makes is not listed for so long
    same_id: bool = False  # a start answers with the id of the one before
    no_status: bool = False  # a body without a status
    aadsts: int | None = None  # Entra's own refusal, by its number
    times: int | None = None
    chance: float = 1.0

    def fits(self, operation: str) -> bool:
        return operation == self.operation or ("*" in self.operation and fnmatchcase(operation, self.operation))

    def response(self) -> Response | None:
        """The answer in place of the service's own. Raises LostError when there is none at all."""
        if self.lost:
            raise LostError(sent=True)
        if self.aadsts is not None:
            why = f"AADSTS{self.aadsts}: Switched on as a fault."
            body = {"error": "invalid_grant", "error_description": why, "error_codes": [self.aadsts]}
            return answer(self.status or 400, body)
        if self.status is None:
            return None
        code, message = _CODES.get(self.status, ("Error", "Something went wrong."))
        headers = {"Retry_After": self.retry_after} if self.retry_after else {}
        if self.body is not None:
            told = {"Retry-After": self.retry_after} if self.retry_after else {}
            return Response(status=self.status, headers=told, body=self.body.encode(), garbled=True)
        if self.flat_envelope:
            return answer(self.status, {"message": f"{message} Retry in {self.retry_after} seconds."}, **headers)
        if self.bare_envelope:
            return answer(self.status, {"code": code, "message": message}, **headers)
        return problem(self.status, code, message, **headers)


@dataclass(slots=True)
class Faults:
    """The faults that are on, in the order in which they were switched on."""

    random: random.Random
    on: list[Fault]

    def due(self, operation: str, when: When) -> Fault | None:
        """The fault that strikes this call, used up by one."""
        for fault in self.on:
            plain = fault.hide_seconds is None and not fault.same_id and not fault.no_status
            if plain and fault.when == when and self._strikes(fault, operation):
                return fault
        return None

    def hidden_for(self, operation: str) -> timedelta:
        """How long what this call makes stays out of lists."""
        for fault in self.on:
            if fault.hide_seconds is not None and self._strikes(fault, operation):
                return timedelta(seconds=fault.hide_seconds * self.random.random() if fault.chance < 1 else
                                 fault.hide_seconds)  # fmt: skip
        return timedelta()

    def same_id(self, operation: str) -> bool:
        return any(fault.same_id and self._strikes(fault, operation) for fault in self.on)

    def no_status(self, operation: str) -> bool:
        return any(fault.no_status and self._strikes(fault, operation) for fault in self.on)

    def _strikes(self, fault: Fault, operation: str) -> bool:
        if fault.times == 0 or not fault.fits(operation):
            return False
        if fault.chance < 1 and self.random.random() >= fault.chance:
            return False
        if fault.times is not None:
            fault.times -= 1
        return True
