"""`python -m local grant` against simulated workspaces: nothing without --apply, nothing twice."""

from __future__ import annotations

import argparse
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import requests

from local.grant import Grant, grant_all
from local.grant_command import add_command, members_of
from local.simulated_azure.adapter import SimulatedAdapter
from local.simulated_azure.faults import Fault
from local.simulated_azure.world import SimulatedAzure
from shared.core.definition import Connection, Credential
from shared.identity import Identity
from shared.settings import Settings, SettingsError
from tests.services.conftest import ADF, PBI, T0, WORKSPACE

APP = "aaaaaaaa-0000-0000-0000-000000000001"
LAKE = "0d9c1d0e-0000-0000-0000-000000000001"


class Login:
    """The developer's own."""

    def get_token(self, *scopes: str, **options: Any) -> Any:
        from azure.core.credentials import AccessToken

        expires = int((T0 + timedelta(hours=1)).timestamp())
        return AccessToken(f"{scopes[0].removesuffix('/.default')}|{expires}", expires)


@dataclass
class Office:
    """Workspaces with members, and what `grant` says about them."""

    azure: SimulatedAzure = field(
        default_factory=lambda: SimulatedAzure(clock=lambda: T0, random=random.Random(1))
    )

    def __post_init__(self) -> None:
        self.users = {f"someone-{n}": "Viewer" for n in range(3)}
        self.roles = dict(self.users)
        self.azure.group_users.roster.workspaces[WORKSPACE] = self.users
        self.azure.role_assignments.roster.workspaces[LAKE] = self.roles
        session = requests.Session()
        session.mount("https://", SimulatedAdapter(self.azure))
        settings = Settings.from_mapping({"AzureWebJobsStorage": "sqlite::memory:"})
        self.members = members_of(settings, Identity(Login(), "a test's login"), session)

    def grant(
        self, connections: Mapping[str, Connection], *, apply: bool = True, role: str = "Contributor"
    ) -> list[tuple[str, bool]]:
        asked = Grant(principal=APP, role=role, apply=apply)
        return [(told.line, told.ok) for told in grant_all(connections, asked, self.members)]


@pytest.fixture
def office() -> Office:
    return Office()


def lake() -> dict[str, Connection]:
    fields: Any = {"name": "lake", "type": "fabric", "workspace": LAKE}
    return {"lake": Connection(**fields)}


def test_without_apply_nothing_is_changed(office: Office) -> None:
    told = office.grant({"pbi": PBI, **lake()}, apply=False)
    assert [("would become Contributor" in line, ok) for line, ok in told] == [(True, True)] * 2
    assert APP not in office.users
    assert APP not in office.roles


def test_the_identity_becomes_contributor_in_power_bi_and_fabric(office: Office) -> None:
    told = office.grant({"pbi": PBI, **lake()})
    assert [("became Contributor" in line, ok) for line, ok in told] == [(True, True)] * 2
    assert (office.users[APP], office.roles[APP]) == ("Contributor", "Contributor")


@pytest.mark.parametrize("role", ["Contributor", "Member", "Admin"])
def test_who_is_there_already_is_left_alone_also_on_a_later_page(office: Office, role: str) -> None:
    office.users[APP] = office.roles[APP] = role
    told = office.grant({"pbi": PBI, **lake()})
    assert all(ok and f"is {role} already" in line for line, ok in told)
    assert not {name for name in office.azure.calls if "add" in name or "update" in name}


def test_a_viewer_is_raised(office: Office) -> None:
    office.users[APP] = office.roles[APP] = "Viewer"
    assert all("Contributor in place of Viewer" in line for line, _ in office.grant({"pbi": PBI, **lake()}))
    assert (office.users[APP], office.roles[APP]) == ("Contributor", "Contributor")


def test_a_contributor_is_not_enough_where_member_is_asked_for(office: Office) -> None:
    office.roles[APP] = "Contributor"
    office.grant(lake(), role="Member")
    assert office.roles[APP] == "Member"


def test_several_connections_to_one_workspace_are_one(office: Office) -> None:
    other = Connection(name="other", type="power_bi", workspace=WORKSPACE)
    assert len(office.grant({"pbi": PBI, "other": other})) == 1


def test_a_connection_with_a_credential_of_its_own_is_left_alone(office: Office) -> None:
    own = Connection(
        name="pbi",
        type="power_bi",
        workspace=WORKSPACE,
        credential=Credential(type="client_secret", client_id="c"),
    )
    ((line, ok),) = office.grant({"pbi": own})
    assert ok
    assert "left alone" in line
    assert APP not in office.users


def test_a_refusal_says_what_the_caller_needs_and_the_rest_goes_on(office: Office) -> None:
    office.azure.group_users.roster.locked.add(WORKSPACE)
    (refused, not_ok), (done, ok) = office.grant({"pbi": PBI, **lake()})
    assert not not_ok
    assert "HTTP 403" in refused
    assert "administrator of the workspace" in refused
    assert ok
    assert "became Contributor" in done


def test_a_workspace_that_does_not_exist_is_said(office: Office) -> None:
    nowhere = Connection(name="pbi", type="power_bi", workspace="11111111-0000-0000-0000-000000000000")
    ((line, ok),) = office.grant({"pbi": nowhere})
    assert not ok
    assert "PowerBIEntityNotFound" in line


def test_a_lost_answer_is_said_and_repeating_it_finds_it_done(office: Office) -> None:
    office.azure.faults.on.append(Fault("power_bi.add_group_users", when="after", lost=True, times=1))
    ((_, ok),) = office.grant({"pbi": PBI})
    assert not ok
    ((line, ok),) = office.grant({"pbi": PBI})
    assert ok
    assert "already" in line


def test_a_factory_is_left_to_bicep_and_synapse_to_its_command_line(office: Office) -> None:
    fields: Any = {"name": "syn", "type": "synapse", "workspace": "syn-finance"}
    told = office.grant({"adf": ADF, "syn": Connection(**fields)})
    assert "factoryGroups" in told[0][0]
    commands = [line for line, _ in told[1:]]
    assert all(f"--assignee-object-id {APP}" in line and "syn-finance" in line for line in commands)
    assert [line.split('--role "')[1].split('"')[0] for line in commands] == [
        "Synapse Monitoring Operator",
        "Synapse Compute Operator",
        "Synapse Credential User",
    ]
    assert not office.azure.calls


def test_a_login_goes_to_https_only() -> None:
    with pytest.raises(SettingsError, match="https://"):
        Settings.from_mapping(
            {"AzureWebJobsStorage": "sqlite::memory:", "FABRIC_ENDPOINT": "http://api.fabric.example"}
        )


def test_an_identity_must_be_an_object_id(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_command(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(["--identity", "func-baton-dev"])
    assert "no object id" in capsys.readouterr().err
    assert not parser.parse_args(["--identity", APP]).apply
