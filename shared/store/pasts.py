"""Rows that tell of runs in short: a line for each run in the index, and each chain's past.

They are for people who look, and decide nothing: the runs themselves are the truth. Rows of the index that an
older version wrote tell less, and are read all the same.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from shared.core.ids import created_at
from shared.core.past import Past, RunLine, Why
from shared.core.run import RunStatus


def line_data(line: RunLine) -> str:
    """What the index says of a run."""
    told: dict[str, Any] = {"run": line.run_id, "status": line.status}
    if line.finished_at is not None:
        told["finished"] = line.finished_at.astimezone(UTC).isoformat()
    return json.dumps(told)


def line_from(data: str) -> RunLine:
    """What `line_data` wrote, or an older version."""
    told = json.loads(data)
    finished = told.get("finished")
    return RunLine(
        run_id=told["run"],
        status=RunStatus(told["status"]),
        finished_at=None if finished is None else datetime.fromisoformat(finished),
    )


def past_data(past: Past) -> str:
    """The past as text. All its runs are of one chain, so their ids are written without its name."""
    lines = [_short(past.chain, line) for line in past.lines]
    told: dict[str, Any] = {"chain": past.chain, "lines": lines}
    if past.success is not None:
        told["success"] = _short(past.chain, past.success)
    if past.why is not None:
        told["why"] = asdict(past.why)
    return json.dumps(told)


def past_from(data: str) -> Past:
    """What `past_data` wrote."""
    told = json.loads(data)
    chain = told["chain"]
    success, why = told.get("success"), told.get("why")
    return Past(
        chain=chain,
        lines=tuple(_long(chain, line) for line in told["lines"]),
        success=None if success is None else _long(chain, success),
        why=None if why is None else Why(step=why["step"], code=why["code"], message=why["message"]),
    )


def _short(chain: str, line: RunLine) -> list[Any]:
    finished = None if line.finished_at is None else line.finished_at.astimezone(UTC).isoformat()
    return [line.run_id.removeprefix(f"{chain}."), line.status, finished]


def _long(chain: str, line: list[Any]) -> RunLine:
    tail, status, finished = line
    run_id = f"{chain}.{tail}"
    created_at(run_id)  # what is no run id must not get any further
    time = None if finished is None else datetime.fromisoformat(finished)
    return RunLine(run_id=run_id, status=RunStatus(status), finished_at=time)
