"""The call that tells a pipeline's WebHook activity how a run ended.

The address comes from a caller, so it is not trusted: only known hosts, only the open internet, no redirects. The
connection is made to the very address that was looked at, so that a name cannot change its mind in between.
"""

from __future__ import annotations

import ipaddress
import json
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from shared.core.errors import RefusedError, TryLaterError
from shared.core.web_hook import LOOPBACK, address_problem

CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
_LATER = frozenset({408, 425, 429})

Resolve = Callable[[str, int], Sequence[str]]  # the IP addresses of a host; raises OSError


def resolved(host: str, port: int) -> Sequence[str]:
    """What the system's resolver says."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class PostBack:
    """Sends one call. Raises RefusedError when it is no use to repeat it, else TryLaterError."""

    def __init__(self, hosts: Sequence[str], *, loopback: bool, resolve: Resolve = resolved) -> None:
        """`hosts`: further ones that may be called. `loopback`: also this machine, for a simulated cloud."""
        self._hosts = tuple(hosts)
        self._loopback = loopback
        self._resolve = resolve

    def __call__(self, address: str, body: Mapping[str, Any]) -> None:
        problem = address_problem(address, self._hosts, loopback=self._loopback)
        if problem is not None:
            raise RefusedError("bad_address", f"callBackUri {problem}.")
        status, retry_after = self._sent(address, json.dumps(body).encode())
        if 200 <= status < 300:
            return
        text = f"The pipeline's service answered {status}."
        if status in _LATER or status >= 500:
            wished = float(retry_after) if retry_after and retry_after.isdecimal() else None
            raise TryLaterError("callback_failed", text, wished)
        raise RefusedError("callback_failed", f"{text} It waits no more, or was called back already.")

    def _sent(self, address: str, body: bytes) -> tuple[int, str | None]:
        import certifi
        import urllib3

        parts = urlsplit(address)
        host, secure = parts.hostname or "", parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
        ip = self._looked_at(host, port)
        pool: urllib3.HTTPConnectionPool
        if secure:
            pool = urllib3.HTTPSConnectionPool(
                ip,
                port,
                timeout=timeout,
                ca_certs=certifi.where(),
                cert_reqs="CERT_REQUIRED",
                server_hostname=host,
                assert_hostname=host,
            )
        else:
            pool = urllib3.HTTPConnectionPool(ip, port, timeout=timeout)
        target = parts.path or "/"
        target = f"{target}?{parts.query}" if parts.query else target
        headers = {"Host": parts.netloc, "Content-Type": "application/json"}
        try:
            answer = pool.urlopen("POST", target, body=body, headers=headers, retries=False, redirect=False)
        except urllib3.exceptions.HTTPError as error:  # its text names the address, which is a secret
            raise TryLaterError("unreachable", f"{host} could not be called: {type(error).__name__}.") from None
        finally:
            pool.close()
        return answer.status, answer.headers.get("Retry-After")

    def _looked_at(self, host: str, port: int) -> str:
        """An IP address of the host, none of which may be of an inner network."""
        try:
            found = [ipaddress.ip_address(text.partition("%")[0]) for text in self._resolve(host, port)]
        except (OSError, ValueError) as error:
            raise TryLaterError("unreachable", f"{host} has no address just now.") from error
        own = self._loopback and host in LOOPBACK
        if not found or not all(ip.is_loopback if own else _is_public(ip) for ip in found):
            raise RefusedError("internal_address", f"{host} leads to an internal address, which is never called.")
        return str(found[0])


def _is_public(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    shown = mapped or ip
    return shown.is_global and not (shown.is_multicast or shown.is_reserved or shown.is_unspecified)
