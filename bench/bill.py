"""What counted work costs: formulas only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from bench.prices import FREE_EXECUTIONS, FREE_GB_SECONDS, dollars

MONTH_MINUTES = 43_200  # of 30 days
MONTH_HOURS = 720
LEAST_SECONDS = 1.0  # that an execution is billed on Flex Consumption
STORAGE_SECONDS = 0.010  # a storage operation takes, assumed
CALL_SECONDS = 0.250  # a call to a service takes, assumed
POLLS_A_MINUTE = 30  # of an idle queue, by the host and by what scales it, assumed
BLOBS_A_MINUTE = 3  # the host's lease and status of the timer, assumed


@dataclass(frozen=True, slots=True)
class Work:
    """What some chains, or some ticks, made Baton do."""

    executions: float = 0.0
    table: float = 0.0  # transactions: each read, each page, each row of a batch
    queue: float = 0.0
    blob: float = 0.0
    calls: float = 0.0  # to services
    cpu_seconds: float = 0.0

    def times(self, factor: float) -> Work:
        values = (self.executions, self.table, self.queue, self.blob, self.calls, self.cpu_seconds)
        return Work(*(value * factor for value in values))

    def plus(self, other: Work) -> Work:
        return Work(
            self.executions + other.executions,
            self.table + other.table,
            self.queue + other.queue,
            self.blob + other.blob,
            self.calls + other.calls,
            self.cpu_seconds + other.cpu_seconds,
        )

    def seconds_each(self) -> float:
        """How long an execution takes on average, storage and services included."""
        waited = (self.table + self.queue) * STORAGE_SECONDS + self.calls * CALL_SECONDS
        return (self.cpu_seconds + waited) / self.executions if self.executions else 0.0

    def billed_seconds(self) -> float:
        """In all, as if each execution had an instance for itself: the most that can be billed."""
        each = max(LEAST_SECONDS, math.ceil(self.seconds_each() * 10) / 10)
        return self.executions * each


def work_of(counts: Mapping[str, int], *, executions: float, calls: float, cpu_seconds: float) -> Work:
    """From what the benchmark's counting tables and queues have counted."""
    table = counts["get"] + counts["scan page"] + counts["rows written"]
    queue = counts["send"] + counts["receive"] + counts["delete"]
    return Work(executions, table, queue, 0.0, calls, cpu_seconds)


def idle_month(tick: Work) -> Work:
    """A month in which nothing runs: the minute timer, and the host looking at its queue."""
    host = Work(queue=POLLS_A_MINUTE * MONTH_MINUTES, blob=BLOBS_A_MINUTE * MONTH_MINUTES)
    return tick.times(MONTH_MINUTES).plus(host)


def bill(work: Work, memory_gb: float, *, free: bool) -> dict[str, float]:
    """Dollars by meter. `free`: with the month's free grants, which a subscription has once."""
    gb_seconds = work.billed_seconds() * memory_gb
    executions = work.executions
    if free:
        gb_seconds, executions = max(0.0, gb_seconds - FREE_GB_SECONDS), max(0.0, executions - FREE_EXECUTIONS)
    return {
        "execution time": gb_seconds * dollars("gb_second"),
        "executions": executions / 1e6 * dollars("executions"),
        "tables": work.table / 1e4 * dollars("table"),
        "queue": work.queue / 1e4 * dollars("queue"),
        "blobs": work.blob / 1e4 * dollars("blob"),
        "factory's run records": work.calls / 5e4 * dollars("monitoring"),
    }


def until_loop(job_seconds: float, *, round_seconds: float = 30, activities: int = 3) -> float:
    """Data Factory: start, then Web, Wait and Set Variable in each round of an Until loop. Dollars a job."""
    rounds = math.ceil(job_seconds / round_seconds)
    minutes = rounds + 1  # each Web activity is billed a whole minute
    return (2 + rounds * activities) * dollars("activity") / 1e3 + minutes / 60 * dollars("web_hour")


def logic_app(job_seconds: float, *, round_seconds: float = 30) -> float:
    """Logic Apps: trigger and start, then a connector's call and a delay in each round. Dollars a job."""
    rounds = math.ceil(job_seconds / round_seconds)
    return (rounds + 1) * (dollars("connector") + dollars("built_in"))
