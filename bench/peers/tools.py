"""Every tool by its name: which environment has it, what it needs before, and how it is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Literal

from bench.peers import airflow_tool, script_tool
from bench.peers.stage import Kind, Stage, Tool

Environment = Literal["bench", "bench-fabric"]


def _clients(stage: Stage) -> None:
    """Imports are not what a run costs."""
    modules = ["azure.identity"] + (["azure.mgmt.datafactory"] if stage.case.kind == "adf" else [])
    for module in modules:
        import_module(module)


def _dagster(_: Stage) -> None:
    import_module("dagster_powerbi")


def _own(stage: Stage) -> None:
    _clients(stage)
    import_module("bench.peers.baton_tool")


def _baton(stage: Stage, *, known: bool = False) -> Tool:
    """Imported here, so that Baton's own modules are in no peer's memory."""
    made: Tool = import_module("bench.peers.baton_tool").BatonTool(stage, known=known)
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """`title`: as tables call it. `only_faults`: it differs from another one only when something goes wrong.
    `coroutines`: it uses aiohttp or httpx.
    """

    title: str
    kind: Kind
    make: Callable[[Stage], Tool]
    prepare: Callable[[Stage], None] = _clients
    environment: Environment = "bench"
    only_faults: bool = False
    coroutines: bool = False


TOOLS: dict[str, Entry] = {
    "airflow": Entry(
        title="Airflow, Data Factory operator",
        kind="adf",
        make=airflow_tool.adf_tool,
        prepare=airflow_tool.prepare,
        coroutines=True,
    ),
    "airflow-retry": Entry(
        title="Airflow, the same with `retries=1`",
        kind="adf",
        make=partial(airflow_tool.adf_tool, retries=1),
        prepare=airflow_tool.prepare,
        coroutines=True,
        only_faults=True,
    ),
    "airflow-deferrable": Entry(
        title="Airflow, `deferrable=True`",
        kind="adf",
        make=partial(airflow_tool.adf_tool, deferrable=True),
        prepare=airflow_tool.prepare,
        coroutines=True,
    ),
    "airflow-deferrable-retry": Entry(
        title="Airflow, `deferrable=True`, `retries=1`",
        kind="adf",
        make=partial(airflow_tool.adf_tool, deferrable=True, retries=1),
        prepare=airflow_tool.prepare,
        coroutines=True,
        only_faults=True,
    ),
    "script": Entry(
        title="plain script, poll loop",
        kind="adf",
        make=lambda stage: script_tool.ProcessTool(stage, script_tool.load_and_refresh),
    ),
    "baton": Entry(title="Baton, first run ever", kind="adf", make=_baton, prepare=_own),
    "baton-known": Entry(
        title="Baton, with past runs", kind="adf", make=partial(_baton, known=True), prepare=_own
    ),
    "fabric-plugin": Entry(
        title="Fabric plugin",
        kind="fabric",
        make=airflow_tool.fabric_tool,
        prepare=airflow_tool.prepare_fabric,
        coroutines=True,
        environment="bench-fabric",
    ),
    "fabric-plugin-deferrable": Entry(
        title="Fabric plugin, `deferrable=True`",
        kind="fabric",
        make=partial(airflow_tool.fabric_tool, deferrable=True),
        prepare=airflow_tool.prepare_fabric,
        coroutines=True,
        environment="bench-fabric",
    ),
    "fabric-plugin-retry": Entry(
        title="Fabric plugin, `retries=1`",
        kind="fabric",
        make=partial(airflow_tool.fabric_tool, retries=1),
        prepare=airflow_tool.prepare_fabric,
        coroutines=True,
        environment="bench-fabric",
        only_faults=True,
    ),
    "fabric-plugin-deferrable-retry": Entry(
        title="Fabric plugin, `deferrable=True`, `retries=1`",
        kind="fabric",
        make=partial(airflow_tool.fabric_tool, deferrable=True, retries=1),
        prepare=airflow_tool.prepare_fabric,
        coroutines=True,
        environment="bench-fabric",
        only_faults=True,
    ),
    "baton-fabric": Entry(title="Baton, first run ever", kind="fabric", make=_baton, prepare=_own),
    "baton-fabric-known": Entry(
        title="Baton, with past runs", kind="fabric", make=partial(_baton, known=True), prepare=_own
    ),
    "airflow-refresh": Entry(
        title="Airflow, Power BI operator",
        kind="refresh",
        make=airflow_tool.power_bi_tool,
        prepare=airflow_tool.prepare,
        coroutines=True,
    ),
    "airflow-refresh-retry": Entry(
        title="Airflow, Power BI operator, `retries=1`",
        kind="refresh",
        make=partial(airflow_tool.power_bi_tool, retries=1),
        prepare=airflow_tool.prepare,
        coroutines=True,
        only_faults=True,
    ),
    "dagster": Entry(
        title="dagster-powerbi",
        kind="refresh",
        prepare=_dagster,
        make=lambda stage: script_tool.ProcessTool(stage, script_tool.dagster_refresh),
    ),
    "script-refresh": Entry(
        title="plain script, poll loop",
        kind="refresh",
        make=lambda stage: script_tool.ProcessTool(stage, script_tool.refresh_only),
    ),
    "baton-refresh": Entry(title="Baton, first run ever", kind="refresh", make=_baton, prepare=_own),
    "baton-refresh-known": Entry(
        title="Baton, with past runs", kind="refresh", make=partial(_baton, known=True), prepare=_own
    ),
}

REFERENCE: dict[Kind, str] = {"adf": "baton", "fabric": "baton-fabric", "refresh": "baton-refresh"}


def of_kind(kind: Kind, *, faults: bool) -> Sequence[str]:
    """The tools that can do it, in the order of the tables."""
    return [name for name, each in TOOLS.items() if each.kind == kind and (faults or not each.only_faults)]
