"""`python -m local`: Baton on this machine."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

from local.configuration import DEFAULT_PORT
from local.terminal.parser import add_terminal, surroundings

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: list[str] | None = None) -> int:
    """The process's exit code."""
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    demo = commands.add_parser("demo", help="run the sample chain against a simulated Azure")
    demo.add_argument("--port", type=int, default=DEFAULT_PORT, help="another one is taken where it is in use")
    demo.set_defaults(act=_demo)
    serve = commands.add_parser("serve", help="host your chains here, against real Azure")
    serve.add_argument("--port", type=int, default=DEFAULT_PORT)
    serve.set_defaults(act=_serve)
    add_terminal(commands, lambda: surroundings(ROOT))
    key = commands.add_parser("key", help="print the key that callers of `serve` need")
    key.add_argument("--dashboard", action="store_true", help="the one that opens the dashboard")
    key.set_defaults(act=_key)
    check = commands.add_parser("check", help="check the chains file, and what it needs of Azure")
    check.add_argument("--online", action="store_true", help="ask every connection too; nothing is started")
    check.set_defaults(act=_check)
    login = commands.add_parser("login", help="sign in for a credential of type refresh_token")
    login.add_argument("credential", help="its name in the chains file")
    login.add_argument("--browser", action="store_true", help="with this machine's browser, not a device code")
    login.set_defaults(act=_login)
    _add_grant(commands.add_parser("grant", help="give the app's identity its place in workspaces"))
    told = parser.parse_args(arguments)
    act: Callable[[argparse.Namespace], int] = told.act
    return act(told)


def _demo(told: argparse.Namespace) -> int:
    from local.demo import demo

    return demo(ROOT, told.port)


def _serve(told: argparse.Namespace) -> int:
    from local.check_command import report_file
    from local.configuration import ConfigurationError, announced, app_settings, dashboard_key, local_keys
    from local.host.cli import run_host
    from local.host.errors import SetupError
    from shared.app import open_storage
    from shared.settings import Settings, SettingsError

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(message)s")
    logging.getLogger("azure").setLevel(logging.WARNING)
    try:
        mapping = app_settings(ROOT, os.environ)
        if report_file(mapping, ROOT):
            return 1
        keys = local_keys(ROOT)
        mapping["DASHBOARD_KEY"] = mapping.get("DASHBOARD_KEY", "") or dashboard_key(ROOT)
        print(f"Baton listens on http://127.0.0.1:{told.port}/api; its keys are in .baton/keys.json:")
        print(f'  curl -H "x-functions-key: $(python -m local key)" http://127.0.0.1:{told.port}/api/health')
        storage = open_storage(Settings.from_mapping(mapping))
        with announced(ROOT, told.port):
            run_host(ROOT, storage=storage, settings=mapping, port=told.port, keys=keys)
    except (ConfigurationError, SettingsError, SetupError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _key(told: argparse.Namespace) -> int:
    from local.configuration import ConfigurationError, app_settings, dashboard_key, local_keys

    try:
        set_by_hand = told.dashboard and app_settings(ROOT, os.environ).get("DASHBOARD_KEY")
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 1
    print(set_by_hand or (dashboard_key(ROOT) if told.dashboard else local_keys(ROOT).function))
    return 0


def _check(told: argparse.Namespace) -> int:
    from local.check_command import check_command

    return check_command(ROOT, os.environ, online=told.online)


def _login(told: argparse.Namespace) -> int:
    import requests

    from local.configuration import ConfigurationError, app_settings
    from local.login import login
    from shared.chains_file import ChainsFileError, read
    from shared.identity import Identities
    from shared.settings import Settings, SettingsError

    try:
        mapping = app_settings(ROOT, os.environ)
        settings = Settings.from_mapping(mapping)
        file = read(ROOT / settings.chains_file, mapping)
    except (ConfigurationError, SettingsError, ChainsFileError) as error:
        print(error, file=sys.stderr)
        return 1
    identities = Identities(settings, requests.Session())
    return login(told.credential, file, settings, identities, browser=told.browser)


def _add_grant(parser: argparse.ArgumentParser) -> None:
    from local.grant_command import add_command, grant_command

    add_command(parser)
    parser.set_defaults(act=lambda told: grant_command(told, ROOT))


if __name__ == "__main__":
    sys.exit(main())
