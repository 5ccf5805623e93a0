"""What the host reads from host.json, with the overrides that app settings may hold.

Any value of host.json can be given by a setting `AzureFunctionsJobHost__path__to__key`, as in Azure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from local.host.errors import SetupError

OVERRIDE_PREFIX = "azurefunctionsjobhost__"
LOCAL_MAX_POLLING_SECONDS = 2.0
MIN_POLLING_SECONDS = 0.1
_TIME_SPAN = re.compile(r"(?:(\d{1,8})\.)?(\d{1,2}):(\d{1,2}):(\d{1,2})(\.\d{1,7})?")

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class QueueOptions:
    """How queues are polled. `lease_seconds` is this host's own: how long a message stays hidden when nobody
    renews its hold, so how soon it comes back after the process was killed (Azure: 600)."""

    batch_size: int = 16
    new_batch_threshold: int = 8
    max_dequeue_count: int = 5
    visibility_seconds: float = 0.0
    max_polling_seconds: float = LOCAL_MAX_POLLING_SECONDS
    lease_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class HostOptions:
    """The part of host.json that this host knows. Queue and Event Grid functions load only with a bundle.

    `max_outstanding_requests`: how many HTTP requests wait or run at a time. -1: any number.
    """

    route_prefix: str = "api"
    max_outstanding_requests: int = 200
    has_bundle: bool = True
    queues: QueueOptions = field(default_factory=QueueOptions)


def read_options(host_json: Mapping[str, object], settings: Mapping[str, str]) -> HostOptions:
    """The options, or a SetupError that names every bad value."""
    reader = _Reader(_flat(host_json) | _overrides(settings))
    if reader.text("version", default="") != "2.0":
        reader.problems.append('host.json: version must be "2.0"')
    options = HostOptions(
        route_prefix=reader.text("extensions.http.routePrefix", default="api").strip("/"),
        max_outstanding_requests=reader.integer(
            "extensions.http.maxOutstandingRequests", default=200, low=-1, high=100_000
        ),
        has_bundle=bool(reader.text("extensionBundle.id", default="")),
        queues=_queue_options(reader),
    )
    if reader.problems:
        raise SetupError(reader.problems)
    return options


def _queue_options(reader: _Reader) -> QueueOptions:
    section = "extensions.queues."
    batch_size = reader.integer(section + "batchSize", default=16, low=1, high=32)
    polling_seconds = reader.seconds(section + "maxPollingInterval", default=LOCAL_MAX_POLLING_SECONDS)
    if polling_seconds < MIN_POLLING_SECONDS:
        reader.problems.append(f"host.json: {section}maxPollingInterval must be at least 100 milliseconds")
    return QueueOptions(
        batch_size=batch_size,
        new_batch_threshold=reader.integer(
            section + "newBatchThreshold", default=batch_size // 2, low=0, high=1000
        ),
        max_dequeue_count=reader.integer(section + "maxDequeueCount", default=5, low=1, high=10_000),
        visibility_seconds=reader.seconds(section + "visibilityTimeout", default=0.0),
        max_polling_seconds=min(polling_seconds, LOCAL_MAX_POLLING_SECONDS),
    )


def parse_time_span(text: str) -> float:
    """Seconds of `[d.]hh:mm:ss[.fff]`. Raises ValueError; "24:00:00" is invalid, as in .NET."""
    match = _TIME_SPAN.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a time span; write [d.]hh:mm:ss")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups()[:4])
    if hours > 23 or minutes > 59 or seconds > 59:
        raise ValueError(
            f"{text!r} is not a time span: hours go to 23, minutes and seconds to 59; days come first"
        )
    return days * 86_400 + hours * 3_600 + minutes * 60 + seconds + float(match.group(5) or 0)


class _Reader:
    """Reads values by their dotted path and gathers what is wrong with them."""

    def __init__(self, values: Mapping[Path, object]) -> None:
        self._values = values
        self.problems: list[str] = []

    def text(self, path: str, *, default: str) -> str:
        value = self._value(path, default)
        if isinstance(value, str):
            return value
        self.problems.append(f"host.json: {path} must be a string, not {value!r}")
        return default

    def integer(self, path: str, *, default: int, low: int, high: int) -> int:
        value = self._value(path, default)
        number = int(value) if isinstance(value, str) and value.isdecimal() else value
        if isinstance(number, int) and not isinstance(number, bool) and low <= number <= high:
            return number
        self.problems.append(f"host.json: {path} must be a whole number from {low} to {high}, not {value!r}")
        return default

    def seconds(self, path: str, *, default: float) -> float:
        value = self._value(path, None)
        if value is None:
            return default
        try:
            return parse_time_span(str(value))
        except ValueError as error:
            self.problems.append(f"host.json: {path}: {error}")
            return default

    def _value(self, path: str, default: object) -> object:
        return self._values.get(tuple(path.lower().split(".")), default)


def _flat(values: Mapping[str, object], parents: Path = ()) -> dict[Path, object]:
    found: dict[Path, object] = {}
    for name, value in values.items():
        path = (*parents, name.lower())
        if isinstance(value, Mapping):
            found |= _flat(value, path)
        else:
            found[path] = value
    return found


def _overrides(settings: Mapping[str, str]) -> dict[Path, object]:
    return {
        tuple(name.lower().removeprefix(OVERRIDE_PREFIX).split("__")): value
        for name, value in settings.items()
        if name.lower().startswith(OVERRIDE_PREFIX)
    }
