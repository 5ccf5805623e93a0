"""The services' own books: every job that ever began there, whoever started it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from local.simulated_azure.dataflows import Transaction
from local.simulated_azure.fabric_items import Instance
from local.simulated_azure.pipelines import PipelineRun
from local.simulated_azure.power_bi import Refresh
from local.simulated_azure.world import SimulatedAzure
from tests.simulation.faults import HIDDEN_SECONDS

TheirJob = PipelineRun | Refresh | Transaction | Instance


def all_jobs(azure: SimulatedAzure) -> Iterator[TheirJob]:
    for factory in (*azure.data_factory.factories.values(), *azure.synapse.workspaces.values()):
        yield from factory.runs.values()
    for models in azure.power_bi.workspaces.values():
        for model in models.values():
            yield from model.refreshes
    for flows in azure.power_bi.dataflows.workspaces.values():
        for flow in flows.values():
            yield from flow.transactions
    for workspace in azure.fabric.workspaces.values():
        for item in workspace.items.values():
            yield from item.instances


def began_at(job: TheirJob) -> datetime:
    """By the service's clock."""
    return job.started_at if isinstance(job, Refresh | Transaction) else job.created_at


def was_listed(job: TheirJob) -> bool:
    """Whether its service showed it in time; of one that was not, nobody can tell that it has been started."""
    return job.visible_at <= began_at(job) + timedelta(seconds=HIDDEN_SECONDS)


def was_stopped(job: TheirJob) -> bool:
    """Whether somebody has cancelled it."""
    return (job.cancel_at if isinstance(job, PipelineRun) else job.cancelled_at) is not None


def succeeded(job: TheirJob, now: datetime) -> bool:
    return job.status(now) in ("Succeeded", "Completed", "Success")


def looks_alike(job: TheirJob) -> bool:
    """Whether its service shows nothing of whom it was started for: a run that goes on with another shows its."""
    return not isinstance(job, PipelineRun) or not job.parameters or job.group != job.id
