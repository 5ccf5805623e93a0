"""Calling back a pipeline whose WebHook activity waits for a run: to which addresses, what is said, how long.

The address carries a token of the service, so it is a secret: no message here repeats more of it than its host.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from shared.core.run import Run, RunStatus, Step

# `*` stands for one label. The first is the data plane of Data Factory; that its callbacks live there, and those
# of Synapse and Fabric under the others, no document says. CALLBACK_HOSTS adds what a tenant turns out to use.
HOSTS = (
    "*.svc.datafactory.azure.com",
    "*.svc.datafactory.azure.us",
    "*.svc.datafactory.azure.cn",
    "*.dev.azuresynapse.net",
    "*.dev.azuresynapse.us",
    "*.dev.azuresynapse.azure.cn",
    "api.fabric.microsoft.com",
)
MOST_ADDRESS_CHARACTERS = 4_096
KEPT_SECONDS = 86_400  # after the run's end; then nobody waits any more
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_HOST = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Debt:
    """That a pipeline is owed a call when a run has ended. `due_at`: when the timer looks at it again."""

    run_id: str
    address: str = field(repr=False)
    due_at: datetime
    tries: int = 0
    etag: str = field(default="", repr=False)


def address_problem(address: str, more_hosts: Sequence[str], *, loopback: bool) -> str | None:
    """Why Baton does not call this address, in words; None when it may. `loopback`: for a simulated cloud."""
    if len(address) > MOST_ADDRESS_CHARACTERS or not _PRINTABLE.fullmatch(address):
        return f"must be an address of at most {MOST_ADDRESS_CHARACTERS:,} printable characters"
    try:
        parts = urlsplit(address)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return "is no address"
    if loopback and host in LOOPBACK and parts.scheme == "http" and "@" not in parts.netloc:
        return None
    if parts.scheme != "https" or "@" in parts.netloc or port not in (None, 443) or parts.fragment:
        return "must begin with https://, without a user, another port than 443, or a fragment"
    if not any(_fits(host, pattern) for pattern in (*HOSTS, *more_hosts)):
        shown = host if _HOST.fullmatch(host) else "this host"
        return (
            f"leads to {shown[:200]}, which is no known host of Data Factory, Synapse or Fabric."
            " The app setting CALLBACK_HOSTS adds hosts"
        )
    return None


def _fits(host: str, pattern: str) -> bool:
    if not pattern.startswith("*."):
        return host == pattern
    label, _, rest = host.partition(".")
    return _HOST.fullmatch(label) is not None and rest == pattern[2:]


def outcome(run: Run) -> dict[str, Any]:
    """What the activity is told of an ended run, in its own words. A StatusCode from 400 on fails the activity."""
    output = {
        "run": run.id,
        "chain": run.chain,
        "status": run.status,
        "steps": {step.name: _step(step) for step in run.steps},
    }
    if run.status is RunStatus.SUCCEEDED:
        return {"Output": output, "StatusCode": "200"}
    code, message = (run.error.code, run.error.message) if run.error else (run.status, f"The run {run.status}.")
    error = {"ErrorCode": code, "Message": f"{message} (Baton's run {run.id})"}
    return {"Output": output, "Error": error, "StatusCode": "500"}


def _step(step: Step) -> dict[str, Any]:
    error = step.error and {"code": step.error.code, "message": step.error.message}
    return {"status": step.status, "output": step.output, "error": error}
