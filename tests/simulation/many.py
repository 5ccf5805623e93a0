"""Many seeds, on as many processes as there are cores."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.simulation.invariants import violations
from tests.simulation.simulation import Simulation

BLOCK = 100
SEEDS_KEPT = 25


@dataclass(slots=True)
class Block:
    """What became of some seeds."""

    seeds: int = 0
    failed: list[tuple[int, list[str]]] = field(default_factory=list)


def play(first: int, count: int) -> Iterator[Block]:
    """Block by block, as they are done."""
    starts = range(first, first + count, BLOCK)
    blocks = [(start, min(BLOCK, first + count - start)) for start in starts]
    processes = workers(count)
    if processes == 1:
        yield from map(_block, blocks)
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap_unordered(_block, blocks)


def workers(count: int) -> int:
    """How many processes play so many seeds."""
    return max(1, min(os.cpu_count() or 1, -(-count // BLOCK)))


def _block(block: tuple[int, int]) -> Block:
    logging.disable(logging.CRITICAL)
    gc.disable()  # each seed is thrown away as a whole
    gc.freeze()  # and what the modules hold stays
    first, count = block
    done = Block()
    for seed in range(first, first + count):
        found = played(seed)
        done.seeds += 1
        if done.seeds % SEEDS_KEPT == 0:
            gc.collect()
        if found:
            done.failed.append((seed, found))
    return done


def played(seed: int) -> list[str]:
    """The violations of one seed."""
    simulation = Simulation(seed)
    simulation.run()
    return violations(simulation)
