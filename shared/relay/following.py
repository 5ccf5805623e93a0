"""The timer's part of follows: every followed place has its row, and a message to be looked at when it is due."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from shared.core.definition import Chain, Follow
from shared.core.follows import declared
from shared.ports import Place
from shared.relay.messages import FollowMessage, to_body
from shared.relay.world import World
from shared.store.follows import FollowedPlace, HeldPlace
from shared.store.places import place_key

SOON = timedelta(seconds=5)  # ticks do not come to the second


@dataclass(frozen=True, slots=True)
class Declared:
    """A chain's follow, and the place that has its jobs."""

    chain: Chain
    follow: Follow
    place: Place

    @property
    def key(self) -> str:
        """Stands for the follow at its place."""
        return f"{self.chain.name} {self.follow.what}"


@dataclass(frozen=True, slots=True)
class Tended:
    """A place that chains follow, or lately did: what is declared, and what is stored."""

    key: str
    follows: Sequence[Declared]
    held: HeldPlace | None


def declared_at(world: World, chains: Sequence[Chain]) -> Mapping[str, list[Declared]]:
    """All follows, by the key of their place."""
    found: dict[str, list[Declared]] = {}
    for chain in chains:
        for follow in chain.follows:
            definition = follow.as_step()
            place = world.service_of(definition).place(definition)
            found.setdefault(place_key(place), []).append(Declared(chain, follow, place))
    return found


def followed_places(world: World, chains: Sequence[Chain]) -> Iterator[Tended]:
    """Every place that is followed, or has been."""
    wanted = declared_at(world, chains)
    stored = {held.key: held for held in world.follows.all()}
    for key in sorted(wanted.keys() | stored.keys()):
        yield Tended(key, wanted.get(key, ()), stored.get(key))


def tend_follows(world: World, tended: Tended) -> None:
    """Notes which follows are declared, and sends for a look that is due. A lost race is left to the next tick."""
    now = world.now()
    before = {} if tended.held is None else tended.held.followed.progress
    progress = declared(before, {one.key for one in tended.follows}, now)
    if tended.held is None:
        place = tended.follows[0].place
        fresh = FollowedPlace(place=place, token=world.fresh_id(), next_look_at=now, progress=progress)
        world.follows.begin(tended.key, fresh)  # there is nothing to look for yet
        return
    if not progress:
        world.follows.end(tended.held)
        return
    if not tended.follows:
        _saved(world, tended.held, replace(tended.held.followed, progress=progress))
        return
    followed = replace(tended.held.followed, progress=progress, place=tended.follows[0].place)
    held = _saved(world, tended.held, followed)
    if held is not None and held.followed.next_look_at <= now + SOON:
        send_follow(world, held)


def send_follow(world: World, held: HeldPlace) -> None:
    """Has the place looked at. The first message with this token to come looks, and outdates the others."""
    world.queue.send(to_body(FollowMessage(held.key, held.followed.token)))


def _saved(world: World, held: HeldPlace, followed: FollowedPlace) -> HeldPlace | None:
    return held if followed == held.followed else world.follows.save(held, followed)
