"""What each command of the terminal does."""

from __future__ import annotations

import argparse
import json
import secrets
import shlex
from collections.abc import Callable, Iterable
from typing import Any

from local.progress import Progress, usual_seconds_of
from local.terminal.client import Client, Told
from local.terminal.paint import Paint, clean
from local.terminal.parameters import parameters_of
from local.terminal.reach import place_of
from local.terminal.render import chains_lines, errors_of, run_lines, runs_lines
from local.terminal.waiting import Run, StillRunningError, Wait
from local.terminal.words import OF_STATUS, Exit, GaveUpError, Surroundings

_PAST_RUNS = 10  # whose durations say what is usual

Command = Callable[[argparse.Namespace, Surroundings], int]


def guarded(command: Command, told: argparse.Namespace, around: Surroundings) -> int:
    """The command's exit code; what it gives up with is said, for people or as JSON."""
    try:
        return command(told, around)
    except GaveUpError as error:
        as_json = getattr(told, "json", False) and error.problem is not None
        around.complain(json.dumps(error.problem) if as_json else clean(str(error)))
        return error.code
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:  # `| head` has seen enough
        return Exit.DONE


def run(told: argparse.Namespace, around: Surroundings) -> int:
    """Starts a chain; with --wait stays until its end."""
    if told.chain is None:
        around.complain(
            "`run` starts a chain: say which one (`python -m local chains` lists them).\n"
            "To host Baton on this machine: `python -m local serve`, or `make run`."
        )
        return Exit.USAGE
    parameters = parameters_of(told.param, told.params_file, around.input)
    return _begun(told, around, lambda client, key: client.start(told.chain, parameters, key))


def rerun(told: argparse.Namespace, around: Surroundings) -> int:
    """Runs an ended run again, as a new one."""
    return _begun(told, around, lambda client, key: client.rerun(told.run, told.begin, key))


def wait(told: argparse.Namespace, around: Surroundings) -> int:
    """Comes back to a run, and stays until its end."""
    client = _client(told, around)
    return _waited(told, around, client, client.run(told.run))


def show(told: argparse.Namespace, around: Surroundings) -> int:
    """One run, whole."""
    run = _client(told, around).run(told.run).body
    _give(told, around, run, run_lines(run, Paint.of(around.out, around.environment)))
    return Exit.DONE


def cancel(told: argparse.Namespace, around: Surroundings) -> int:
    """Stops a run. With --wait, DONE only when it has indeed ended as cancelled."""
    client = _client(told, around)
    answer = client.cancel(told.run)
    if not told.wait:
        _give(told, around, answer.body, [f"{told.run} is being cancelled."])
        return Exit.DONE
    code = _waited(told, around, client, answer)
    return {Exit.CANCELLED: Exit.DONE, Exit.DONE: Exit.FAILED}.get(Exit(code), code)


def runs(told: argparse.Namespace, around: Surroundings) -> int:
    """The newest runs."""
    query = {name: value for name, value in (("chain", told.chain), ("status", told.status)) if value}
    found = _client(told, around).runs(query, told.limit)
    _give(told, around, found, runs_lines(found, Paint.of(around.out, around.environment)))
    return Exit.DONE


def chains(told: argparse.Namespace, around: Surroundings) -> int:
    """What is declared."""
    found = _client(told, around).chains()
    _give(told, around, found, chains_lines(found, Paint.of(around.out, around.environment)))
    return Exit.DONE


def _client(told: argparse.Namespace, around: Surroundings) -> Client:
    return Client(place_of(told, around), around.session(), around.sleep)


def _begun(told: argparse.Namespace, around: Surroundings, begin: Callable[[Client, str], Told]) -> int:
    client = _client(told, around)
    key = told.idempotency_key or f"terminal-{secrets.token_hex(16)}"
    try:
        answer = begin(client, key)
    except (GaveUpError, KeyboardInterrupt) as error:
        if not isinstance(error, GaveUpError) or (error.code is Exit.UNREACHABLE and not error.surely_not):
            around.complain(
                f"It may have begun or not. Repeat it safely with --idempotency-key {shlex.quote(key)}"
            )
        raise
    if told.wait:
        return _waited(told, around, client, answer)
    started = answer.body
    if started["status"] != "running":
        return _ended(told, around, started)
    _give(told, around, started, [started["id"], f"  {_come_back(told, 'wait', started)}"])
    return Exit.DONE


def _waited(told: argparse.Namespace, around: Surroundings, client: Client, answer: Told) -> int:
    out = around.err if told.json else around.out
    run: Run = answer.body
    if not told.json:
        around.say(f"{run['id']}")
    live = Paint.of(out, around.environment).live
    progress = Progress(out, _usual(client, run) if live else {}, around.environment, around.now)
    waiting = Wait(client, around.elapsed_seconds, progress.show, live, told.timeout)
    try:
        over = waiting.until_over(run, answer.retry_after_seconds)
    except KeyboardInterrupt:
        around.complain(f"\nThe run goes on. Come back with: {_come_back(told, 'wait', run)}")
        around.complain(f"Stop it with: {_come_back(told, 'cancel', run)}")
        return Exit.INTERRUPTED
    except GaveUpError as error:
        if error.code in (Exit.STILL_RUNNING, Exit.UNREACHABLE):
            if told.json and isinstance(error, StillRunningError):
                _give(told, around, error.run, [])
            around.complain(f"{clean(str(error))}\nCome back with: {_come_back(told, 'wait', run)}")
            return error.code
        raise
    return _ended(told, around, over)


def _usual(client: Client, run: Run) -> dict[str, float]:
    """Nice to have: a Baton that does not list just now is waited for without bars."""
    try:
        return usual_seconds_of(client.runs({"chain": run["chain"], "status": "succeeded"}, _PAST_RUNS))
    except GaveUpError:
        return {}


def _ended(told: argparse.Namespace, around: Surroundings, run: Run) -> int:
    paint = Paint.of(around.out, around.environment)
    _give(told, around, run, [f"The run has {paint.status(run['status'])}."])
    if not told.json:
        for line in errors_of(run):
            around.complain(line)
    return OF_STATUS.get(run["status"], Exit.FAILED)


def _come_back(told: argparse.Namespace, command: str, run: Run) -> str:
    """The command line that reaches the same Baton; keys come from where they came from."""
    options = [f"--url {shlex.quote(told.url)}"] if told.url else []
    options += [f"--key-file {shlex.quote(str(told.key_file))}"] if told.key_file else []
    options += [f"--entra {shlex.quote(told.entra)}"] if told.entra else []
    return " ".join(["python -m local", command, run["id"], *options])


def _give(told: argparse.Namespace, around: Surroundings, body: Any, lines: Iterable[str]) -> None:
    """The result: JSON for scripts, else the lines."""
    if told.json:
        around.say(json.dumps(body, indent=2))
        return
    for line in lines:
        around.say(line)
