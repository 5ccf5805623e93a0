"""The HTTP API, one function for each call. Bad input raises ProblemError with everything that is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from shared.app import Baton
from shared.core.ids import CHAIN_NAME, chain_of
from shared.core.rerun import NothingToRunError, UnknownStepError
from shared.core.run import Run, RunStatus, Trigger
from shared.relay.cancel import FinishedError, cancel
from shared.relay.rerun import StillRunningError, rerun
from shared.relay.start import AlreadyRunningError, BadParametersError, PausedError, TooManyWaitingError, start
from shared.relay.trouble import trouble_of
from shared.relay.web_hooks import owe
from shared.relay.world import log
from shared.storage.base import TooLargeError
from shared.web.answer import Answer, Mistake, ProblemError, json_answer
from shared.web.bodies import rerun_begin, start_body
from shared.web.declared import declared_chain
from shared.web.limits import (
    CURSOR,
    DEFAULT_LIMIT,
    IDEMPOTENCY_KEY,
    MOST_LISTED,
    PLATFORM_QUERY,
    RUN_RETRY_SECONDS,
)
from shared.web.views import chain_view, pause_view, run_view


def start_run(baton: Baton, chain_name: str, body: bytes, idempotency_key: str | None) -> Answer:
    """`POST /api/chains/{chain}/runs`."""
    chain = declared_chain(baton, chain_name)
    check_key(idempotency_key)
    said = start_body(body, baton.settings)
    trigger = Trigger(type="http", time=baton.world.now())
    cause = None if idempotency_key is None else f"key {idempotency_key}"
    with refusals():
        run, _ = start(baton.world, chain, trigger, said.parameters, cause=cause, force=said.force)
    if said.call_back is not None:
        owe(baton.world, run.id, said.call_back)
    return _accepted(run)


def rerun_run(baton: Baton, run_id: str, body: bytes, idempotency_key: str | None) -> Answer:
    """`POST /api/runs/{id}/rerun`."""
    check_key(idempotency_key)
    begin = rerun_begin(body)
    declared = baton.chains_file.chains.get(chain_of(run_id) or "")
    with refusals():
        try:
            run = rerun(baton.world, run_id, begin, declared, key=idempotency_key)
        except UnknownStepError as error:
            raise ProblemError(400, "The body does not fit.", errors=[Mistake("from", str(error))]) from error
        except (StillRunningError, NothingToRunError) as error:
            raise ProblemError(409, str(error)) from error
    if run is None:
        raise _no_run(run_id)
    return _accepted(run)


@contextmanager
def refusals() -> Iterator[None]:
    """What keeps any further run of a chain from starting, as problems."""
    try:
        yield
    except BadParametersError as error:
        mistakes = [_misfit(mistake) for mistake in error.mistakes]
        raise ProblemError(400, "The parameters do not fit the chain.", errors=mistakes) from error
    except PausedError as error:
        chain = error.pause.chain
        remedy = f'POST /api/chains/{chain}/resume ends that; "force": true in the body starts a run all the same.'
        raise ProblemError(409, f"{error} {remedy}", paused=pause_view(error.pause)) from error
    except AlreadyRunningError as error:
        raise ProblemError(409, str(error), running=list(error.running)) from error
    except TooManyWaitingError as error:
        raise ProblemError(429, str(error), headers={"Retry-After": "60"}) from error
    except TooLargeError as error:
        raise ProblemError(413, f"The run would be too large to keep: {error}") from error


def get_run(baton: Baton, run_id: str) -> Answer:
    """`GET /api/runs/{id}`."""
    try:
        held = baton.world.runs.load(run_id)
    except ValueError as error:
        log.exception("action=run_unreadable run=%s", run_id)
        raise ProblemError(500, f"Run {run_id} is stored in a form that this version cannot read.") from error
    if held is None:
        raise _no_run(run_id)
    if held.run.status is not RunStatus.RUNNING:
        return _run_answer(200, held.run, {})
    headers = {"Retry-After": RUN_RETRY_SECONDS}
    return json_answer(200, run_view(held.run, trouble_of(baton.world, run_id)), headers)


def list_runs(baton: Baton, query: Mapping[str, str]) -> Answer:
    """`GET /api/runs?chain=&status=&limit=&cursor=`."""
    status, limit, cursor = _list_query(query)
    chain = query.get("chain")
    if chain:
        page = baton.world.runs.newest_of(chain, status=status, limit=limit, cursor=cursor)
    else:
        page = baton.world.runs.newest(status=status, limit=limit, cursor=cursor)
    return json_answer(200, {"runs": [run_view(run) for run in page.runs], "cursor": page.cursor})


def cancel_run(baton: Baton, run_id: str) -> Answer:
    """`POST /api/runs/{id}/cancel`."""
    try:
        run = cancel(baton.world, run_id)
    except FinishedError as error:
        raise ProblemError(409, str(error)) from error
    if run is None:
        raise _no_run(run_id)
    return _accepted(run)


def list_chains(baton: Baton) -> Answer:
    """`GET /api/chains`."""
    now = baton.world.now()
    declared = baton.chains_file.chains.values()
    standings = baton.world.deadlines.standings() if any(chain.deadline for chain in declared) else {}
    pauses = {pause.chain: pause for pause in baton.world.pauses.all() if pause.lasts(now)}
    chains = []
    for chain in declared:
        newest = baton.world.runs.newest_of(chain.name, status=None, limit=1, cursor=None).runs
        held = standings.get(chain.name)
        late, pause = held.standing.late if held else None, pauses.get(chain.name)
        chains.append(chain_view(chain, newest[0] if newest else None, now, late=late, pause=pause))
    return json_answer(200, {"chains": chains})


def check_key(idempotency_key: str | None) -> None:
    """Raises ProblemError."""
    if idempotency_key is not None and not IDEMPOTENCY_KEY.fullmatch(idempotency_key):
        raise ProblemError(400, "Idempotency-Key must be 1 to 255 printable ASCII characters.")


def _no_run(run_id: str) -> ProblemError:
    return ProblemError(404, f"There is no run {run_id[:200]!r}.")


def _list_query(query: Mapping[str, str]) -> tuple[RunStatus | None, int, str | None]:
    mistakes = [
        Mistake(name, "unknown; there are chain, status, limit and cursor")
        for name in query
        if name not in {"chain", "status", "limit", "cursor"} | PLATFORM_QUERY
    ]
    chain = query.get("chain")
    if chain and not CHAIN_NAME.fullmatch(chain):
        mistakes.append(Mistake("chain", "is not a chain's name"))
    status = query.get("status") or None
    if status is not None and status not in set(RunStatus):
        mistakes.append(Mistake("status", f"{status[:200]!r} is none of {', '.join(RunStatus)}"))
    limit = query.get("limit") or str(DEFAULT_LIMIT)
    if not re.fullmatch(r"[0-9]{1,4}", limit) or not 1 <= int(limit) <= MOST_LISTED:
        mistakes.append(Mistake("limit", f"must be a number from 1 to {MOST_LISTED}"))
    cursor = query.get("cursor") or None
    if cursor is not None and not CURSOR.fullmatch(cursor):
        mistakes.append(Mistake("cursor", "is not one that an earlier answer gave"))
    if mistakes:
        raise ProblemError(400, "The query does not fit.", errors=mistakes)
    return (RunStatus(status) if status else None), int(limit), cursor


def _misfit(mistake: str) -> Mistake:
    """Of `place: what is wrong`. Callers choose names, and so what stands in places."""
    path, _, detail = mistake.rpartition(": ")
    return Mistake(path, detail)


def _accepted(run: Run) -> Answer:
    return _run_answer(202, run, {"Location": f"/api/runs/{run.id}", "Retry-After": RUN_RETRY_SECONDS})


def _run_answer(status: int, run: Run, headers: Mapping[str, str]) -> Answer:
    return json_answer(status, run_view(run), headers)
