"""docs/cost.md, from what was just counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.bill import (
    BLOBS_A_MINUTE,
    CALL_SECONDS,
    LEAST_SECONDS,
    MONTH_HOURS,
    MONTH_MINUTES,
    POLLS_A_MINUTE,
    STORAGE_SECONDS,
    Work,
    bill,
    idle_month,
    logic_app,
    until_loop,
)
from bench.prices import FREE_EXECUTIONS, FREE_GB_SECONDS, PRICES, dollars

PAGE = Path(__file__).resolve().parent.parent / "docs" / "cost.md"
SMALL_GB, LARGE_GB = 0.5, 2.0  # instance sizes
REFRESH_SECONDS = 40.0  # as in the chains that are played
BUSY_CHAINS = 100_000 * 30


@dataclass(frozen=True, slots=True)
class Costs:
    """Counted: of a tick of the timer, and of a chain that runs first, that is known, and beside others."""

    tick: Work
    first: Work
    known: Work
    together: Work
    job_seconds: float


def written(costs: Costs) -> str:
    """Writes the page, and gives it back."""
    text = page(costs)
    PAGE.write_text(text, encoding="utf-8")
    return text


def page(costs: Costs) -> str:
    return (
        "\n\n".join([_HEAD.strip(), _counted(costs), _bills(costs), _others(costs), _formulas(), _prices()]) + "\n"
    )


def _counted(costs: Costs) -> str:
    kinds = {
        "a tick of the timer, nothing due": costs.tick,
        "a chain, alone, never run before": costs.first,
        "a chain, alone, whose past is known": costs.known,
        "a chain of 300 under way at a factory": costs.together,
    }
    rows = [
        [
            name,
            f"{work.executions:.0f}",
            f"{work.table:.0f}",
            f"{work.queue:.0f}",
            f"{work.calls:.0f}",
            f"{work.seconds_each():.2f}",
        ]
        for name, work in kinds.items()
    ]
    columns = [
        "",
        "executions",
        "table transactions",
        "queue operations",
        "calls to services",
        "seconds an execution",
    ]
    return "## Counted\n\n" + _table(columns, rows)


def _bills(costs: Costs) -> str:
    busy = idle_month(costs.tick).plus(costs.together.times(BUSY_CHAINS))
    cases = [
        ("1,000 chains, each alone, never run before", costs.first.times(1_000), False),
        ("1,000 chains, each alone, whose past is known", costs.known.times(1_000), False),
        ("1,000 chains, 300 at a time", costs.together.times(1_000), False),
        ("a month in which nothing runs", idle_month(costs.tick), False),
        ("the same, with the free grants", idle_month(costs.tick), True),
        ("a month of 100,000 chains a day, with the free grants", busy, True),
    ]
    rows = []
    for name, work, free in cases:
        small, large = (bill(work, size, free=free) for size in (SMALL_GB, LARGE_GB))
        storage = small["tables"] + small["queue"] + small["blobs"]
        rows.append(
            [
                name,
                _usd(small["execution time"] + small["executions"]),
                _usd(large["execution time"] + large["executions"]),
                _usd(storage),
                _usd(small["factory's run records"]),
                f"**{_usd(sum(small.values()))}**",
                f"**{_usd(sum(large.values()))}**",
            ]
        )
    columns = [
        "",
        "Functions, 512 MB",
        "Functions, 2,048 MB",
        "storage",
        "run records",
        "all, 512 MB",
        "all, 2,048 MB",
    ]
    return "## What that costs, US dollars\n\n" + _table(columns, rows)


def _others(costs: Costs) -> str:
    ours = [bill(work.times(1_000), LARGE_GB, free=False) for work in (costs.first, costs.known, costs.together)]
    least, most = min(sum(each.values()) for each in ours), max(sum(each.values()) for each in ours)
    job, refresh = costs.job_seconds, REFRESH_SECONDS
    baton = f"{_usd(least)} to {_usd(most)}"
    rows = [
        [
            "Baton, 2,048 MB, alone and not known to 300 at a time",
            baton,
            _usd(sum(bill(idle_month(costs.tick), LARGE_GB, free=False).values())) + " a month",
        ],
        [
            "Until loop of 30 s over the pipeline's hour and the refresh",
            _usd(1_000 * (until_loop(job) + until_loop(refresh))),
            "0",
        ],
        ["Until loop of 30 s over the refresh alone, inside the pipeline", _usd(1_000 * until_loop(refresh)), "0"],
        ["the same over a refresh of 10 minutes", _usd(1_000 * until_loop(600)), "0"],
        ["Logic App, a look each 30 s, over both", _usd(1_000 * (logic_app(job) + logic_app(refresh))), "0"],
        [
            "managed Airflow: Fabric job Small, always on",
            "0",
            _usd(MONTH_HOURS * dollars("airflow_fabric")) + " a month",
        ],
        ["managed Airflow: Amazon MWAA small", "0", _usd(MONTH_HOURS * dollars("airflow_aws")) + " a month"],
    ]
    columns = ["", "1,000 chains", "standing"]
    return "\n\n".join(["## Beside others, US dollars", _table(columns, rows), _OTHERS.strip()])


def _formulas() -> str:
    return _FORMULAS.format(
        least=f"{LEAST_SECONDS:.0f}",
        storage=f"{STORAGE_SECONDS * 1_000:.0f}",
        call=f"{CALL_SECONDS * 1_000:.0f}",
        minutes=f"{MONTH_MINUTES:,}",
        polls=POLLS_A_MINUTE,
        blobs=BLOBS_A_MINUTE,
        gb_seconds=f"{FREE_GB_SECONDS:,}",
        executions=f"{FREE_EXECUTIONS:,}",
    ).strip()


def _prices() -> str:
    rows = [
        [each.unit, f"{each.dollars:.6f}".rstrip("0").rstrip("."), each.quoted, each.check]
        for each in PRICES.values()
    ]
    return "## List prices, to be checked\n\n" + _table(["unit", "US dollars", "as quoted by", "to check"], rows)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(columns)} |", "| --- |" + " ---: |" * (len(columns) - 1)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _usd(amount: float) -> str:
    return f"{amount:,.0f}" if amount >= 100 else f"{amount:.2f}"


_HEAD = """# What Baton costs

Made by `make bench-cost`. Written by the benchmark; do not edit: put your prices into `bench/prices.py`.

A model: counted work times list prices. The counts are exact, from the relay, the stores and the clients as
they are deployed, in virtual time. A chain is a pipeline of an hour, then a refresh of 40 seconds at a model of
its own. *Known* is the ninth night of a chain that takes equally long each night. The jobs themselves (the
pipeline's activities, the capacity that refreshes) are not in it: they cost the same whoever starts them. Nor
are Application Insights, the network, and the few megabytes of stored rows.
"""

_OTHERS = """
The loop and the Logic App notice an end after up to 30 s, and have nothing for a start whose answer is lost. A
loop with rounds of 5 minutes costs a tenth, and notices after up to 5 minutes. An Until loop inside the
pipeline need only wait for the refresh: for a short one it costs about as much as Baton, which watches the hour
before as well. Airflow's price is for its being there, whatever runs; at 100,000 chains a day a standing
Airflow may be cheaper than Baton on Flex Consumption, if one small environment carries them.
"""

_FORMULAS = """## Formulas and assumptions

- Execution time = executions x max({least} s, seconds an execution, rounded up to 0.1 s) x GB of the instance.
  That is the most: executions at the same time on one instance share its seconds, and messages come in batches
  of 8.
- Seconds an execution = (CPU as measured + {storage} ms for each storage operation + {call} ms for each call to
  a service) / executions. The waits are assumed. All are below {least} s, so that the least time that is billed
  decides, and nothing else: a smaller instance costs less in proportion.
- Executions = starts + messages delivered. Table transactions = reads + pages of scans + rows written (each
  row of a batch is billed). Queue operations = sent + received + deleted.
- A month = {minutes} ticks, with {polls} looks at the idle queue and {blobs} blob operations of the host a
  minute (both assumed). 20 chains with a schedule are declared. A month of 100,000 chains a day has 30 days,
  and its idle part on top.
- Each call to a service is reckoned as one record read at the factory, also those to Power BI, which cost
  nothing: too much where a look finds one run, too little where it finds many.
- Free each month: {gb_seconds} GB-seconds and {executions} executions, for the whole subscription.
- Until loop: 2 + 3 activity runs a round (Web, Wait, Set Variable), and a minute of an external activity a round.
- Logic App: a standard connector's call and a built-in delay a round."""
