"""The command lines of the terminal's commands."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import requests

from local.terminal import commands
from local.terminal.parameters import count, duration
from local.terminal.reach import add_reach
from local.terminal.words import Surroundings

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

_CODES = (
    "Exit codes: 0 done or succeeded, 1 failed, 2 wrong command line, 3 cancelled, 4 refused by Baton,"
    " 5 unreachable, 6 still running at the timeout, 130 interrupted (the run goes on)."
)


def add_terminal(
    to: argparse._SubParsersAction[argparse.ArgumentParser], around: Callable[[], Surroundings]
) -> None:
    """Adds every command. `around` is called when one of them is used."""

    def added(name: str, help: str, command: commands.Command) -> argparse.ArgumentParser:
        parser = to.add_parser(name, help=help, description=f"{help[0].upper()}{help[1:]}.", epilog=_CODES)
        parser.set_defaults(act=lambda told: commands.guarded(command, told, around()))
        parser.add_argument("--json", action="store_true", help="print the answer as JSON")
        add_reach(parser)
        return parser

    _add_run(added("run", "start a chain", commands.run))
    _add_rerun(added("rerun", "run an ended run again, as a new one", commands.rerun))
    waiting = added("wait", "wait for a run's end", commands.wait)
    _add_run_id(waiting)
    _add_timeout(waiting)
    _add_run_id(added("show", "show a run with its steps, errors and links", commands.show))
    cancelling = added("cancel", "stop a run and its jobs", commands.cancel)
    _add_run_id(cancelling)
    _add_waiting(cancelling)
    _add_runs(added("runs", "list runs, newest first", commands.runs))
    added("chains", "list the chains, when they fire next and how they went last", commands.chains)


def surroundings(root: Path) -> Surroundings:
    """The real ones."""
    return Surroundings(
        root=root,
        environment=os.environ,
        input=sys.stdin,
        out=sys.stdout,
        err=sys.stderr,
        session=requests.Session,
        credential=_developer_login,
        ask_secret=getpass.getpass,
    )


def _developer_login() -> TokenCredential:
    from azure.identity import (
        AzureCliCredential,
        AzureDeveloperCliCredential,
        AzurePowerShellCredential,
        ChainedTokenCredential,
    )

    return ChainedTokenCredential(AzureCliCredential(), AzureDeveloperCliCredential(), AzurePowerShellCredential())


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("chain", nargs="?", metavar="CHAIN")
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)  # `run` hosted the app once: it gets a hint
    parser.add_argument(
        "--param",
        action="append",
        default=[],
        metavar="NAME=TEXT",
        help="a parameter; NAME:=JSON for other values",
    )
    parser.add_argument("--params-file", type=Path, metavar="FILE", help="a JSON object of parameters; - is stdin")
    _add_key(parser)
    _add_waiting(parser)


def _add_rerun(parser: argparse.ArgumentParser) -> None:
    _add_run_id(parser)
    parser.add_argument(
        "--from", dest="begin", default="failed", metavar="WHERE", help="failed (default), start, or a step's name"
    )
    _add_key(parser)
    _add_waiting(parser)


def _add_runs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--chain")
    parser.add_argument("--status", choices=["running", "succeeded", "failed", "cancelled"])
    parser.add_argument("--limit", type=count, default=20)


def _add_run_id(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="a run's id")


def _add_key(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--idempotency-key", metavar="KEY", help="the same key gives the same run, however often it is started"
    )


def _add_waiting(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--wait", action="store_true", help="stay until the run has ended")
    _add_timeout(parser)


def _add_timeout(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--timeout", type=duration, metavar="TIME", help="wait no longer than 90s, 5m, 2h, 1d; the run goes on"
    )
