"""Runs and chains as text for people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from local.progress import span, took_seconds
from local.terminal.paint import Paint, clean, table

View = Mapping[str, Any]


def run_lines(run: View, paint: Paint) -> Iterator[str]:
    """One run with its steps; every error in full, every job with its link."""
    yield f"{run['id']}  {paint.status(run['status'])}"
    yield f"  started     {_time(run['created_at'])} by {run['trigger']['type']}"
    if run["finished_at"]:
        yield f"  ended       {_time(run['finished_at'])}, after {_took(run)}"
    if run["cancel_requested_at"]:
        yield f"  cancelled   asked for at {_time(run['cancel_requested_at'])}"
    if run["rerun_of"]:
        yield f"  rerun of    {run['rerun_of']}"
    if run["parameters"]:
        yield f"  parameters  {_json(run['parameters'])}"
    yield from _error("  ", run["error"])
    if run["trouble"]:
        yield from _indented("  ", f"trouble since {_time(run['trouble']['at'])}: {run['trouble']['message']}")
    for step in run["steps"]:
        yield from _step_lines(step, paint)


def _step_lines(step: View, paint: Paint) -> Iterator[str]:
    seconds = took_seconds(step)
    took = f" after {span(seconds)}" if seconds is not None else ""
    attempt = f", attempt {step['attempt']}" if step["attempt"] > 1 else ""
    yield f"\n  {step['name']}  {paint.status(step['status'])}{took}{attempt}  at {step['connection']}"
    if step["job"]:
        yield clean(f"    job     {step['job']['id']}  {step['job']['status']}")
        yield clean(f"    link    {step['job']['link']}")
    if step["output"] is not None:
        yield f"    output  {_json(step['output'])}"
    yield from _error("    ", step["error"])


def runs_lines(runs: Sequence[View], paint: Paint) -> list[str]:
    """A table, the newest first."""
    if not runs:
        return ["There are no such runs."]
    rows = [
        [run["id"], run["status"], _time(run["created_at"]), _took(run), run["trigger"]["type"], _why(run)]
        for run in runs
    ]
    heads, *lines = table(["RUN", "STATUS", "STARTED", "TOOK", "BY", "WHY"], rows)
    return [heads, *(_coloured(line, run["status"], paint) for line, run in zip(lines, runs, strict=True))]


def chains_lines(chains: Sequence[View], paint: Paint) -> list[str]:
    """A table of what is declared."""
    if not chains:
        return ["The chains file declares no chain."]
    rows = [[each["name"], _next(each), _last(each), _takes(each), each["description"] or ""] for each in chains]
    heads, *lines = table(["CHAIN", "NEXT", "LAST RUN", "PARAMETERS", ""], rows)
    statuses = [(each["last_run"] or {}).get("status", "") for each in chains]
    return [heads, *(_coloured(line, status, paint) for line, status in zip(lines, statuses, strict=True))]


def errors_of(run: View) -> Iterator[str]:
    """Why a run did not succeed, as whole sentences, with where to look."""
    for step in run["steps"]:
        if step["error"]:
            yield from _error(f"{step['name']}: ", step["error"])
            if step["job"]:
                yield clean(f"  see {step['job']['link']}")
    if run["error"] and not any(step["error"] for step in run["steps"]):
        yield from _error("", run["error"])


def _coloured(line: str, status: str, paint: Paint) -> str:
    return line.replace(status, paint.status(status), 1) if status else line


def _error(before: str, error: View | None) -> Iterator[str]:
    if error:
        yield from _indented(before, f"{error['code']}: {error['message']}")


def _indented(before: str, text: str) -> Iterator[str]:
    first, *others = clean(text).split("\n")
    yield before + first
    yield from (f"    {line}" for line in others)


def _time(text: str | None) -> str:
    """As Baton says it: UTC, to the second."""
    return f"{text[:19].replace('T', ' ')}Z" if text else ""


def _took(run: View) -> str:
    if not run["finished_at"]:
        return ""
    began, ended = (datetime.fromisoformat(run[name]) for name in ("created_at", "finished_at"))
    return span((ended - began).total_seconds())


def _why(run: View) -> str:
    error = run["error"]
    return f"{error['code']}: {error['message']}" if error else ""


def _next(chain: View) -> str:
    times: Iterable[str] = chain["next_times"]
    return next((_time(time) for time in times), "")


def _last(chain: View) -> str:
    last = chain["last_run"]
    return f"{last['status']} {_time(last['created_at'])}" if last else ""


def _takes(chain: View) -> str:
    """What a start takes; what it must say has a star."""
    return " ".join(f"{name}{'*' if each['required'] else ''}" for name, each in chain["parameters"].items())


def _json(value: object) -> str:
    return clean(json.dumps(value, ensure_ascii=False))
