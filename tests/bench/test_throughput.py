"""How many chains one core carries: what is counted is whole, and the page says how far it is from the least."""

from __future__ import annotations

from bench.throughput import measure
from bench.throughput_page import LEAST, OPERATIONS, written


def test_each_chain_runs_to_its_end_and_each_storage_operation_is_counted() -> None:
    told = measure("sqlite", 3)
    assert 0 < told["start_median"] <= told["start_99"]
    assert told["cpu_seconds"] > 0
    assert set(told["operations"]) >= set(OPERATIONS)
    assert all(told["operations"][name] >= least for name, (least, _) in LEAST.items() if name != "receive")


def test_the_tables_say_how_many_times_the_least_was_used() -> None:
    told = {
        "storage": "sqlite",
        "chains": 10,
        "wall_seconds": 5.0,
        "cpu_seconds": 2.0,
        "start_median": 0.01,
        "start_99": 0.05,
        "operations": {name: 2.0 * least for name, (least, _) in LEAST.items()},
    }
    tables = written([told], "a machine", page=False)
    assert "| chains a second of one core's time | 5.0 |" in tables
    assert "| write | 24.0 | 12 | x 2.0 |" in tables
    assert "| **in all** | 46.0 | 23 | x 2.0 |" in tables
