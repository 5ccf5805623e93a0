"""What each HTTP function needs of its caller. A function that is not in the table cannot be called."""

from __future__ import annotations

from enum import StrEnum


class Need(StrEnum):
    """`KEY`: a function key in either mode, which the platform checks. `OPEN`: the function looks for itself."""

    READ = "read"
    OPERATE = "operate"
    KEY = "key"
    OPEN = "open"


NEEDS = {
    "start_run": Need.OPERATE,
    "get_run": Need.READ,
    "list_runs": Need.READ,
    "cancel_run": Need.OPERATE,
    "rerun_run": Need.OPERATE,
    "list_chains": Need.READ,
    "pause_chain": Need.OPERATE,
    "resume_chain": Need.OPERATE,
    "begin_backfill": Need.OPERATE,
    "get_backfill": Need.READ,
    "cancel_backfill": Need.OPERATE,
    "list_jobs": Need.READ,
    "health": Need.READ,
    "openapi": Need.READ,
    "receive_events": Need.KEY,
    "events_handshake": Need.KEY,
    "step_callback": Need.OPEN,  # the token in its address
    "dashboard_sign_in": Need.OPEN,
    "dashboard_enter": Need.OPEN,
    "dashboard_sign_out": Need.OPEN,
    "dashboard": Need.READ,
    "dashboard_run": Need.READ,
    "dashboard_chain": Need.READ,
    "dashboard_connection": Need.READ,
    "dashboard_cancel": Need.OPERATE,
    "dashboard_rerun": Need.OPERATE,
    "dashboard_start": Need.OPERATE,
    "dashboard_asset": Need.OPEN,  # a style sheet and a script, without any data
}
