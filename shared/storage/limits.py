"""What a name, key, row, batch or message may be: one set of checks, so that both backends refuse alike."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from shared.storage.base import (
    MAX_BATCH_ROWS,
    MAX_DELAY_SECONDS,
    MAX_KEY_CHARACTERS,
    MAX_MESSAGE_BYTES,
    MAX_ROW_CHARACTERS,
    PAGE_ROWS,
    Delete,
    Replace,
    TooLargeError,
    Write,
)

MAX_RECEIVED_MESSAGES = 32
MAX_BATCH_BYTES = 4 * 1024 * 1024  # the service's limit of a request

# Sent around each row of a batch, at most: the part's headers, etag and address, and the names of 14 properties.
_ROW_OVERHEAD_BYTES = 1_600
_KEY_CHARACTER_BYTES = 15  # a key goes out twice: percent-encoded in the address, escaped in the body
_TEXT_CHARACTER_BYTES = 12  # JSON escapes a character above U+FFFF as two units of six bytes

# Control characters and line separators are refused by the service or lost on the way. Above U+FFFF the
# service sorts by UTF-16 unit: without such characters that is the order of code points, as elsewhere.
_UNORDERED = r"\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\U00010000-\U0010ffff"
_REFUSED_IN_BOUND = re.compile(f"[{_UNORDERED}]")
_REFUSED_IN_KEY = re.compile(rf"[/\\#?{_UNORDERED}]")
_TABLE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{2,62}")
_QUEUE_NAME = re.compile(r"(?=.{3,63}\Z)[a-z0-9]+(-[a-z0-9]+)*")


def check_table_name(name: str) -> None:
    if not _TABLE_NAME.fullmatch(name) or name.lower() == "tables":
        raise ValueError(f"{name!r} cannot name a table: 3 to 63 letters and digits, a letter first, not 'tables'")


def check_queue_name(name: str) -> None:
    if not _QUEUE_NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot name a queue: 3 to 63 lower-case letters, digits and single hyphens")


def check_key(key: str) -> None:
    """Raises ValueError for a character that keys may not hold, TooLargeError for a key that is too long."""
    found = _REFUSED_IN_KEY.search(key)
    if found:
        raise ValueError(f"a key may not hold U+{ord(found.group()):04X}: {key[:80]!r}")
    if len(key) > MAX_KEY_CHARACTERS:
        raise TooLargeError(f"a key holds at most {MAX_KEY_CHARACTERS} characters, not {len(key)}: {key[:80]!r}")


def check_writes(writes: Sequence[Write]) -> str:
    """The partition of a batch that may be sent. Raises as `Table.write` says."""
    if not writes:
        raise ValueError("a batch needs at least one write")
    if len(writes) > MAX_BATCH_ROWS:
        raise TooLargeError(f"a batch holds at most {MAX_BATCH_ROWS} writes, not {len(writes)}")
    partition = _target(writes[0])[0]
    check_key(partition)
    keys = set()
    characters = 0
    for write in writes:
        its_partition, key = _target(write)
        if its_partition != partition:
            raise ValueError(f"a batch stays in one partition, not {partition!r} and {its_partition!r}")
        check_key(key)
        keys.add(key)
        characters += _check_content(write)
    if len(keys) != len(writes):
        raise ValueError("a batch may write each key once")
    most = characters * _TEXT_CHARACTER_BYTES + len(writes) * (
        _ROW_OVERHEAD_BYTES + 2 * MAX_KEY_CHARACTERS * _KEY_CHARACTER_BYTES
    )
    if most > MAX_BATCH_BYTES and len(writes) > 1:
        _check_batch_bytes(writes)
    return partition


def _target(write: Write) -> tuple[str, str]:
    if isinstance(write, Delete):
        return write.partition, write.key
    return write.row.partition, write.row.key


def _check_content(write: Write) -> int:
    """The characters of the row's data."""
    if isinstance(write, Delete):
        if write.etag == "":
            raise ValueError("a conditional delete needs the etag of a row that was read or written")
        return 0
    if isinstance(write, Replace) and not write.row.etag:
        raise ValueError("a replace needs the etag of a row that was read or written")
    units = utf16_units(write.row.data)
    if units > MAX_ROW_CHARACTERS:
        raise TooLargeError(
            f"a row holds at most {MAX_ROW_CHARACTERS} characters, not {units}: {write.row.key[:80]!r}"
        )
    return len(write.row.data)


def _check_batch_bytes(writes: Iterable[Write]) -> None:
    size = 0
    for write in writes:
        partition, key = _target(write)
        size += _ROW_OVERHEAD_BYTES + _KEY_CHARACTER_BYTES * (len(partition) + len(key))
        if not isinstance(write, Delete):
            size += len(json.dumps(write.row.data))
    if size > MAX_BATCH_BYTES:
        raise TooLargeError(f"a batch holds at most {MAX_BATCH_BYTES} bytes as it is sent, not {size}")


def utf16_units(text: str) -> int:
    """The length as the service counts it. Raises ValueError for half a surrogate pair."""
    if text.isascii():
        return len(text)
    try:
        return len(text.encode("utf-16-le")) // 2
    except UnicodeEncodeError:
        raise ValueError("the text holds half of a surrogate pair, which cannot be stored") from None


def check_scan(partition: str, start: str, end: str | None, limit: int) -> None:
    """Bounds need not be keys: `end="j/"` ends behind all keys that start with `j.`."""
    check_key(partition)
    for bound in (start, end or ""):
        if _REFUSED_IN_BOUND.search(bound):
            raise ValueError(f"a bound may not hold control characters or ones above U+FFFF: {bound[:80]!r}")
        if len(bound) > MAX_KEY_CHARACTERS:
            raise TooLargeError(f"a bound holds at most {MAX_KEY_CHARACTERS} characters, not {len(bound)}")
    if not 1 <= limit <= PAGE_ROWS:
        raise ValueError(f"limit is 1 to {PAGE_ROWS}, not {limit}")


def check_message(body: str, delay_seconds: float) -> None:
    utf8_bytes = len(body) if body.isascii() else _utf8_bytes(body)
    if utf8_bytes > MAX_MESSAGE_BYTES:
        raise TooLargeError(f"a message holds at most {MAX_MESSAGE_BYTES} bytes of UTF-8, not {utf8_bytes}")
    check_delay(delay_seconds)


def _utf8_bytes(text: str) -> int:
    utf16_units(text)
    return len(text.encode())


def check_delay(seconds: float) -> None:
    if not 0 <= seconds <= MAX_DELAY_SECONDS:
        raise ValueError(f"a message is delayed or hidden for 0 to {MAX_DELAY_SECONDS} seconds, not {seconds}")


def check_receive(limit: int, hidden_seconds: float) -> None:
    if not 1 <= limit <= MAX_RECEIVED_MESSAGES:
        raise ValueError(f"limit is 1 to {MAX_RECEIVED_MESSAGES}, not {limit}")
    if not 1 <= hidden_seconds <= MAX_DELAY_SECONDS:
        raise ValueError(f"a message is received for 1 to {MAX_DELAY_SECONDS} seconds, not {hidden_seconds}")
