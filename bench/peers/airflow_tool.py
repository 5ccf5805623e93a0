"""Airflow's operators as a task and a triggerer run them, at their defaults, each run in a DAG run of its own.

What is left out is in Airflow's favour: no scheduler picks tasks up (that takes seconds), no task waits for one of
the 32 slots that `core.parallelism` allows, no database is asked for anything, and all tasks share one process.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from importlib import import_module
from typing import Any

from bench.peers.stage import (
    CLIENT_ID,
    CLIENT_SECRET,
    FACTORY,
    GROUP,
    LAKEHOUSE,
    REPORTS,
    SUBSCRIPTION,
    TENANT,
    Outcome,
    Stage,
)
from bench.peers.virtual_time import CrashError

HEARTBEAT_SECONDS = 300.0  # scheduler.task_instance_heartbeat_timeout: when a task that died is noticed
TRIGGERER_SECONDS = 60.0  # until another triggerer takes over what a dead one had (a guess in Airflow's favour)

MakeOperator = Callable[[Stage, int], Any]
_PROVIDER = "airflow.providers.microsoft.azure.operators"


class TaskInstance:
    """What operators use of theirs."""

    def xcom_push(self, key: str, value: Any, **_: Any) -> None:
        """Nobody asks for it here."""


class AirflowTool:
    """Tasks one after the other, each tried again `retries` times where Airflow would."""

    def __init__(self, stage: Stage, operators: Sequence[MakeOperator], retries: int) -> None:
        self._stage = stage
        self._operators = operators
        self._retries = retries

    def begin(self, number: int) -> None:
        for make in self._operators:
            outcome = self._task(partial(make, self._stage, number))
            if outcome != "succeeded":
                self._stage.tell(number, outcome)
                return
        self._stage.tell(number, "succeeded")

    def _task(self, make: Callable[[], Any]) -> Outcome:
        left = self._retries
        while True:
            operator = make()
            try:
                self._try(operator)
            except CrashError:
                outcome: Outcome = "died"
                self._stage.time.sleep(HEARTBEAT_SECONDS)
            except Exception:  # noqa: BLE001 - whatever a task raises fails it
                outcome = "failed"
            else:
                return "succeeded"
            if left == 0:
                return outcome
            left -= 1
            delay: timedelta = operator.retry_delay
            self._stage.time.sleep(delay.total_seconds())

    def _try(self, operator: Any) -> None:
        """As a task process does it: execute, and go on after each trigger until nothing is deferred."""
        deferred = _deferred()
        context = {"ti": TaskInstance(), "task_instance": TaskInstance()}
        go_on: Callable[[], object] = partial(operator.execute, context)
        while True:
            try:
                go_on()
            except deferred as told:
                event = self._triggered(told.trigger)
                arguments = {**(told.kwargs or {}), "event": event}
                go_on = partial(operator.resume_execution, told.method_name, arguments, context)
            else:
                return

    def _triggered(self, trigger: Any) -> Any:
        """The event's payload. A trigger travels as text, and its triggerer may die, and another go on with it."""
        path, arguments = trigger.serialize()
        module, _, name = path.rpartition(".")
        while True:
            travelled = getattr(import_module(module), name)(**arguments)
            try:
                return self._stage.time.wait_for(_first_event(travelled))
            except CrashError:
                self._stage.time.sleep(TRIGGERER_SECONDS)


async def _first_event(trigger: Any) -> Any:
    events = trigger.run()
    try:
        async for event in events:
            return event.payload
    finally:
        await events.aclose()
    raise RuntimeError("the trigger ended without an event")


def _deferred() -> Any:
    """The class of what an operator raises to wait in the triggerer."""
    return import_module("airflow.exceptions").TaskDeferred


def data_factory(stage: Stage, number: int, **more: Any) -> Any:
    made = import_module(f"{_PROVIDER}.data_factory").AzureDataFactoryRunPipelineOperator
    return made(
        task_id=f"load-{number}",
        pipeline_name=stage.pipeline(number),
        resource_group_name=GROUP,
        factory_name=FACTORY,
        parameters={"run": str(number)},
        **more,
    )


def fabric(stage: Stage, number: int, **more: Any) -> Any:
    made = import_module("apache_airflow_microsoft_fabric_plugin.operators.fabric").FabricRunItemOperator
    return made(
        task_id=f"load-{number}",
        fabric_conn_id="fabric_default",
        workspace_id=LAKEHOUSE,
        item_id=stage.pipeline(number),
        job_type="Pipeline",
        job_params={"run": str(number)},
        **more,
    )


def power_bi(stage: Stage, number: int) -> Any:
    made = import_module(f"{_PROVIDER}.powerbi").PowerBIDatasetRefreshOperator
    return made(task_id=f"refresh-{number}", dataset_id=stage.model(number), group_id=REPORTS)


def prepare(stage: Stage) -> None:
    """Settings and connections, as environment variables; nothing else is changed from the defaults."""
    if "AIRFLOW_CONN_POWERBI_DEFAULT" not in os.environ:
        os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="airflow-")
        for name, told in _CONNECTIONS.items():
            os.environ[f"AIRFLOW_CONN_{name}"] = json.dumps(told)
    for module in ("powerbi", "data_factory") if stage.case.kind == "adf" else ("powerbi",):
        import_module(f"{_PROVIDER}.{module}")


def prepare_fabric(stage: Stage) -> None:
    """The plugin writes its refresh token back to Airflow's database, so it has one, with one connection in it."""
    prepare(stage)
    import_module("apache_airflow_microsoft_fabric_plugin.operators.fabric")
    connections = import_module("airflow.models").Connection
    settings = import_module("airflow.settings")
    connections.__table__.create(settings.engine, checkfirst=True)
    session = settings.Session()
    session.query(connections).delete()
    extra = json.dumps({"tenantId": TENANT, "clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET})
    told = {"conn_type": "fabric", "login": CLIENT_ID, "password": stage.refresh_token, "extra": extra}
    session.add(connections(conn_id="fabric_default", **told))
    session.commit()


_LOGIN = {"login": CLIENT_ID, "password": CLIENT_SECRET}
_CONNECTIONS = {
    "AZURE_DATA_FACTORY_DEFAULT": {
        "conn_type": "azure_data_factory",
        **_LOGIN,
        "extra": {"tenantId": TENANT, "subscriptionId": SUBSCRIPTION},
    },
    "POWERBI_DEFAULT": {"conn_type": "powerbi", **_LOGIN, "extra": {"tenant_id": TENANT}},
}


def adf_tool(stage: Stage, *, deferrable: bool | None = None, retries: int = 0) -> AirflowTool:
    """None: as the operator's default has it."""
    more: dict[str, Any] = {} if deferrable is None else {"deferrable": deferrable}
    return AirflowTool(stage, (partial(data_factory, **more), power_bi), retries)


def fabric_tool(stage: Stage, *, deferrable: bool | None = None, retries: int = 0) -> AirflowTool:
    """None: as the operator's default has it."""
    more: dict[str, Any] = {} if deferrable is None else {"deferrable": deferrable}
    return AirflowTool(stage, (partial(fabric, **more), power_bi), retries)


def power_bi_tool(stage: Stage, *, retries: int = 0) -> AirflowTool:
    return AirflowTool(stage, (power_bi,), retries)
