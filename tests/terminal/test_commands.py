"""Which Baton is called and with what; how long is waited; what a terminal sees. No host, no sleeping."""

from __future__ import annotations

import argparse
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from local.configuration import announced, local_address, local_keys
from local.host.errors import SetupError
from local.terminal.parser import add_terminal
from local.terminal.words import Exit
from tests.end_to_end.host_process import ROOT
from tests.terminal.conftest import Screen, Scripted, Terminal

Answer = tuple[int, Any, dict[str, str]]
Make = Callable[..., Terminal]
LOST = requests.ConnectionError("Read timed out")
REFUSED = requests.ConnectionError("[Errno 111] Connection refused")


def run(status: str, **more: Any) -> dict[str, Any]:
    step = {
        "name": "load", "status": status, "connection": "adf", "attempt": 1, "output": None, "error": None,
        "job": {"id": "j", "status": "InProgress", "link": "https://adf.azure.com/x"}, "continues": None,
        "started_at": "2026-11-21T05:30:00.000Z",
        "finished_at": None if status == "running" else "2026-11-21T05:30:40.000Z",
    }  # fmt: skip
    return {
        "id": "c.20261121T053000000Z.aaaaaaaa", "chain": "c", "status": status, "rerun_of": None, "error": None,
        "trigger": {"type": "http", "time": "2026-11-21T05:30:00.000Z"}, "parameters": {}, "trouble": None,
        "created_at": "2026-11-21T05:30:00.000Z", "finished_at": step["finished_at"], "cancel_requested_at": None,
        "steps": [step], **more,
    }  # fmt: skip


def answered(status: str, **headers: str) -> tuple[int, Any, dict[str, str]]:
    return 200, run(status), {name.replace("_", "-"): value for name, value in headers.items()}


STARTED = (202, run("running"), {"Retry-After": "5"})
PROBLEM = {"Content-Type": "application/problem+json"}


def asked(terminal: Terminal) -> list[requests.PreparedRequest]:
    assert isinstance(terminal.adapter, Scripted)
    return terminal.adapter.asked


def slept(terminal: Terminal) -> list[float]:
    assert terminal.clock is not None
    return terminal.clock.slept


def test_without_a_url_the_host_of_this_machine_is_called_with_its_key(scripted: Make) -> None:
    terminal = scripted((200, {"chains": []}, {}))
    terminal.environment.clear()
    with announced(terminal.root, 7123):
        assert terminal.type("chains") == Exit.DONE
    assert terminal.type("chains") == Exit.DONE
    urls = [request.url for request in asked(terminal)]
    assert urls == ["http://127.0.0.1:7123/api/chains", "http://127.0.0.1:7071/api/chains"]
    assert asked(terminal)[0].headers["x-functions-key"] == local_keys(terminal.root).function


def test_a_host_that_cannot_run_does_not_hide_the_one_that_does(tmp_path: Path) -> None:
    with announced(tmp_path, 7123):
        with pytest.raises(SetupError), announced(tmp_path, 7123):
            raise SetupError(["port 7123 is taken"])
        assert local_address(tmp_path) == "http://127.0.0.1:7123"
    assert local_address(tmp_path) == "http://127.0.0.1:7071"


def test_the_key_of_this_machine_goes_nowhere_else(scripted: Make) -> None:
    terminal = scripted((200, {"chains": []}, {}))
    terminal.environment.clear()
    local_keys(terminal.root)
    assert terminal.type("chains", "--url", "baton.azurewebsites.net") == Exit.USAGE
    assert "BATON_KEY" in terminal.complaints
    assert asked(terminal) == []


def test_a_key_comes_from_a_file_or_from_a_prompt(scripted: Make, tmp_path: Path) -> None:
    terminal = scripted((200, {"chains": []}, {}), input=Screen(), typed="typed-key\n")
    terminal.environment.clear()
    (tmp_path / "key").write_text("file-key\n")
    assert terminal.type("chains", "--url", "https://b.example/api/", "--key-file", str(tmp_path / "key")) == 0
    assert terminal.type("chains", "--url", "https://b.example") == Exit.DONE
    assert [request.headers["x-functions-key"] for request in asked(terminal)] == ["file-key", "typed-key"]
    assert {request.url for request in asked(terminal)} == {"https://b.example/api/chains"}


def test_a_token_of_ones_own_login_goes_along(scripted: Make) -> None:
    terminal = scripted((200, {"chains": []}, {}))
    terminal.environment = {"BATON_URL": "https://b.example", "BATON_SCOPE": "api://x/.default"}
    assert terminal.type("chains") == Exit.DONE
    assert asked(terminal)[0].headers["Authorization"] == "Bearer token for api://x/.default"
    assert "x-functions-key" not in asked(terminal)[0].headers


@pytest.mark.parametrize(
    "url", ["http://b.example", "ftp://b.example", "https://b.example/elsewhere", "https://u@b.example", ""]
)
def test_an_address_that_would_betray_the_key_or_is_none_is_refused(scripted: Make, url: str) -> None:
    terminal = scripted((200, {"chains": []}, {}))
    terminal.environment["BATON_URL"] = url or "https://"
    assert terminal.type("chains") == Exit.USAGE
    assert asked(terminal) == []


def test_a_start_is_repeated_with_one_key_until_it_is_answered(scripted: Make) -> None:
    terminal = scripted(LOST, (502, b"bad gateway", {"Content-Type": "text/html"}), STARTED)
    assert terminal.type("run", "c") == Exit.DONE
    keys = [request.headers["Idempotency-Key"] for request in asked(terminal)]
    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert slept(terminal) == [1, 2]


def test_a_start_without_any_answer_says_how_to_repeat_it_safely(scripted: Make) -> None:
    terminal = scripted(LOST)
    assert terminal.type("run", "c") == Exit.UNREACHABLE
    key = asked(terminal)[0].headers["Idempotency-Key"]
    assert f"--idempotency-key {key}" in terminal.complaints


def test_where_no_host_runs_nothing_is_repeated(scripted: Make) -> None:
    terminal = scripted(REFUSED)
    assert terminal.type("run", "c") == Exit.UNREACHABLE
    assert "python -m local serve" in terminal.complaints
    assert "--idempotency-key" not in terminal.complaints
    assert (len(asked(terminal)), slept(terminal)) == (1, [])


def test_a_cancel_is_not_repeated(scripted: Make) -> None:
    terminal = scripted(LOST)
    assert terminal.type("cancel", "c.x") == Exit.UNREACHABLE
    assert len(asked(terminal)) == 1


def test_a_start_that_is_one_too_many_is_refused_at_once(scripted: Make) -> None:
    terminal = scripted((429, {"detail": "500 runs wait."}, {**PROBLEM, "Retry-After": "60"}))
    assert terminal.type("run", "c") == Exit.REFUSED
    assert (terminal.complaints, slept(terminal)) == ("500 runs wait.\n", [])


def test_reading_waits_as_long_as_it_is_told(scripted: Make) -> None:
    busy = (429, {"detail": "busy"}, {**PROBLEM, "Retry-After": "7"})
    terminal = scripted(busy, (200, {"chains": []}, {}))
    assert terminal.type("chains") == Exit.DONE
    assert slept(terminal) == [7]


def test_waiting_keeps_batons_pace(scripted: Make) -> None:
    terminal = scripted(STARTED, answered("running", Retry_After="11"), answered("running"), answered("succeeded"))
    assert terminal.type("run", "c", "--wait") == Exit.DONE
    assert slept(terminal) == [5, 11, 5]


def test_waiting_ends_at_its_timeout_and_not_before(scripted: Make) -> None:
    terminal = scripted(STARTED, answered("running", Retry_After="60"))
    assert terminal.type("run", "c", "--wait", "--timeout", "2m") == Exit.STILL_RUNNING
    assert sum(slept(terminal)) == 120
    assert asked(terminal)[-1].method == "GET"


def test_waiting_outlives_a_restart_of_baton(scripted: Make) -> None:
    terminal = scripted(STARTED, *[REFUSED] * 20, answered("succeeded"))
    assert terminal.type("run", "c", "--wait") == Exit.DONE


def test_waiting_ends_when_baton_stays_away(scripted: Make) -> None:
    terminal = scripted(STARTED, REFUSED)
    assert terminal.type("run", "c", "--wait") == Exit.UNREACHABLE
    assert "python -m local wait c.20261121T053000000Z.aaaaaaaa" in terminal.complaints
    assert 600 < sum(slept(terminal)) < 700


@pytest.mark.parametrize(
    ("status", "code"), [("succeeded", Exit.DONE), ("failed", Exit.FAILED), ("cancelled", Exit.CANCELLED)]
)
def test_the_exit_code_tells_how_the_run_ended(scripted: Make, status: str, code: Exit) -> None:
    terminal = scripted(STARTED, answered(status))
    assert terminal.type("run", "c", "--wait") == code


@pytest.mark.parametrize(("status", "code"), [("succeeded", Exit.FAILED), ("cancelled", Exit.DONE)])
def test_a_cancel_that_is_waited_for_tells_whether_it_came_in_time(
    scripted: Make, status: str, code: Exit
) -> None:
    assert scripted(STARTED, answered(status)).type("cancel", "c.x", "--wait") == code


def test_a_start_that_fails_at_once_ends_with_one_without_waiting(scripted: Make) -> None:
    error = {"code": "not_found", "message": "There is no pipeline 'x'."}
    terminal = scripted((202, run("failed", error=error), {}))
    assert terminal.type("run", "c") == Exit.FAILED
    assert "There is no pipeline 'x'." in terminal.complaints


def test_a_terminal_sees_bars_of_what_is_usual(scripted: Make) -> None:
    past: Answer = (200, {"runs": [run("succeeded")], "cursor": None}, {})
    terminal = scripted(STARTED, past, answered("running", Retry_After="10"), answered("succeeded"), out=Screen())
    assert terminal.type("run", "c", "--wait") == Exit.DONE
    assert "████············ 10 s of about 40 s" in terminal.shown
    assert "\x1b[32m" in terminal.shown


@pytest.mark.parametrize(
    ("environment", "colours", "moves"),
    [({}, True, True), ({"NO_COLOR": "1"}, False, True), ({"TERM": "dumb"}, False, False)],
)
def test_colours_and_redrawing_are_for_terminals_that_want_them(
    scripted: Make, environment: dict[str, str], colours: bool, moves: bool
) -> None:
    over: Answer = (200, run("succeeded", runs=[], cursor=None), {})
    terminal = scripted(STARTED, over, out=Screen())
    terminal.environment |= environment
    assert terminal.type("run", "c", "--wait") == Exit.DONE
    assert ("\x1b[36m" in terminal.shown, "\x1b[2K" in terminal.shown) == (colours, moves)


def test_nothing_that_a_service_says_steers_the_terminal(scripted: Make) -> None:
    error = {"code": "job_failed", "message": "\x1b]0;owned\x07 red \x1b[31m"}
    terminal = scripted((200, run("failed", error=error), {}))
    assert terminal.type("show", "c.x") == Exit.DONE
    assert "owned" in terminal.shown
    assert "\x1b" not in terminal.shown


def test_a_log_sees_a_line_for_each_change_and_no_colours(scripted: Make) -> None:
    terminal = scripted(STARTED, answered("running"), answered("running"), answered("succeeded"))
    assert terminal.type("run", "c", "--wait") == Exit.DONE
    assert len(terminal.shown.splitlines()) == 4
    assert "\x1b" not in terminal.shown


def test_with_json_the_output_is_one_document_and_progress_is_beside_it(scripted: Make) -> None:
    terminal = scripted(STARTED, answered("succeeded"))
    assert terminal.type("run", "c", "--wait", "--json") == Exit.DONE
    assert terminal.json()["status"] == "succeeded"
    assert "load" in terminal.complaints


def test_parameters_come_from_a_file_and_from_the_line_which_wins(scripted: Make, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text('{"a": 1, "b": [true]}')
    terminal = scripted(STARTED)
    said = ("run", "c", "--params-file", str(tmp_path / "p.json"), "--param", "a=x=y", "--param", "n:=null")
    assert terminal.type(*said) == Exit.DONE
    assert json.loads(asked(terminal)[0].body or "") == {"parameters": {"a": "x=y", "b": [True], "n": None}}
    terminal.input = io.StringIO('{"a": 2}')
    assert terminal.type("run", "c", "--params-file", "-") == Exit.DONE
    assert json.loads(asked(terminal)[1].body or "") == {"parameters": {"a": 2}}


def test_all_wrong_parameters_are_named_at_once(scripted: Make, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text("[1]")
    terminal = scripted(STARTED)
    said = ["--param", "a", "--param", "b:=[", "--param", "c=1", "--param", "c=2"]
    assert terminal.type("run", "c", "--params-file", str(tmp_path / "p.json"), *said) == Exit.USAGE
    assert len(terminal.complaints.splitlines()) == 4
    assert asked(terminal) == []


def test_run_without_a_chain_says_where_hosting_has_gone(scripted: Make) -> None:
    terminal = scripted(STARTED)
    for words in (["run"], ["run", "--port", "7071"]):
        assert terminal.type(*words) == Exit.USAGE
        assert "python -m local serve" in terminal.complaints
    assert asked(terminal) == []


def test_lists_go_on_over_pages_until_there_are_enough(scripted: Make) -> None:
    full: Answer = (200, {"runs": [run("succeeded")] * 100, "cursor": "r.1"}, {})
    terminal = scripted(full, (200, {"runs": [run("failed")] * 20, "cursor": "r.2"}, {}))
    assert terminal.type("runs", "--limit", "120", "--json") == Exit.DONE
    assert len(terminal.json()) == 120
    assert ["limit=100" in (asked(terminal)[0].url or ""), "limit=20" in (asked(terminal)[1].url or "")] == [
        True
    ] * 2
    assert "cursor=r.1" in (asked(terminal)[1].url or "")


@pytest.mark.parametrize("timeout", ["", "5", "m", "1w", "-1s", "²s"])
def test_a_timeout_must_be_a_duration(scripted: Make, timeout: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        scripted(STARTED).type("run", "c", "--wait", "--timeout", timeout)
    assert ended.value.code == Exit.USAGE
    assert "--timeout" in capsys.readouterr().err


def test_the_page_has_every_command_option_and_exit_code() -> None:
    page = (ROOT / "docs" / "terminal.md").read_text()
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    add_terminal(commands, lambda: pytest.fail("nothing is run"))
    for name, command in commands.choices.items():
        assert f"`{name}" in page
        options = re.findall(r"--[a-z-]+", command.format_help())
        assert all(option in page for option in options if option != "--help"), name
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)} == set(Exit)
