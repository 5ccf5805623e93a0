"""What shapes cannot say: names that must exist, cycles, cron, zones, and fields that fit their connection."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from shared.chains_file.fabric import check_fabric_step
from shared.chains_file.mistakes import Mistakes, Path, nearest
from shared.chains_file.power_bi import check_power_bi_step, check_refresh
from shared.chains_file.shape import ChainHeadShape, ScheduleShape, StepShape
from shared.core.templates import NAMES
from shared.core.templates import check as check_template
from shared.core.values import value_problem

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
UNKNOWN = "?"  # stands for a connection that has been reported already
MOST_DEFINED_CHARACTERS = 100_000
MOST_SECONDS = 7 * 86_400
_OWN_FIELDS = {
    "data_factory": ("pipeline", "parameters", "correlation"),
    "power_bi": ("dataset", "refresh", "dataflow"),
    "synapse": ("pipeline", "parameters", "correlation"),
    "fabric": ("item", "job_type", "parameters", "execution_data"),
}
_NEEDED = {"data_factory": "pipeline", "synapse": "pipeline", "fabric": "item"}


def duration_seconds(text: str) -> float:
    """`90s`, `5m`, `2h`, `1d` in seconds."""
    return float(text[:-1]) * _UNITS[text[-1]]


def clock_text(text: str) -> str:
    """hh:mm:ss of a duration; what is one already stays."""
    if ":" in text:
        return text
    seconds = int(duration_seconds(text))
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def check_schedule(path: Path, schedule: ScheduleShape, head: ChainHeadShape, mistakes: Mistakes) -> None:
    """Cron, zone, and that nobody is needed to say a parameter."""
    zone = zone_of(path, schedule.time_zone, mistakes)
    problem = cron_problem(schedule.cron, zone)
    if problem:
        mistakes.add((*path, "cron"), problem)
    for name, parameter in head.parameters.items():
        if parameter is None or "default" not in parameter.model_fields_set:
            mistakes.add(
                (*path[:-1], "parameters", name),
                "needs a default: a scheduled run has nobody to say it",
            )


def zone_of(path: Path, name: str, mistakes: Mistakes) -> ZoneInfo:
    """The time zone; UTC in place of one that there is not, which is a mistake."""
    from zoneinfo import ZoneInfo

    if name in _zones():
        return ZoneInfo(name)
    mistakes.add((*path, "time_zone"), f"no time zone {name!r}{_near_zone(name)}")
    return ZoneInfo("UTC")


def cron_problem(cron: str, zone: Any) -> str | None:
    from cronsim import CronSim, CronSimError

    fields = cron.split()
    if len(fields) != 5:
        more = "; seconds are not supported" if len(fields) == 6 else ""
        return f"needs five fields (minute hour day month weekday), not {len(fields)}{more}"
    try:
        next(CronSim(cron, datetime.now(UTC).astimezone(zone)))
    except CronSimError as error:
        return f"is no cron expression: {error}"
    except StopIteration:
        return "never fires"
    return None


def check_steps(path: Path, steps: Mapping[str, StepShape], declared: Collection[str], mistakes: Mistakes) -> None:
    """`after` names steps that exist, once each, and no step waits for itself."""
    for name, step in steps.items():
        for index, before in enumerate(step.after):
            place = (*path, name, "after", index)
            if before == name:
                mistakes.add(place, "a step cannot come after itself")
            elif before not in declared:
                mistakes.add(place, f"no step {before!r}{nearest(before, set(declared) - {name})}")
            elif before in step.after[:index]:
                mistakes.add(place, f"{before!r} stands here twice")
    cycle = _cycle({name: [b for b in step.after if b != name] for name, step in steps.items()})
    if cycle:
        mistakes.add((*path, cycle[0], "after"), f"steps wait for each other: {' after '.join(cycle)}")


def _cycle(after: Mapping[str, list[str]]) -> list[str]:
    """One circle of names, ending where it begins; empty when there is none."""
    done: set[str] = set()
    for start in after:
        trail: list[str] = []
        stack: list[tuple[str, int]] = [(start, 0)]
        while stack:
            name, index = stack.pop()
            if index == 0:
                if name in done:
                    continue
                if name in trail:
                    return [*trail[trail.index(name) :], name]
                trail.append(name)
            befores = [before for before in after.get(name, []) if before in after]
            if index < len(befores):
                stack += [(name, index + 1), (befores[index], 0)]
            else:
                trail.pop()
                done.add(name)
    return []


def check_step(path: Path, step: StepShape, type_of: Mapping[str, str], mistakes: Mistakes) -> None:
    """The step's connection exists, and its fields are those of the connection's type."""
    for field, most in (("timeout", MOST_SECONDS), ("retry_delay", MOST_SECONDS)):
        seconds = duration_seconds(getattr(step, field))
        if seconds > most or (field == "timeout" and seconds <= 0):
            mistakes.add((*path, field), "must be more than 0 and at most 7d")
    if step.refresh is not None:
        check_refresh((*path, "refresh"), step.refresh, mistakes)
    if step.correlation is not None and step.correlation in step.parameters:
        mistakes.add((*path, "correlation"), f"parameters has {step.correlation!r} too; Baton fills it by itself")
    kind = type_of.get(step.connection)
    if step.connection == UNKNOWN:
        return
    if kind is None:
        mistakes.add(
            (*path, "connection"), f"no connection {step.connection!r}{nearest(step.connection, type_of)}"
        )
    elif kind in _OWN_FIELDS:  # otherwise the connection's own mistake has been told
        _check_fields(path, step, kind, mistakes)


def _check_fields(path: Path, step: StepShape, kind: str, mistakes: Mistakes) -> None:
    for other, fields in _OWN_FIELDS.items():
        for field in fields if other != kind else ():
            if field in step.model_fields_set and field not in _OWN_FIELDS[kind]:
                has = ", ".join(_OWN_FIELDS[kind])
                mistakes.add((*path, field), f"a step at a {kind} connection has no {field!r}; it has {has}")
    needed = _NEEDED.get(kind)
    if needed is not None and getattr(step, needed) is None:
        mistakes.add((*path, needed), f"is required at a {kind} connection")
    if kind == "fabric":
        check_fabric_step(path, step, mistakes)
    if kind == "power_bi":
        check_power_bi_step(path, step, mistakes)


def check_size(path: Path, steps: Mapping[str, StepShape], mistakes: Mistakes) -> None:
    """Every run carries its definition, as JSON."""
    for name, step in steps.items():
        for field, value in (("parameters", step.parameters), ("execution_data", step.execution_data)):
            problem = value_problem(value)
            if problem is not None:
                mistakes.add((*path, name, field), problem)
    size = sum(len(json.dumps([s.parameters, s.execution_data], default=str)) for s in steps.values())
    if size > MOST_DEFINED_CHARACTERS:
        mistakes.add(
            path, f"the steps' parameters come to {size:,} characters; {MOST_DEFINED_CHARACTERS:,} are allowed"
        )


def check_templates(
    path: Path,
    value: Any,
    parameters: Collection[str],
    before: Collection[str],
    mistakes: Mistakes,
    names: Collection[str] = NAMES,
) -> None:
    """Every text in a step's parameters, or in a follow's, where there are other names."""
    if isinstance(value, dict):
        for key, item in value.items():
            check_templates((*path, key), item, parameters, before, mistakes, names)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            check_templates((*path, index), item, parameters, before, mistakes, names)
    elif isinstance(value, str) and "{" in value:
        for text in check_template(value, parameters=parameters, steps=before, names=names):
            mistakes.add(path, text)


def ancestors(name: str, steps: Mapping[str, StepShape]) -> set[str]:
    """All steps that surely end before this one."""
    found: set[str] = set()
    waiting = list(steps[name].after) if name in steps else []
    while waiting:
        before = waiting.pop()
        if before not in found:
            found.add(before)
            waiting += steps[before].after if before in steps else ()
    return found


@cache
def _zones() -> frozenset[str]:
    from zoneinfo import available_timezones

    return frozenset(available_timezones())


def _near_zone(name: str) -> str:
    near = nearest(name, _zones())
    return near if near.startswith("; did") else "; use an IANA name like Europe/Berlin"
