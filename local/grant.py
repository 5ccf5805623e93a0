"""`python -m local grant`: gives the app's identity what it needs where Bicep cannot: in workspaces.

Without --apply it only says what it would do. What is there is read first, so that it can be repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from local.workspace_members import Members
from shared.core.definition import Connection
from shared.core.errors import BatonError

ENOUGH = {"Contributor": ("Contributor", "Member", "Admin"), "Member": ("Member", "Admin")}
ROLES = tuple(ENOUGH)

# Switched on by a Fabric administrator, once for the tenant; no call of ours can tell whether they are.
TENANT_SETTINGS = (
    "Fabric admin portal > Tenant settings > Developer settings >",
    '  "Service principals can call Fabric public APIs" (earlier: "Service principals can use Fabric APIs", and',
    '  "Allow service principals to use Power BI APIs"), for a security group that holds the identity.',
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Who gets which role in workspaces, and whether this is for real."""

    principal: str
    role: str
    apply: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """One line for people; `ok` False when somebody has to do something about it."""

    line: str
    ok: bool = True


def grant_all(
    connections: Mapping[str, Connection], grant: Grant, members: Mapping[str, Members]
) -> Iterator[Outcome]:
    """What was done, or would be, at every place that a connection names. `members`: by connection type."""
    done: set[tuple[str, str]] = set()
    for connection in connections.values():
        place = (connection.type, connection.workspace or connection.factory or "")
        if place in done:
            continue
        credential = connection.credential
        if credential.type != "managed_identity" or credential.client_id is not None:
            yield Outcome(f"{connection.name}: uses a credential of its own, left alone")
            continue
        done.add(place)
        yield from _granted(connection, grant, members)


def _granted(connection: Connection, grant: Grant, members: Mapping[str, Members]) -> Iterator[Outcome]:
    listed = members.get(connection.type)
    if listed is not None:
        yield _in_workspace(connection, grant, listed)
        return
    advise = ADVICE.get(connection.type)
    if advise is None:
        yield Outcome(f"{connection.name}: nothing is known about rights at a {connection.type}", ok=False)
        return
    yield from (Outcome(f"{connection.name}: {line}") for line in advise(connection, grant))


def _in_workspace(connection: Connection, grant: Grant, members: Members) -> Outcome:
    workspace = connection.workspace or ""
    where = f"{connection.name}: {connection.type} workspace {workspace}"
    try:
        found = members.find(workspace, grant.principal)
        if found is not None and found.role in ENOUGH[grant.role]:
            return Outcome(f"{where}: is {found.role} already")
        told = f"{grant.role}" if found is None else f"{grant.role} in place of {found.role}"
        if not grant.apply:
            return Outcome(f"{where}: would become {told}")
        if found is None:
            members.add(workspace, grant.principal, grant.role)
        else:
            members.change(workspace, found, grant.role)
    except BatonError as error:
        return Outcome(f"{where}: {error.message}", ok=False)
    return Outcome(f"{where}: became {told}")


def _factory_advice(connection: Connection, grant: Grant) -> Iterator[str]:  # noqa: ARG001
    yield (
        f"factory {connection.factory} gets its role from infra/main.bicep: name it in factoryGroups"
        f" (resource group {connection.resource_group})"
    )


def _synapse_advice(connection: Connection, grant: Grant) -> Iterator[str]:
    """Synapse's roles are its own: assigned with its command line, by a Synapse Administrator."""
    common = (
        f"az synapse role assignment create --workspace-name {connection.workspace}"
        f" --assignee-object-id {grant.principal} --assignee-principal-type ServicePrincipal"
    )
    yield f'{common} --role "Synapse Monitoring Operator"'
    yield f'{common} --role "Synapse Compute Operator"'
    yield (f'{common} --role "Synapse Credential User" --item-type credentials --item WorkspaceSystemIdentity')


ADVICE: Mapping[str, Callable[[Connection, Grant], Iterator[str]]] = {
    "data_factory": _factory_advice,
    "synapse": _synapse_advice,
}
