"""Calls to Baton. Reading is repeated, and a start too, because its Idempotency-Key makes that safe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import requests

from local.terminal.reach import Place
from local.terminal.words import Exit, GaveUpError

TRIES = 4
FIRST_PAUSE_SECONDS = 1.0
MOST_PAUSE_SECONDS = 30.0
CONNECT_SECONDS, READ_SECONDS = 10.0, 60.0
_REPEATED = {429, 500, 502, 503, 504}
PAGE = 100


@dataclass(frozen=True, slots=True)
class Told:
    """An answer's JSON, and how long Baton asks to be left alone (None: it says nothing)."""

    body: dict[str, Any]
    retry_after_seconds: float | None


@dataclass(frozen=True, slots=True)
class Client:
    """Every call raises GaveUpError: REFUSED when Baton says no, UNREACHABLE when there is no answer."""

    place: Place
    session: requests.Session
    sleep: Callable[[float], None]

    def run(self, id: str) -> Told:
        return self._call("GET", f"runs/{quote(id, safe='')}", repeat=True)

    def runs(self, query: Mapping[str, str], limit: int) -> list[dict[str, Any]]:
        """The newest first, from as many pages as it takes."""
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        while len(found) < limit:
            more = {"limit": str(min(limit - len(found), PAGE)), **({"cursor": cursor} if cursor else {})}
            page = self._call("GET", "runs", query={**query, **more}, repeat=True).body
            found += page["runs"]
            cursor = page["cursor"]
            if cursor is None:
                break
        return found

    def chains(self) -> list[dict[str, Any]]:
        return list(self._call("GET", "chains", repeat=True).body["chains"])

    def start(self, chain: str, parameters: Mapping[str, Any], key: str) -> Told:
        body = {"parameters": dict(parameters)}
        return self._call("POST", f"chains/{quote(chain, safe='')}/runs", body=body, key=key, repeat=True)

    def rerun(self, id: str, begin: str, key: str) -> Told:
        return self._call("POST", f"runs/{quote(id, safe='')}/rerun", body={"from": begin}, key=key, repeat=True)

    def cancel(self, id: str) -> Told:
        return self._call("POST", f"runs/{quote(id, safe='')}/cancel")

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        key: str | None = None,
        repeat: bool = False,
    ) -> Told:
        headers = {"Accept": "application/json", **({"Idempotency-Key": key} if key else {})}
        tries = TRIES if repeat else 1
        for left in range(tries - 1, -1, -1):
            pause = FIRST_PAUSE_SECONDS * 2.0 ** (tries - 1 - left)
            try:
                answer = self.session.request(
                    method,
                    f"{self.place.url}/api/{path}",
                    params=query,
                    json=body,
                    headers={**headers, **self.place.headers()},
                    timeout=(CONNECT_SECONDS, READ_SECONDS),
                    allow_redirects=False,
                )
            except requests.RequestException as error:
                nobody = self._nobody_listens(error)
                if left == 0 or nobody:
                    first = left == tries - 1
                    why = self._unreachable(error)
                    raise GaveUpError(Exit.UNREACHABLE, why, surely_not=nobody and first) from error
            else:
                if left == 0 or not _worth_repeating(method, answer):
                    return self._told(answer)
                pause = retry_after(answer) or pause
            self.sleep(min(pause, MOST_PAUSE_SECONDS))
        raise AssertionError("the last try returns or raises")

    def _nobody_listens(self, error: requests.RequestException) -> bool:
        """On this machine a refused connection means that no host runs: waiting would not start one."""
        return self.place.is_here and "refused" in str(error)

    def _unreachable(self, error: requests.RequestException) -> str:
        if self._nobody_listens(error):
            return (
                f"Nothing listens at {self.place.url}. Host Baton here with `python -m local serve`, or say --url."
            )
        return f"{self.place.url} does not answer: {_cause(error)}"

    def _told(self, answer: requests.Response) -> Told:
        try:
            body = answer.json()
        except ValueError:
            body = None
        if answer.status_code in (200, 202) and isinstance(body, dict):
            return Told(body, retry_after(answer))
        if answer.status_code >= 500 and not isinstance(body, dict):
            raise GaveUpError(
                Exit.UNREACHABLE, f"{self.place.url} answers HTTP {answer.status_code} and nothing else."
            )
        raise GaveUpError(Exit.REFUSED, *self._refusal(answer, body))

    def _refusal(self, answer: requests.Response, body: object) -> tuple[str, Mapping[str, Any]]:
        if isinstance(body, dict) and "detail" in body:
            return problem_text(body), body
        why = {
            401: "The key or the token is not the right one (BATON_KEY, --key-file, --entra).",
            403: "Your login may not do this: it needs an app role of Baton.",
            302: "It sends to a sign-in page: give --entra SCOPE.",
            404: "There is no Baton at this address.",
        }.get(answer.status_code, f"HTTP {answer.status_code}, and no reason that Baton would give.")
        return f"{self.place.url}: {why}", {"status": answer.status_code, "detail": why}


def problem_text(problem: Mapping[str, Any]) -> str:
    """A problem+json in lines: what is wrong, then each single mistake with its place."""
    lines = [str(problem["detail"])]
    lines += [f"  {error.get('path')}: {error.get('detail')}" for error in problem.get("errors", [])]
    lines += [f"  running: {each}" for each in problem.get("running", [])]
    return "\n".join(lines)


def retry_after(answer: requests.Response) -> float | None:
    text = answer.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdecimal() and len(text) < 7 else None


def _worth_repeating(method: str, answer: requests.Response) -> bool:
    """What Baton itself refuses is told at once: a start that is too many (429), settings with mistakes (503)."""
    if answer.status_code not in _REPEATED:
        return False
    by_baton = answer.headers.get("Content-Type", "").startswith("application/problem+json")
    if not by_baton or answer.status_code == 500:
        return True
    return "Retry-After" in answer.headers and not (method == "POST" and answer.status_code == 429)


def _cause(error: BaseException) -> str:
    """The innermost reason, without the addresses and objects that the libraries wrap around it."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return str(error).rpartition(">: ")[2] or type(error).__name__
