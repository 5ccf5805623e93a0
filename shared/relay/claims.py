"""Which of a service's jobs Baton has started, and in which run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from shared.core.definition import StepDefinition
from shared.relay.world import World
from shared.store.places import place_key

MOST_AT_ONCE = 8


def runs_of_jobs(world: World, definitions: Iterable[StepDefinition], job_ids: Sequence[str]) -> dict[str, str]:
    """The run of each of these jobs that a run has claimed, at the places of these steps."""
    keys = sorted({place_key(world.service_of(each).place(each)) for each in definitions})
    if not keys or not job_ids:
        return {}
    asked = [(key, job_id) for job_id in job_ids for key in keys]
    with ThreadPoolExecutor(min(MOST_AT_ONCE, len(asked))) as pool:
        owners = pool.map(lambda each: world.places.owner(*each), asked)
    return {job_id: owner.split("/")[0] for (_, job_id), owner in zip(asked, owners, strict=True) if owner}
