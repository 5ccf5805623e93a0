"""`dag`, `task`, `task.sensor` and `Connection` of Airflow 3, run at once and in order.

Tasks get the context variables that they name, as Airflow gives them; a sensor is poked until it is true.
"""

from __future__ import annotations

import inspect
import os
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

POKE_SECONDS = 0.5  # whatever the sensor asks for: nobody waits a minute in a test
finished: list[tuple[str, Any]] = []


class Connection:
    """Connections that the environment describes, as AIRFLOW_CONN_* does."""

    @staticmethod
    def get(conn_id: str) -> SimpleNamespace:
        fields = ("host", "login", "password")
        return SimpleNamespace(**{name: os.environ.get(f"STANDIN_{conn_id}_{name}".upper()) for name in fields})


def dag(*, schedule: str, start_date: Any, catchup: bool) -> Callable[[Callable[[], None]], Callable[[], None]]:
    return lambda function: function


class _Task:
    def __call__(self, *, retries: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        return lambda function: lambda *given: _run(function, given)

    def sensor(
        self, *, mode: str, poke_interval: float, timeout: float
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        assert mode == "reschedule"

        def poked(function: Callable[..., Any]) -> Callable[..., Any]:
            def until_true(*given: Any) -> None:
                while not _run(function, given):
                    time.sleep(POKE_SECONDS)

            return until_true

        return poked


def _run(function: Callable[..., Any], given: tuple[Any, ...]) -> Any:
    context = {"run_id": os.environ["STANDIN_RUN_ID"], "ti": SimpleNamespace(try_number=1)}
    named = inspect.signature(function).parameters
    result = function(*given, **{name: value for name, value in context.items() if name in named})
    finished.append((function.__name__, result))
    return result


task = _Task()
