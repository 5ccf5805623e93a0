"""The command line of `grant`: reads the chains file, takes the developer's own login, prints what happens."""

from __future__ import annotations

import argparse
import logging
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import requests

from local.configuration import ConfigurationError, app_settings
from local.grant import ROLES, TENANT_SETTINGS, Grant, grant_all
from local.workspace_members import Api, FabricMembers, Members, PowerBiMembers
from shared.chains_file import ChainsFileError, read
from shared.core.definition import Credential
from shared.identity import Identities, Identity
from shared.settings import Settings, SettingsError

_GUID = re.compile(r"[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")


def add_command(parser: argparse.ArgumentParser) -> None:
    """The arguments of `grant`."""
    parser.add_argument("--identity", required=True, type=_guid, metavar="OBJECT_ID", help=_IDENTITY_HELP)
    parser.add_argument(
        "--role", choices=ROLES, default=ROLES[0], help="Fabric dataflows and dbt jobs need Member"
    )
    parser.add_argument("--apply", action="store_true", help="do it; without it, only say what would be done")


_IDENTITY_HELP = "object id of the app's identity: `azd env get-value BATON_IDENTITY_OBJECT_ID`"


def grant_command(told: argparse.Namespace, root: Path) -> int:
    """0 when all that could be done was done, or would be."""
    logging.getLogger("azure").setLevel(logging.CRITICAL)  # what fails is said once, with its place
    try:
        mapping = app_settings(root, os.environ)
        settings = Settings.from_mapping(mapping)
        file = read(root / settings.chains_file, mapping)
        login = Identities(settings).of(Credential(type="developer"))
        members = members_of(settings, login, requests.Session())
    except (ConfigurationError, SettingsError, ChainsFileError) as error:
        print(error, file=sys.stderr)
        return 1
    grant = Grant(principal=told.identity, role=told.role, apply=told.apply)
    failed = False
    for outcome in grant_all(file.connections, grant, members):
        print(outcome.line, file=sys.stdout if outcome.ok else sys.stderr)
        failed = failed or not outcome.ok
    if {connection.type for connection in file.connections.values()} & members.keys():
        print("\nAn administrator must also have switched on:", *TENANT_SETTINGS, sep="\n")
    if not told.apply:
        print("\nNothing was changed. Repeat it with --apply.")
    return 1 if failed else 0


def members_of(settings: Settings, login: Identity, session: requests.Session) -> Mapping[str, Members]:
    """For every type of connection whose members can be changed: how. A new type is one line here."""
    return {
        "power_bi": PowerBiMembers(_api(settings.power_bi_endpoint, settings.power_bi_scope, login, session)),
        "fabric": FabricMembers(_api(settings.fabric_endpoint, settings.fabric_scope, login, session)),
    }


def _api(endpoint: str, scope: str, login: Identity, session: requests.Session) -> Api:
    return Api(endpoint=endpoint, bearer=lambda: login.bearer(scope), session=session)


def _guid(text: str) -> str:
    if not _GUID.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no object id (a GUID)")
    return text
