"""`python -m local login`: a person signs in once, through msal, and nobody ever sees the refresh token."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import requests

from local.login import DONE, FAILED, MISUSED, login
from local.simulated_azure.faults import Fault
from shared.chains_file import parse
from tests.services.identity_world import ADDRESS, ANALYST, CLIENT, SCOPE, TENANT, Host, World

ROOT = Path(__file__).resolve().parent.parent.parent
FILE = f"""
connections:
  reporting: {{type: power_bi, workspace: 5f0f6c64-0000-0000-0000-000000000002, credential: analyst}}
credentials:
  analyst: {{type: refresh_token, tenant: {TENANT}, client_id: {CLIENT}, secret: "{ADDRESS}"}}
  web: {{type: refresh_token, tenant: {TENANT}, client_id: {CLIENT}, secret: "{ADDRESS}", client_secret: "%WEB%"}}
  ci: {{type: client_secret, tenant: {TENANT}, client_id: {CLIENT}, client_secret: "%WEB%"}}
chains:
  c: {{steps: {{s: {{connection: reporting, dataset: 22222222-0000-0000-0000-000000000002}}}}}}
"""
WEB_SECRET = "a web application's secret"


@pytest.fixture
def world() -> World:
    made = World()
    made.entra.poll_seconds = 0  # msal waits that long between two looks
    return made


def run(world: World, name: str, *, host: Host | None = None, **options: Any) -> tuple[int, str]:
    """The exit code, and all that was said."""
    said: list[str] = []
    host = host or world.host(WEB=WEB_SECRET)
    settings = host.settings
    file = parse(FILE, settings.app_settings)
    code = login(name, file, settings, host, **{"browser": False, "say": said.append, **options})
    text = "\n".join(said)
    assert "simulated-refresh-token" not in text
    assert WEB_SECRET not in text
    return code, text


def browse(address: str, world: World) -> None:
    """A person's browser: it goes to Entra, signs in, and sends the form that leads back."""

    def go() -> None:
        with requests.Session() as browser:
            browser.trust_env = False
            page = world.host().session.get(address).text
            action = re.findall('action="([^"]+)"', page)[0]
            browser.post(action, data=dict(re.findall('name="([^"]+)" value="([^"]+)"', page)), timeout=10)

    threading.Thread(target=go, daemon=True).start()


def test_a_device_code_signs_a_person_in_and_the_chain_can_run(world: World) -> None:
    code, said = run(world, "analyst")
    assert code == DONE
    assert "enter the code" in said
    assert f"Signed in as ada@example.com. The refresh token is in {ADDRESS}" in said
    assert world.azure.calls["identity.token"] == 2, "it was pending once"
    assert world.host().of(ANALYST).bearer(SCOPE)


def test_a_browser_signs_a_person_in_with_proof_of_the_same_client(world: World) -> None:
    code, said = run(world, "analyst", browser=True, open_browser=lambda address: browse(address, world))
    assert (code, "Signed in as ada@example.com" in said) == (DONE, True)
    assert world.host().of(ANALYST).bearer(SCOPE)


def test_a_web_application_signs_in_with_the_browser_only(world: World) -> None:
    world.application.client_secret = WEB_SECRET
    code, said = run(world, "web")
    assert (code, "with --browser only" in said) == (MISUSED, True)
    code, _ = run(world, "web", browser=True, open_browser=lambda address: browse(address, world))
    assert code == DONE


def test_a_new_sign_in_takes_over_from_one_that_is_over(world: World) -> None:
    assert run(world, "analyst")[0] == DONE
    host = world.host()
    assert host.of(ANALYST).bearer(SCOPE)
    world.entra.sign_ins[0].over = 50173
    world.wait(hours=1)
    assert run(world, "analyst")[0] == DONE
    assert host.of(ANALYST).bearer(SCOPE)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nobody", "no credential 'nobody'. Of type refresh_token there are: analyst, web"),
        ("ci", "is of type client_secret"),
    ],
)
def test_what_needs_no_sign_in_is_told(world: World, name: str, words: str) -> None:
    code, said = run(world, name)
    assert code == MISUSED
    assert words in said


def test_nobody_signs_in_for_nothing_when_key_vault_cannot_be_read(world: World) -> None:
    world.vault.may_read = False
    code, said = run(world, "analyst")
    assert code == FAILED
    assert "Key Vault Secrets User" in said
    assert "enter the code" not in said


def test_a_token_that_cannot_be_saved_is_told_with_the_role(world: World) -> None:
    world.vault.may_write = False
    code, said = run(world, "analyst")
    assert (code, "Key Vault Secrets Officer" in said) == (FAILED, True)


def test_who_declines_is_not_signed_in(world: World) -> None:
    world.entra.declines = True
    code, said = run(world, "analyst")
    assert (code, "denied the request" in said) == (FAILED, True)
    code, said = run(world, "analyst", browser=True, open_browser=lambda address: browse(address, world))
    assert (code, "User declined" in said) == (FAILED, True)


def test_trouble_at_entra_ends_the_sign_in_with_words(world: World) -> None:
    world.azure.faults.on.append(Fault("identity.*", lost=True))
    code, said = run(world, "analyst")
    assert (code, "No answer when asking for a token" in said) == (FAILED, True)


def test_the_command_reads_the_chains_file_and_answers_with_its_exit_code() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "local", "login", "analyst"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"SUBSCRIPTION_ID": "00000000-0000-0000-0000-00000000ba70", "PATH": ""},
    )
    assert done.returncode == MISUSED
    assert "no credential 'analyst'" in done.stderr + done.stdout
