"""What a service's answer, or the lack of one, means for the caller. Every HTTP status ends in one of three."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from shared.core.errors import BatonError, RefusedError, TryLaterError, UnclearError
from shared.core.facts import Observation, Verdict
from shared.ports import WatchedJob

_CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    409: "conflict",
    429: "throttled",
}
_EXPIRED = ("TokenExpired", "ExpiredAuthenticationToken")  # the next call brings a new token
_MOST_TEXT = 1_000
_MOST_WAIT_SECONDS = 86_400.0  # an hour has been seen; what is far beyond is a mistake


def bad_answer(
    what: str, status: int, headers: Mapping[str, str], body: str, *, starting: bool, remedy: str = ""
) -> BatonError:
    """The error for an answer that is no success. `starting`: the request may have begun a job.

    429 and 430 mean refused, and may pass. A 5xx (and 408) to a start says nothing about whether it happened.
    """
    told = f"{what}: HTTP {status}{_detail(body)}"
    if status in (429, 430):  # the second is what Spark says when its queue is full
        return TryLaterError("throttled", told, retry_after_seconds(headers))
    if status >= 500 or status == 408:
        if starting:
            return UnclearError("no_clear_answer", told)
        return TryLaterError("service_unavailable", told, retry_after_seconds(headers))
    if status == 401 and error_of(body)[0] in _EXPIRED:
        return TryLaterError("token_expired", told)
    if status < 400:
        return TryLaterError("unexpected_answer", told)
    return RefusedError(_CODES.get(status, "refused"), f"{told} {remedy}".strip())


def no_answer(what: str, error: Exception, *, starting: bool) -> BatonError:
    """The error for a request that ended without an answer."""
    told = f"{what}: {_short(error)}"
    if never_sent(error):
        return TryLaterError("unreachable", f"{told} (nothing was sent)")
    return UnclearError("no_answer", told) if starting else TryLaterError("no_answer", told)


def unchanged(watched: WatchedJob) -> Observation:
    """What a look says of a job that is there, or that it could not ask about, when it learned no status."""
    return Observation(verdict=Verdict.ACTIVE, status=watched.job.status, learned=False)


def never_sent(error: BaseException) -> bool:
    """True only when the connection itself failed, so that no request can have left."""
    from requests.exceptions import ConnectTimeout
    from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

    seen: list[BaseException] = []
    queue: list[object] = [error]
    while queue:
        item = queue.pop()
        if not isinstance(item, BaseException) or item in seen:
            continue
        if isinstance(item, ConnectTimeout | ConnectTimeoutError | NewConnectionError):
            return True
        if "CERTIFICATE_VERIFY_FAILED" in str(item):
            return True
        seen.append(item)
        queue += [
            item.__cause__,
            getattr(item, "inner_exception", None),
            getattr(item, "reason", None),
            *item.args,
        ]
    return False


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """How long the service asks us to wait: Retry-After in seconds or as a date. A day at the most.

    A date is read against the answer's own `Date`, so that no other clock has a say; without one, against ours.
    """
    told = _header(headers, "retry-after")
    if told is None:
        return None
    try:
        return _sensible(float(told))
    except ValueError:
        pass
    try:
        answered = _header(headers, "date")
        since = parsedate_to_datetime(answered) if answered else datetime.now(UTC)
        return _sensible((parsedate_to_datetime(told) - since).total_seconds())
    except (TypeError, ValueError):
        return None


def _header(headers: Mapping[str, str], wanted: str) -> str | None:
    return next((value for name, value in headers.items() if name.lower() == wanted), None)


def skip_of(cursor: str) -> int:
    """How many entries a page's cursor passes over. Raises RefusedError for what is no cursor."""
    if not re.fullmatch(r"[0-9]{1,6}", cursor):
        raise RefusedError("bad_request", "The cursor is not one that an earlier page gave.")
    return int(cursor)


def _sensible(seconds: float) -> float:
    return min(_MOST_WAIT_SECONDS, max(0.0, seconds))


def error_of(body: str) -> tuple[str, str]:
    """The code and the message in any of the services' error envelopes; empty where there is none."""
    try:
        told = json.loads(body)
    except ValueError:
        return "", body.strip()[:_MOST_TEXT]
    if not isinstance(told, dict):
        return "", ""
    inner = told.get("error", told)
    if not isinstance(inner, dict):
        return str(inner), str(told.get("error_description", ""))[:_MOST_TEXT]
    code = str(inner.get("code") or inner.get("errorCode") or "")
    message = str(inner.get("message") or "") or _power_bi_detail(inner)
    return code, "; ".join([message, *_fabric_details(inner)])[:_MOST_TEXT]


def _fabric_details(inner: Mapping[str, object]) -> list[str]:
    told = inner.get("moreDetails")
    details = [item for item in told if isinstance(item, dict)] if isinstance(told, list) else []
    return [str(item["message"]) for item in details if item.get("message")]


def _power_bi_detail(inner: Mapping[str, object]) -> str:
    told = inner.get("pbi.error")
    details = told.get("details") if isinstance(told, dict) else None
    for item in details if isinstance(details, list) else []:
        detail = item.get("detail") if isinstance(item, dict) else None
        if isinstance(detail, dict) and detail.get("value"):
            return str(detail["value"])
    return ""


def _detail(body: str) -> str:
    code, message = error_of(body)
    told = ": ".join(part for part in (code, message) if part)
    return f", {told}" if told else ""


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
