"""Pipelines, their runs, and what a run shows at which time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

FINAL = ("Succeeded", "Failed", "Cancelled")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebHook:
    """A WebHook activity: it calls an address, and waits until it is called back. `reports`: whether the answer
    decides how the activity ends."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    timeout_seconds: float = 600
    reports: bool = True


@dataclass(slots=True)
class Pipeline:
    """What a pipeline does when it runs. `returns`: its pipelineReturnValue; `fails`: its message if it fails."""

    name: str
    seconds: float = 5.0
    queued_seconds: float = 0.3
    parameters: Mapping[str, Any] = field(default_factory=dict)  # name to default; None: no default
    returns: Any = None
    fails: str | None = None  # in its last activity
    activities: tuple[str, ...] = ("Copy",)
    web_hook: WebHook | None = None  # its only activity, in place of those
    heeds_cancel: bool = True  # else its runs go on, though the cancel was accepted


@dataclass(slots=True)
class PipelineRun:
    """One run. What it shows depends on the time."""

    id: str
    pipeline: str
    parameters: Mapping[str, str]
    invoked_by: Mapping[str, str]
    created_at: datetime
    begins_at: datetime
    ends_at: datetime
    outcome: str
    message: str
    returns: Any
    visible_at: datetime
    cancel_at: datetime | None = None
    group: str = ""
    activities: tuple[str, ...] = ("Copy",)
    fails: str = ""
    shown: tuple[tuple[object, ...], dict[str, Any]] | None = (
        None  # as it was last told of, and what that rested on
    )

    def recover(self, earlier: PipelineRun, first: str | None) -> None:
        """Makes this a rerun of an earlier run, from one of its activities on."""
        self.group = earlier.group
        if first in self.activities:
            share = (self.ends_at - self.begins_at) / len(self.activities)
            self.activities = self.activities[self.activities.index(first) :]
            self.ends_at = self.begins_at + share * len(self.activities)

    def status(self, now: datetime) -> str:
        if self.cancel_at is not None and self.cancel_at < self.ends_at and now >= self.cancel_at:
            return "Canceling" if now < self.cancel_at + timedelta(seconds=1) else "Cancelled"
        if now >= self.ends_at:
            return self.outcome
        return "InProgress" if now >= self.begins_at else "Queued"

    def ended_at(self) -> datetime:
        if self.cancel_at is not None and self.cancel_at < self.ends_at:
            return self.cancel_at + timedelta(seconds=1)
        return self.ends_at

    def updated_at(self, now: datetime) -> datetime:
        latest = self.created_at
        for moment in (self.begins_at, self.cancel_at, self.ended_at()):
            if moment is not None and latest < moment <= now:
                latest = moment
        return latest


@dataclass(slots=True)
class Factory:
    """One data factory or Synapse workspace: what is declared, and all that ever ran."""

    pipelines: dict[str, Pipeline] = field(default_factory=dict)
    runs: dict[str, PipelineRun] = field(default_factory=dict)
    latest: dict[str, str] = field(default_factory=dict)  # the newest run of each group that was continued
    no_role: bool = False  # the caller may do nothing here
    actions: tuple[str, ...] = ("*",)  # of the caller's role at a data factory
    shows_permissions: bool = True  # whether the caller may ask what its roles allow
