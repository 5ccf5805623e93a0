"""Where Baton is, and what opens it: the host on this machine, or one that is deployed.

A key never stands on a command line, where every process of the machine can read it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from local.configuration import local_address, local_keys
from local.terminal.words import Exit, GaveUpError, Surroundings

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

KEY_HEADER = "x-functions-key"
URL, KEY, SCOPE = "BATON_URL", "BATON_KEY", "BATON_SCOPE"
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True, slots=True)
class Place:
    """A Baton: its address without `/api`, and the headers that open it, asked for before each call."""

    url: str
    headers: Callable[[], Mapping[str, str]] = field(repr=False)

    @property
    def is_here(self) -> bool:
        return urlsplit(self.url).hostname in _LOOPBACK


def add_reach(parser: argparse.ArgumentParser) -> None:
    """The arguments that say which Baton is meant."""
    group = parser.add_argument_group("which Baton")
    group.add_argument("--url", help=f"its address; default {URL}, or else the one that `serve` hosts here")
    group.add_argument("--key-file", type=Path, metavar="FILE", help=f"holds the function key; default {KEY}")
    group.add_argument(
        "--entra",
        metavar="SCOPE",
        help=f"call with a token of your login, such as api://CLIENT_ID/.default; default {SCOPE}",
    )


def place_of(told: argparse.Namespace, around: Surroundings) -> Place:
    """Raises GaveUpError when the address cannot be used, or nothing opens it."""
    given = told.url or around.environment.get(URL)
    url = _address(given or local_address(around.root))
    here = urlsplit(url).hostname in _LOOPBACK
    scope = told.entra or around.environment.get(SCOPE)
    key = _key(told, around)
    if key is None and scope is None:
        key = local_keys(around.root).function if here else _asked(url, around)
    by_key = {KEY_HEADER: key} if key else {}
    if scope is None:
        return Place(url, lambda: by_key)
    credential = around.credential()
    return Place(url, lambda: {**by_key, "Authorization": f"Bearer {_token(credential, scope)}"})


def _token(credential: TokenCredential, scope: str) -> str:
    from azure.core.exceptions import ClientAuthenticationError

    try:
        return credential.get_token(scope).token
    except ClientAuthenticationError as error:
        why = str(error).strip().partition("\n")[0]
        raise GaveUpError(Exit.REFUSED, f"No token for {scope}: {why} (az login is what signs you in.)") from error


def _address(text: str) -> str:
    parts = urlsplit(text if "//" in text else f"https://{text}")
    path = parts.path.rstrip("/").removesuffix("/api")
    if parts.scheme not in ("https", "http") or not parts.hostname or path or parts.query or parts.username:
        raise GaveUpError(
            Exit.USAGE, f"{text!r} is no address of a Baton: write it like https://NAME.azurewebsites.net."
        )
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise GaveUpError(Exit.USAGE, f"{text!r} would carry the key for all to read: write https://.")
    return f"{parts.scheme}://{parts.netloc}"


def _key(told: argparse.Namespace, around: Surroundings) -> str | None:
    if told.key_file is None:
        return _usable(around.environment.get(KEY, ""), KEY) or None
    try:
        text = told.key_file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise GaveUpError(Exit.USAGE, f"The key file cannot be read: {error}") from error
    key = _usable(text, str(told.key_file))
    if not key:
        raise GaveUpError(Exit.USAGE, f"The key file {told.key_file} is empty.")
    return key


def _asked(url: str, around: Surroundings) -> str:
    if not around.input.isatty():
        raise GaveUpError(
            Exit.USAGE,
            f"Nothing opens {url}: set {KEY}, or give --key-file FILE, or sign in and give --entra SCOPE.",
        )
    key = _usable(around.ask_secret(f"Function key of {url}: "), "what was typed")
    if not key:
        raise GaveUpError(Exit.USAGE, "Without a key nothing is called.")
    return key


def _usable(text: str, where: str) -> str:
    key = text.strip()
    if not key.isascii() or not key.isprintable() or " " in key:
        raise GaveUpError(Exit.USAGE, f"{where} holds no key: a key is one word of printable characters.")
    return key
