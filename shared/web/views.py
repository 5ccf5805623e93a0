"""Runs and chains as the API shows them. Times are UTC, RFC 3339 with Z."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from shared.core.callbacks import without_tokens
from shared.core.definition import Chain, Deadline, Follow
from shared.core.due import next_times
from shared.core.events import Event
from shared.core.pause import Pause
from shared.core.run import Error, FollowedJob, Run, Step, Trigger
from shared.core.trouble import Trouble
from shared.ports import JobSummary

if TYPE_CHECKING:
    from shared.core.deadlines import Late

NEXT_TIMES = 3


def run_view(run: Run, trouble: Trouble | None = None) -> dict[str, Any]:
    """A run with its steps, as `GET /api/runs/{id}` gives it."""
    return {
        "id": run.id,
        "chain": run.chain,
        "status": run.status,
        "trigger": _trigger(run.trigger),
        "rerun_of": run.rerun_of,
        "backfill": run.backfill,
        "parameters": dict(run.parameters),
        "created_at": time_view(run.created_at),
        "finished_at": time_view(run.finished_at),
        "cancel_requested_at": time_view(run.cancel_requested_at),
        "error": _error(run.error),
        "trouble": trouble and {"at": time_view(trouble.at), "message": trouble.why},
        "steps": [_step(run, step) for step in run.steps],
    }


def chain_view(
    chain: Chain, last_run: Run | None, now: datetime, *, late: Late | None = None, pause: Pause | None = None
) -> dict[str, Any]:
    """A declared chain, when it fires next, and how it went last."""
    times = next_times(chain.schedule, now, NEXT_TIMES) if chain.schedule else []
    schedule = chain.schedule and {"cron": chain.schedule.cron, "time_zone": chain.schedule.time_zone}
    return {
        "name": chain.name,
        "description": chain.description,
        "schedule": schedule,
        "follows": [_follow(follow) for follow in chain.follows],
        "next_times": [time_view(time) for time in times],
        "events": [
            {
                "type": pattern.type,
                "source": pattern.source,
                "subject": pattern.subject,
                "data": dict(pattern.data),
            }
            for pattern in chain.events
        ],
        "deadline": chain.deadline and _deadline(chain.deadline, late, now),
        "max_running": chain.max_running,
        "overlap": chain.overlap,
        "parameters": {
            name: {"required": True} if parameter.required else {"required": False, "default": parameter.default}
            for name, parameter in chain.parameters.items()
        },
        "steps": [
            {"name": step.name, "connection": step.connection.name, "after": list(step.after)}
            for step in chain.steps
        ],
        "last_run": last_run and _last_run(last_run),
        "paused": pause_view(pause),
    }


def _deadline(deadline: Deadline, late: Late | None, now: datetime) -> dict[str, Any]:
    from shared.core.deadlines import next_window

    ahead = next_window(deadline, now)
    return {
        "by": deadline.by,
        "time_zone": deadline.time_zone,
        "days": deadline.days,
        "next_at": time_view(ahead.due_at if ahead else None),
        "late_since": time_view(late.since if late else None),
    }


def pause_view(held: Pause | None) -> dict[str, Any] | None:
    """A pause as the API shows it; None: not paused."""
    if held is None:
        return None
    return {"since": time_view(held.since), "until": time_view(held.until), "reason": held.reason}


def job_view(job: JobSummary) -> dict[str, Any]:
    """A job of a connection's own history, in the service's words."""
    return {
        "id": job.id,
        "status": job.status,
        "what": job.what,
        "started_at": time_view(job.started_at),
        "ended_at": time_view(job.ended_at),
        "invoked_by": job.invoked_by,
        "parameters": without_tokens(dict(job.parameters)),
        "error": without_tokens(_error(job.error)),
        "link": job.link,
    }


def time_view(time: datetime | None) -> str | None:
    """RFC 3339 in UTC with Z, to the millisecond; None stays None."""
    if time is None:
        return None
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _step(run: Run, step: Step) -> dict[str, Any]:
    return {
        "name": step.name,
        "status": step.status,
        "connection": run.step_definition(step.name).connection.name,
        "attempt": step.attempt,
        "job": step.job and {"id": step.job.id, "status": step.job.status, "link": step.job.link},
        "started_at": time_view(step.started_at),
        "finished_at": time_view(step.finished_at),
        "output": step.output,
        "error": _error(step.error),
        "continues": step.continues,
    }


def _trigger(trigger: Trigger) -> dict[str, Any]:
    missed = {"missed": [time_view(time) for time in trigger.missed]} if trigger.missed else {}
    first = {"first_time": time_view(trigger.first_time)} if trigger.first_time else {}
    event = {"event": _event(trigger.event)} if trigger.event else {}
    job = {"job": _followed_job(trigger.job)} if trigger.job else {}
    return {"type": trigger.type, "time": time_view(trigger.time), **missed, **first, **event, **job}


def _event(event: Event) -> dict[str, Any]:
    """Without its data, which may be long."""
    return {
        "id": event.id,
        "type": event.type,
        "source": event.source,
        "subject": event.subject,
        "time": time_view(event.time),
    }


def _followed_job(job: FollowedJob) -> dict[str, Any]:
    return {
        "id": job.id,
        "connection": job.connection,
        "pipeline": job.pipeline,
        "item": job.item,
        "job_type": job.job_type,
        "status": job.status,
        "outcome": job.outcome,
        "started_at": time_view(job.started_at),
        "ended_at": time_view(job.ended_at),
        "invoked_by": job.invoked_by,
        "parameters": dict(job.parameters),
        "output": job.output,
        "link": job.link,
    }


def _follow(follow: Follow) -> dict[str, Any]:
    return {
        "connection": follow.connection.name,
        "pipeline": follow.pipeline,
        "item": follow.item,
        "job_type": follow.job_type,
        "on": follow.on,
        "own": follow.own,
        "catch_up_seconds": follow.catch_up_seconds,
        "parameters": dict(follow.parameters),
    }


def _last_run(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "status": run.status,
        "created_at": time_view(run.created_at),
        "finished_at": time_view(run.finished_at),
    }


def _error(error: Error | None) -> dict[str, str] | None:
    return None if error is None else {"code": error.code, "message": error.message}
