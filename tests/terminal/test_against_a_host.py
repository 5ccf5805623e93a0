"""The terminal's commands against a host on loopback: what they do, show, and end with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from local.simulated_azure.world import SimulatedAzure
from local.terminal.words import Exit
from tests.end_to_end.conftest import HostProcess
from tests.end_to_end.host_process import KEY, ROOT
from tests.terminal.conftest import Terminal


class LosesAnswers(HTTPAdapter):
    """The first so many calls arrive, and their answers do not."""

    def __init__(self, lost: int) -> None:
        super().__init__()
        self.left = lost

    def send(self, request: requests.PreparedRequest, *more: Any, **options: Any) -> requests.Response:
        answer = super().send(request, *more, **options)
        if self.left:
            self.left -= 1
            raise requests.ConnectionError("the answer is lost")
        return answer


def test_a_run_that_is_waited_for_ends_with_zero_when_it_succeeded(terminal: Terminal) -> None:
    assert terminal.type("run", "sales-daily", "--param", "region=apac", "--wait", "--timeout", "10m") == Exit.DONE
    lines = terminal.shown.splitlines()
    assert lines[0].startswith("sales-daily.")
    assert any("load" in line and "running" in line for line in lines)
    assert lines[-1] == "The run has succeeded."
    assert "\x1b" not in terminal.shown
    assert terminal.complaints == ""


def test_parameters_arrive_as_text_or_as_json_as_they_were_said(terminal: Terminal) -> None:
    assert terminal.type("run", "sales-daily", "--param", "region=7", "--param", "rows:=[1, 2]", "--json") == 0
    assert terminal.json()["parameters"] == {"region": "7", "rows": [1, 2]}


def test_a_failed_run_ends_with_one_and_says_why_in_full_with_its_link(terminal: Terminal) -> None:
    assert terminal.type("run", "broken", "--wait", "--timeout", "10m") == Exit.FAILED
    assert "The disk is full." in terminal.complaints
    assert "https://adf.azure.com/" in terminal.complaints
    assert terminal.shown.endswith("The run has failed.\n")


def test_a_lost_answer_of_a_start_gives_one_run(
    terminal: Terminal, azure: SimulatedAzure, host: HostProcess
) -> None:
    before = azure.calls["data_factory.create_run"]
    terminal.adapter = LosesAnswers(2)
    assert terminal.type("run", "endless", "--json") == Exit.DONE
    run = terminal.json()
    assert azure.calls["data_factory.create_run"] - before == 1
    terminal.adapter = None
    assert terminal.type("runs", "--chain", "endless", "--json") == Exit.DONE
    assert [each["id"] for each in terminal.json()] == [run["id"]]
    assert terminal.type("cancel", run["id"], "--wait", "--timeout", "10m") == Exit.DONE
    assert terminal.type("wait", run["id"]) == Exit.CANCELLED


def test_the_same_key_gives_the_same_run(terminal: Terminal) -> None:
    ids = set()
    for _ in range(2):
        assert terminal.type("run", "sales-daily", "--idempotency-key", "monday", "--json") == Exit.DONE
        ids.add(terminal.json()["id"])
    assert len(ids) == 1


def test_waiting_that_times_out_says_that_the_run_goes_on_and_how_to_come_back(terminal: Terminal) -> None:
    assert terminal.type("run", "endless", "--wait", "--timeout", "9s", "--json") == Exit.STILL_RUNNING
    run = terminal.json()
    assert run["status"] == "running"
    assert f"python -m local wait {run['id']}" in terminal.complaints
    assert terminal.type("cancel", run["id"]) == Exit.DONE


def test_an_unknown_chain_is_refused_with_the_names_that_there_are(terminal: Terminal) -> None:
    assert terminal.type("run", "sales-dayly", "--wait") == Exit.REFUSED
    assert "sales-daily" in terminal.complaints
    assert terminal.shown == ""


def test_parameters_that_do_not_fit_are_told_one_a_line(terminal: Terminal) -> None:
    assert terminal.type("run", "sales-daily", "--param", "regoin=x", "--param", "other=y") == Exit.REFUSED
    lines = terminal.complaints.splitlines()
    assert [line.split(":")[0].strip() for line in lines[1:]] == ["parameters.regoin", "parameters.other"]
    assert terminal.type("run", "sales-daily", "--param", "regoin=x", "--json") == Exit.REFUSED
    assert '"errors": [{"path": "parameters.regoin"' in terminal.complaints


def test_runs_and_one_run_are_shown_for_people_and_for_scripts(terminal: Terminal) -> None:
    assert terminal.type("run", "broken", "--wait", "--timeout", "10m", "--json") == Exit.FAILED
    run = terminal.json()
    assert terminal.type("show", run["id"]) == Exit.DONE
    assert "The disk is full." in terminal.shown
    assert run["steps"][0]["job"]["link"] in terminal.shown
    assert terminal.type("show", run["id"], "--json") == Exit.DONE
    assert terminal.json() == run
    assert terminal.type("runs", "--status", "failed", "--limit", "1") == Exit.DONE
    heads, line = terminal.shown.splitlines()
    assert heads.split() == ["RUN", "STATUS", "STARTED", "TOOK", "BY", "WHY"]
    assert line.split()[:2] == [run["id"], "failed"]


def test_a_failed_run_is_run_again_as_a_new_one(terminal: Terminal) -> None:
    terminal.type("run", "broken", "--wait", "--timeout", "10m", "--json")
    failed = terminal.json()["id"]
    assert terminal.type("rerun", failed, "--from", "start", "--wait", "--timeout", "10m", "--json") == Exit.FAILED
    assert terminal.json()["rerun_of"] == failed
    assert terminal.type("rerun", failed, "--from", "nowhere") == Exit.REFUSED
    assert "nowhere" in terminal.complaints


def test_chains_are_listed_with_what_a_start_takes(terminal: Terminal) -> None:
    assert terminal.type("chains") == Exit.DONE
    assert any("sales-daily" in line and "region rows" in line for line in terminal.shown.splitlines())
    assert terminal.type("chains", "--json") == Exit.DONE
    assert {chain["name"] for chain in terminal.json()} == {"sales-daily", "broken", "endless"}


def test_a_wrong_key_is_refused_and_shown_nowhere(terminal: Terminal) -> None:
    terminal.environment["BATON_KEY"] = "hunter2"
    assert terminal.type("chains") == Exit.REFUSED
    assert "BATON_KEY" in terminal.complaints
    assert "hunter2" not in terminal.complaints + terminal.shown


# As `python -m local`, but also where tests run in the background, whose children do not hear Ctrl-C.
HEARING = """import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("local", run_name="__main__")
"""


def test_ctrl_c_while_waiting_leaves_the_run_alone_and_says_how_to_come_back(
    host: HostProcess, terminal: Terminal
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HEARING, "run", "endless", "--wait", "--url", host.url],
        cwd=ROOT,
        env={**os.environ, "BATON_KEY": KEY},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            run = process.stdout.readline().strip()
            assert "load" in process.stdout.readline()
            time.sleep(0.2)  # so that it is in its pause
            process.send_signal(signal.SIGINT)
            _, complaints = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == Exit.INTERRUPTED
    assert f"python -m local wait {run} --url {host.url}" in complaints
    assert terminal.type("show", run, "--json") == Exit.DONE
    assert terminal.json()["status"] == "running"
    terminal.type("cancel", run)
