"""What a chain follows: pipelines and items of its connections, with what runs need to be given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.chains_file.checks import MOST_SECONDS, check_templates, duration_seconds
from shared.chains_file.fabric import other_case
from shared.chains_file.mistakes import Mistakes, Path, nearest
from shared.chains_file.shape import ChainHeadShape, FollowShape
from shared.core.definition import Chain, Connection, Follow
from shared.core.templates import FOLLOW_NAMES
from shared.core.values import value_problem

SHORTEST_CATCH_UP = 300
_FIELDS = {"data_factory": ("pipeline",), "synapse": ("pipeline",), "fabric": ("item", "job_type")}


def check_follows(
    path: Path,
    head: ChainHeadShape,
    type_of: Mapping[str, str],
    connections: Mapping[str, Connection],
    mistakes: Mistakes,
) -> None:
    """Every follow names what there is, once, and gives the chain's parameters."""
    seen: dict[tuple[str, ...], int] = {}
    for index, follow in enumerate(head.follows):
        inner = (*path, "follows", index)
        kind = type_of.get(follow.connection)
        if kind is None:
            near = nearest(follow.connection, type_of)
            mistakes.add((*inner, "connection"), f"no connection {follow.connection!r}{near}")
        elif kind == "power_bi":
            text = (
                "refreshes of semantic models cannot be followed; follow the pipeline or item that writes the data"
            )
            mistakes.add((*inner, "connection"), text)
        elif kind in _FIELDS:  # otherwise the connection's own mistake has been told
            _check_fields(inner, follow, kind, mistakes)
        seconds = duration_seconds(follow.catch_up)
        if not SHORTEST_CATCH_UP <= seconds <= MOST_SECONDS:
            mistakes.add((*inner, "catch_up"), "must be at least 5m and at most 7d")
        _check_parameters(inner, follow, head, mistakes)
        named = _named(follow, connections)
        if named in seen:
            mistakes.add(inner, f"the same is followed already (follows[{seen[named]}]); one follow has one `on`")
        seen.setdefault(named, index)


def _named(follow: FollowShape, connections: Mapping[str, Connection]) -> tuple[str, ...]:
    """What is followed, whichever connection leads there."""
    there = connections.get(follow.connection)
    target = (follow.connection,) if there is None else _target(there)
    return (*target, *(str(part).casefold() for part in (follow.pipeline, follow.item, follow.job_type)))


def _check_fields(path: Path, follow: FollowShape, kind: str, mistakes: Mistakes) -> None:
    for field in ("pipeline", "item", "job_type"):
        told = getattr(follow, field)
        if field in _FIELDS[kind] and told is None:
            mistakes.add((*path, field), f"is required at a {kind} connection")
        if field not in _FIELDS[kind] and told is not None:
            has = ", ".join(_FIELDS[kind])
            mistakes.add((*path, field), f"a follow at a {kind} connection has no {field!r}; it has {has}")
    meant = other_case(follow.job_type) if kind == "fabric" and follow.job_type else None
    if meant is not None:
        mistakes.add((*path, "job_type"), f"Fabric reads it with its case; did you mean {meant!r}?")


def _check_parameters(path: Path, follow: FollowShape, head: ChainHeadShape, mistakes: Mistakes) -> None:
    for name, value in follow.parameters.items():
        if name not in head.parameters:
            near = nearest(name, head.parameters)
            mistakes.add((*path, "parameters", name), f"the chain has no parameter {name!r}{near}")
        problem = value_problem(value)
        if problem is not None:
            mistakes.add((*path, "parameters", name), problem)
    check_templates((*path, "parameters"), follow.parameters, (), (), mistakes, FOLLOW_NAMES)
    for name, parameter in head.parameters.items():
        required = parameter is None or "default" not in parameter.model_fields_set
        if required and name not in follow.parameters:
            text = f"must give {name!r}, which the chain requires: like {name}: '{{{{ job.parameters.{name} }}}}'"
            mistakes.add((*path, "parameters"), f"{text}; or give it a default")


def check_circles(chains: Mapping[str, Chain], mistakes: Mistakes) -> None:
    """With `own: true` a chain must not start what it follows, also not by way of others: that would never end."""
    after = {
        name: [other for other, one in chains.items() if any(_starts(one, follow) for follow in chain.follows)]
        for name, chain in chains.items()
    }
    for name in chains:
        way = _way_back(name, after)
        if way:
            text = f"with own: true, {' starts '.join(reversed(way))}, without end"
            mistakes.add(("chains", name, "follows"), text)
            return


def _starts(chain: Chain, follow: Follow) -> bool:
    """Whether the chain's jobs count for the follow."""
    wanted = follow.as_step()
    return follow.own and any(
        _target(step.connection) == _target(wanted.connection)
        and (step.pipeline or "").casefold() == (wanted.pipeline or "").casefold()
        and (step.item or "").casefold() == (wanted.item or "").casefold()
        for step in chain.steps
    )


def _target(connection: Connection) -> tuple[str, ...]:
    named = (connection.subscription, connection.resource_group, connection.factory, connection.workspace)
    return (connection.type, *((name or "").lower() for name in named))


def _way_back(name: str, after: Mapping[str, Sequence[str]]) -> list[str]:
    """The names from a chain over those that it follows back to itself; empty when there is no such way."""
    ways = [[name]]
    seen: set[str] = set()
    while ways:
        way = ways.pop()
        for before in after[way[-1]]:
            if before == name:
                return [*way, name]
            if before not in seen:
                seen.add(before)
                ways.append([*way, before])
    return []


def follows_of(head: ChainHeadShape, connections: Mapping[str, Connection]) -> tuple[Follow, ...]:
    """The definitions, of those whose connection is good."""
    return tuple(
        Follow(
            connection=connections[told.connection],
            pipeline=told.pipeline,
            item=told.item,
            job_type=told.job_type,
            on=told.on,
            own=told.own,
            catch_up_seconds=duration_seconds(told.catch_up),
            parameters=told.parameters,
        )
        for told in head.follows
        if told.connection in connections
    )
