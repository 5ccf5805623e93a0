"""Addresses for jobs to call when they are done, and what such a call does: it makes Baton look, nothing more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from shared.core.callbacks import is_token, mark_of, replaced, token_of
from shared.core.errors import RefusedError
from shared.core.run import Run, Step


@dataclass(frozen=True, slots=True)
class Callbacks:
    """`secret` is asked for when it is needed first. `hostname`: the app's own; "" where it is not known."""

    secret: Callable[[], bytes]
    hostname: str

    def is_for(self, run_id: str, step: str, token: str) -> bool:
        """Whether the token is one of this step's, of any attempt."""
        return is_token(self.secret(), run_id, step, token)

    def parameters(self, run: Run, step: Step) -> dict[str, Any]:
        """The step's parameters as its job gets them. Raises RefusedError where the address is not known."""
        assert step.intent is not None
        mark = mark_of(step.intent.id)
        parameters = dict(step.intent.parameters)
        if replaced(parameters, mark, "") == parameters:
            return parameters
        made: dict[str, Any] = replaced(parameters, mark, self._address(run.id, step))
        return made

    def _address(self, run_id: str, step: Step) -> str:
        if not self.hostname:
            text = (
                "callback_url: the app setting WEBSITE_HOSTNAME is missing; set it to the host name of this app."
            )
            raise RefusedError("no_host_name", text)
        token = token_of(self.secret(), run_id, step.name, step.attempt)
        host = self.hostname.partition(":")[0]
        scheme = "http" if host in ("127.0.0.1", "localhost") else "https"
        path = f"/api/runs/{quote(run_id)}/steps/{quote(step.name)}/callback"
        return f"{scheme}://{self.hostname}{path}?token={token}"
